//! The current configuration, shared by all workers.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use super::error::{ConfigError, Refusal};
use super::load::Loaded;
use super::rewrite;
use super::settings::Config;
use super::table::{self, Found};

/// The current [`Config`] and the way to change it. Workers read it through a [`ConfigView`].
#[derive(Debug)]
pub struct ConfigStore {
    current: RwLock<Arc<Config>>,
    /// Raised after each change of `current`.
    generation: AtomicU64,
    /// Held through a whole CONFIG SET or REWRITE, so that they do not overtake each other.
    writing: Mutex<()>,
    file: Option<PathBuf>,
}

impl ConfigStore {
    /// A store that begins with a loaded configuration.
    pub fn new(loaded: Loaded) -> Self {
        ConfigStore {
            current: RwLock::new(Arc::new(loaded.config)),
            generation: AtomicU64::new(0),
            writing: Mutex::new(()),
            file: loaded.file,
        }
    }

    /// The current configuration. Takes a lock for an instant; hot paths use a [`ConfigView`].
    pub fn get(&self) -> Arc<Config> {
        self.current.read().clone()
    }

    /// A number that differs after every change.
    #[inline]
    pub fn generation(&self) -> u64 {
        // Relaxed: a worker that sees a change one batch late is right too; what it then reads comes through
        // the lock.
        self.generation.load(Ordering::Relaxed)
    }

    /// The configuration file, if the server was started with one.
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// `CONFIG SET`: changes all of `pairs` or nothing. Returns the names of the directives whose value changed.
    ///
    /// `client_is_local` decides about directives that `enable-protected-configs` guards. `apply` is called with
    /// the old and the new configuration and the changed names, before anybody else sees the new one: it opens
    /// listeners, raises limits and the like; when it refuses, nothing changes. It is not called when nothing
    /// changed. It must not call `set` or `rewrite` of this store.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] or [`ConfigError::Refused`] for the first offender.
    pub fn set(
        &self,
        pairs: &[(&[u8], &[u8])],
        client_is_local: bool,
        apply: impl FnOnce(&Config, &Config, &[&'static str]) -> Result<(), Refusal>,
    ) -> Result<Vec<&'static str>, ConfigError> {
        let _writing = self.writing.lock();
        let old = self.get();
        let found = find_all(&old, pairs, client_is_local)?;
        let mut new = (*old).clone();
        for (found, (_, value)) in found.iter().zip(pairs) {
            set_one(&mut new, found, value)?;
        }
        let changed = changed_names(&found, &old, &new);
        if changed.is_empty() {
            return Ok(changed);
        }
        apply(&old, &new, &changed).map_err(|refusal| ConfigError::Refused {
            name: refusal.name.to_owned(),
            reason: refusal.reason,
        })?;
        warn(&found, &new);
        *self.current.write() = Arc::new(new);
        self.generation.fetch_add(1, Ordering::Relaxed);
        Ok(changed)
    }

    /// `CONFIG REWRITE`: writes the current settings into the configuration file, atomically; comments, order and
    /// lines of other kinds stay.
    ///
    /// # Errors
    /// [`ConfigError::NoFile`], or [`ConfigError::Rewrite`] with the operating system's text.
    pub fn rewrite(&self) -> Result<(), ConfigError> {
        self.rewrite_with(rewrite::Extent::Changed)
    }

    /// [`ConfigStore::rewrite`] that also states every directive that has its default.
    ///
    /// # Errors
    /// As there.
    pub fn rewrite_whole(&self) -> Result<(), ConfigError> {
        self.rewrite_with(rewrite::Extent::Whole)
    }

    fn rewrite_with(&self, extent: rewrite::Extent) -> Result<(), ConfigError> {
        let _writing = self.writing.lock();
        let file = self.file.as_deref().ok_or(ConfigError::NoFile)?;
        rewrite::rewrite_file(file, &self.get(), extent).map_err(|error| ConfigError::Rewrite {
            reason: super::os_text(&error),
        })
    }
}

/// The directives of `pairs`, or the first reason why they cannot be set, checked in Redis's order.
fn find_all(
    config: &Config,
    pairs: &[(&[u8], &[u8])],
    client_is_local: bool,
) -> Result<Vec<Found>, ConfigError> {
    let mut all: Vec<Found> = Vec::with_capacity(pairs.len());
    for (name, _) in pairs {
        let written = || String::from_utf8_lossy(name).into_owned();
        let refused = |reason: &str| ConfigError::Refused {
            name: written(),
            reason: reason.to_owned(),
        };
        let found = table::find(name).ok_or_else(|| ConfigError::Unknown { name: written() })?;
        if found.directive.immutable {
            return Err(refused("can't set immutable config"));
        }
        if found.directive.protected && !config.enable_protected_configs.allows(client_is_local) {
            return Err(refused("can't set protected config"));
        }
        // Redis does not see that an alias names the same directive; the last one wins.
        if all.iter().any(|earlier| earlier.called == found.called) {
            return Err(refused("duplicate parameter"));
        }
        all.push(found);
    }
    Ok(all)
}

/// The names of the directives whose value differs, each once: a directive may come by its name and by its alias.
fn changed_names(found: &[Found], old: &Config, new: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for directive in found.iter().map(|found| found.directive) {
        if directive.value(old) != directive.value(new) && !changed.contains(&directive.name) {
            changed.push(directive.name);
        }
    }
    changed
}

fn set_one(config: &mut Config, found: &Found, value: &[u8]) -> Result<(), ConfigError> {
    let words: Vec<&[u8]> = match found.directive.kind.takes_words() {
        true => value.split(|&byte| byte == b' ').collect(),
        false => vec![value],
    };
    found
        .directive
        .set(config, &words)
        .map_err(|reason| ConfigError::Refused {
            name: found.called.to_owned(),
            reason: reason.into_owned(),
        })
}

fn warn(found: &[Found], config: &Config) {
    for warning in found
        .iter()
        .filter_map(|found| found.directive.warning(config))
    {
        tracing::warn!("{warning}");
    }
}

/// One worker's snapshot of the configuration: reads cost nothing, and [`ConfigView::refresh`], called once per
/// batch, costs one relaxed load while nothing changes.
#[derive(Debug, Clone)]
pub struct ConfigView {
    store: Arc<ConfigStore>,
    generation: u64,
    config: Arc<Config>,
}

impl ConfigView {
    /// A view of the current configuration.
    pub fn new(store: Arc<ConfigStore>) -> Self {
        // The number is read first: a change in between makes the next refresh look again, never miss one.
        let generation = store.generation();
        let config = store.get();
        ConfigView {
            store,
            generation,
            config,
        }
    }

    /// Takes over a change, if there was one; returns whether there was.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        let generation = self.store.generation();
        if generation == self.generation {
            return false;
        }
        self.generation = generation;
        self.config = self.store.get();
        true
    }

    /// The store behind this view.
    pub fn store(&self) -> &Arc<ConfigStore> {
        &self.store
    }
}

impl Deref for ConfigView {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}
