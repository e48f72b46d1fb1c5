//! The state word: what every unit must obey, changed only at a cut.

/// Log flag, epoch parity, role, pause and write refusal in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State(pub(crate) u64);

const LOG: u64 = 1;
const PARITY: u64 = 1 << 1;
const REPLICA: u64 = 1 << 2;
const PAUSE_WRITES: u64 = 1 << 3;
const PAUSE_ALL: u64 = 1 << 4;

/// Which commands `CLIENT PAUSE` holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// None.
    Off,
    /// Those that may write.
    Writes,
    /// All.
    All,
}

impl State {
    fn with(self, bit: u64, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Whether effects go to the log.
    #[inline]
    pub fn log_on(self) -> bool {
        self.0 & LOG != 0
    }

    /// With the log switched.
    pub fn with_log(self, on: bool) -> Self {
        self.with(LOG, on)
    }

    /// Parity of the snapshot epoch.
    pub(crate) fn parity(self) -> bool {
        self.0 & PARITY != 0
    }

    pub(crate) fn with_parity(self, parity: bool) -> Self {
        self.with(PARITY, parity)
    }

    /// Whether this server is a replica: keys expire logically, but only the primary removes them.
    #[inline]
    pub fn is_replica(self) -> bool {
        self.0 & REPLICA != 0
    }

    /// With the role switched.
    pub fn with_replica(self, replica: bool) -> Self {
        self.with(REPLICA, replica)
    }

    /// What is paused.
    #[inline]
    pub fn pause(self) -> Pause {
        match (self.0 & PAUSE_ALL != 0, self.0 & PAUSE_WRITES != 0) {
            (true, _) => Pause::All,
            (false, true) => Pause::Writes,
            (false, false) => Pause::Off,
        }
    }

    /// With another pause.
    pub fn with_pause(self, pause: Pause) -> Self {
        self.with(PAUSE_ALL, pause == Pause::All)
            .with(PAUSE_WRITES, pause != Pause::Off)
    }

    /// Whether storage may take keys away on its own: not on a replica, not while paused.
    #[inline]
    pub fn may_expire(self) -> bool {
        self.0 & (REPLICA | PAUSE_WRITES) == 0
    }
}
