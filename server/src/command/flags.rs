//! Command flags, with Redis's meaning where Redis has them.

/// A set of command flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $redis:expr;)*) => {
        impl Flags {
            $($(#[$doc])* pub(crate) const $name: Flags = Flags(1 << $bit);)*

            /// Every flag with the name `COMMAND INFO` gives it; `None` for our own.
            pub(crate) const ALL: &'static [(Flags, Option<&'static str>)] =
                &[$((Flags::$name, $redis),)*];
        }
    };
}

flags! {
    /// May change data.
    WRITE = 0, Some("write");
    /// Only reads data.
    READ = 1, Some("readonly");
    /// May need memory: refused when memory is short.
    DENY_OOM = 2, Some("denyoom");
    /// For administrators.
    ADMIN = 3, Some("admin");
    /// Belongs to publish/subscribe.
    PUBSUB = 4, Some("pubsub");
    /// Not callable from scripts.
    NO_SCRIPT = 5, Some("noscript");
    /// May block the client.
    BLOCKING = 6, Some("blocking");
    /// Allowed while the data set is loading.
    LOADING = 7, Some("loading");
    /// Allowed on a replica whose data is stale.
    STALE = 8, Some("stale");
    /// Not shown to `MONITOR`.
    SKIP_MONITOR = 9, Some("skip_monitor");
    /// Not entered in the slow log.
    SKIP_SLOWLOG = 10, Some("skip_slowlog");
    /// Works on an importing slot as if `ASKING` had been sent.
    ASKING = 11, Some("asking");
    /// Takes constant or logarithmic time.
    FAST = 12, Some("fast");
    /// Allowed before authentication.
    NO_AUTH = 13, Some("no_auth");
    /// May be propagated though it is not a write. Redis does not show it.
    MAY_REPLICATE = 14, None;
    /// Its key positions are not plain `first, last, step`.
    MOVABLE_KEYS = 15, Some("movablekeys");
    /// Not allowed inside `MULTI`.
    NO_MULTI = 16, Some("no_multi");
    /// Allowed while a script keeps the server busy.
    ALLOW_BUSY = 17, Some("allow_busy");
    /// May be called without any key.
    NO_MANDATORY_KEYS = 18, Some("no_mandatory_keys");
    /// Refused while loading asynchronously.
    NO_ASYNC_LOADING = 19, Some("no_async_loading");
    /// Touches keys that its arguments do not name. A reader visits one shard at a time outside
    /// `EXEC`; anything else takes the gate exclusively.
    UNDECLARED = 20, None;
    /// Answered at once even between `MULTI` and `EXEC` (`EXEC`, `DISCARD`, `WATCH`, …).
    NEVER_QUEUED = 21, None;
    /// Publishes to the channel that is its first argument; its unit holds that channel's stripe. Has no keys.
    PUBLISHES = 22, None;
    /// A subscriber that speaks RESP2 may use it.
    FOR_SUBSCRIBERS = 23, None;
    /// Allowed to whom `enable-debug-command` says.
    PROTECTED = 24, None;
    /// Its arguments are not stored whole, so long ones need not be built into values before locking.
    STORES_NO_ARGUMENT = 25, None;
    /// With `UNDECLARED`: visits one shard at a time although it is no reader of keys (`INFO`).
    ROAMING = 26, None;
    /// As [`Flags::UNDECLARED`] if `BY` or `GET` names keys by a pattern (`SORT`); else only its own keys.
    UNDECLARED_BY_PATTERNS = 28, None;
    /// With `BLOCKING`: only if the option `BLOCK` is among its arguments.
    BLOCKING_IF_ASKED = 29, None;
    /// Takes no longer than those that are [`Flags::FAST`], which Redis does not call it.
    BRIEF = 27, None;
}

impl Flags {
    /// No flag.
    pub(crate) const NONE: Flags = Flags(0);

    /// Both sets together.
    pub(crate) const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// The flags that are not in `other`.
    pub(crate) const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// Whether every flag of `other` is set.
    #[inline]
    pub(crate) const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    #[inline]
    pub(crate) const fn any(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}
