//! One row of the directive table: what it is called, what it accepts, where its value lives, what it does.

use super::error::Reason;
use super::settings::Config;
use super::value::{Kind, Value};

/// One directive of the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directive {
    pub(super) name: &'static str,
    pub(super) alias: Option<&'static str>,
    pub(super) kind: Kind,
    default: DefaultValue,
    place: Place,
    pub(super) support: Support,
    /// Only settable before start.
    pub(super) immutable: bool,
    /// Settable at run time only where `enable-protected-configs` allows it.
    pub(super) protected: bool,
    /// `CONFIG GET` shows it to its exact name, not to a pattern.
    pub(super) hidden: bool,
    /// The value must not reach logs, SLOWLOG or MONITOR.
    pub(super) sensitive: bool,
    /// An empty value means "not set": `CONFIG REWRITE` drops the line.
    pub(super) empty_is_unset: bool,
}

#[derive(Debug, Clone, Copy)]
enum DefaultValue {
    /// As it would stand in a file.
    Text(&'static str),
    /// Depends on the machine or on other settings.
    Computed(fn(&Config) -> Value),
}

/// Where the value lives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Field {
        read: fn(&Config) -> Value,
        write: fn(&mut Config, Value),
    },
    Kept,
}

/// What setting the directive does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    /// It has its effect.
    Live,
    /// Kept and shown. Nothing is promised that a user could miss: tuning of what works differently here, or
    /// details of a feature that cannot be switched on yet.
    Inert,
    /// Kept and shown; a value other than the default is answered with a warning in the log, naming what is
    /// missing.
    Warns(&'static str),
    /// Only the default is accepted: any other value promises safety, security or data that would not be
    /// there. The text names what is missing.
    Refuses(&'static str),
}

/// A directive with a field of [`Config`].
pub(super) const fn live(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    place: Place,
) -> Directive {
    Directive {
        place,
        support: Support::Live,
        ..kept(name, kind, default)
    }
}

/// A directive that is only kept and shown.
pub(super) const fn kept(name: &'static str, kind: Kind, default: &'static str) -> Directive {
    Directive {
        name,
        alias: None,
        kind,
        default: DefaultValue::Text(default),
        place: Place::Kept,
        support: Support::Inert,
        immutable: false,
        protected: false,
        hidden: false,
        sensitive: false,
        empty_is_unset: false,
    }
}

impl Directive {
    pub(super) const fn alias(self, alias: &'static str) -> Self {
        Directive {
            alias: Some(alias),
            ..self
        }
    }

    pub(super) const fn computed(self, default: fn(&Config) -> Value) -> Self {
        Directive {
            default: DefaultValue::Computed(default),
            ..self
        }
    }

    pub(super) const fn immutable(self) -> Self {
        Directive {
            immutable: true,
            ..self
        }
    }

    pub(super) const fn protected(self) -> Self {
        Directive {
            protected: true,
            ..self
        }
    }

    pub(super) const fn hidden(self) -> Self {
        Directive {
            hidden: true,
            ..self
        }
    }

    pub(super) const fn sensitive(self) -> Self {
        Directive {
            sensitive: true,
            ..self
        }
    }

    pub(super) const fn empty_is_unset(self) -> Self {
        Directive {
            empty_is_unset: true,
            ..self
        }
    }

    pub(super) const fn warns(self, missing: &'static str) -> Self {
        Directive {
            support: Support::Warns(missing),
            ..self
        }
    }

    pub(super) const fn refuses(self, missing: &'static str) -> Self {
        Directive {
            support: Support::Refuses(missing),
            ..self
        }
    }

    /// The value without any configuration; `config` is for defaults that depend on other settings.
    pub(super) fn default_value(&self, config: &Config) -> Value {
        match self.default {
            DefaultValue::Text(text) => self.parse_default(text),
            DefaultValue::Computed(compute) => compute(config),
        }
    }

    fn parse_default(&self, text: &str) -> Value {
        let words: Vec<&[u8]> = match self.kind.takes_words() {
            true => text.split(' ').map(str::as_bytes).collect(),
            false => vec![text.as_bytes()],
        };
        // Kinds that change the value in part start from a value of their own variant.
        let ground = Value::Limits(Default::default());
        self.kind
            .parse(&words, &ground)
            .expect("the table's defaults are valid, as a test checks")
    }

    /// Whether the value lives in a field of [`Config`], not among the kept ones.
    pub(super) fn has_field(&self) -> bool {
        matches!(self.place, Place::Field { .. })
    }

    /// The value that `config` holds.
    pub(super) fn value(&self, config: &Config) -> Value {
        match self.place {
            Place::Field { read, .. } => read(config),
            Place::Kept => match config.kept.0.get(self.name) {
                Some(value) => value.clone(),
                None => self.default_value(config),
            },
        }
    }

    /// The value that `config` holds, as `CONFIG GET` prints it.
    pub(super) fn format(&self, config: &Config) -> Vec<u8> {
        self.kind.format(&self.value(config))
    }

    /// Whether `config` holds the default.
    pub(super) fn is_default(&self, config: &Config) -> bool {
        self.value(config) == self.default_value(config)
    }

    /// Puts `value`, which [`Kind::parse`] made, into `config`.
    pub(super) fn store(&self, config: &mut Config, value: Value) {
        match self.place {
            Place::Field { write, .. } => write(config, value),
            Place::Kept => {
                config.kept.0.insert(self.name, value);
            }
        }
    }

    /// Parses `words` and puts the value into `config`.
    ///
    /// # Errors
    /// The reason, when the words are no value of this directive or this version cannot honour it.
    pub(super) fn set(&self, config: &mut Config, words: &[&[u8]]) -> Result<(), Reason> {
        let value = self.kind.parse(words, &self.value(config))?;
        if let Support::Refuses(missing) = self.support
            && value != self.default_value(config)
        {
            return Err(self.refusal(missing, config));
        }
        self.store(config, value);
        Ok(())
    }

    fn refusal(&self, missing: &str, config: &Config) -> Reason {
        let default = self.kind.format(&self.default_value(config));
        let default = String::from_utf8_lossy(&default);
        format!(
            "{missing}: not available in this version of Nuthatch, only '{default}' is accepted"
        )
        .into()
    }

    /// The warning that the value in `config` deserves, if any.
    pub(super) fn warning(&self, config: &Config) -> Option<String> {
        let Support::Warns(missing) = self.support else {
            return None;
        };
        if self.is_default(config) {
            return None;
        }
        let value = String::from_utf8_lossy(&self.format(config)).into_owned();
        Some(format!("'{} {value}' has no effect: {missing}", self.name))
    }

    /// Whether `name` is this directive's name or alias, in any case.
    pub(super) fn is_called(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name.as_bytes())
            || self
                .alias
                .is_some_and(|alias| name.eq_ignore_ascii_case(alias.as_bytes()))
    }
}
