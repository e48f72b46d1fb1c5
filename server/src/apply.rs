//! What `CONFIG SET` and others change in the running server.

use crate::clock::unix_now;
use crate::config::{Config, Refusal};
use crate::descriptors::make_room;
use crate::server::{Server, random_hex};
use crate::worker::inbox::Event;

impl Server {
    /// Takes over the `changed` settings that are not simply read from the configuration when they are needed. Called
    /// before anybody sees the new configuration; when it refuses, everything stays as it was.
    pub(crate) fn apply_config(
        &self,
        old: &Config,
        new: &Config,
        changed: &[&'static str],
    ) -> Result<(), Refusal> {
        if new.maxclients > old.maxclients {
            make_room(new).map_err(|shortage| Refusal {
                name: "maxclients",
                reason: format!(
                    "The operating system is not able to handle the specified number of clients, try with {}",
                    shortage.clients
                ),
            })?;
        }
        let listens_elsewhere = |name: &&&str| matches!(**name, "port" | "bind");
        if let Some(name) = changed.iter().find(listens_elsewhere) {
            self.listen_as(new, name)?;
        }
        if old.maxmemory_bytes != new.maxmemory_bytes {
            self.keyspace.memory().set_limit(new.maxmemory_bytes);
            if self.keyspace.memory().over_limit() {
                let so = match new.eviction() {
                    Some(_) => "keys are evicted",
                    None => "writes are refused until keys are gone",
                };
                tracing::warn!("The new maxmemory is below what is used now: {so}");
            }
        }
        if old.eviction() != new.eviction() {
            self.keyspace.set_eviction(new.eviction());
        }
        if old.loglevel != new.loglevel
            && let Some(logging) = self.logging.get()
        {
            logging.set_level(new.loglevel);
        }
        Ok(())
    }

    fn listen_as(&self, config: &Config, name: &'static str) -> Result<(), Refusal> {
        self.listening.rebind(config).map_err(|error| {
            tracing::warn!("{error}");
            let reason = match name {
                "port" => "Unable to listen on this port. Check server logs.",
                _ => "Failed to bind to specified addresses.",
            };
            Refusal {
                name,
                reason: reason.to_owned(),
            }
        })
    }

    /// Has all workers look at the configuration.
    pub(crate) fn config_changed(&self) {
        self.send_to_all(|| Event::ConfigChanged);
    }

    /// Begins another replication history.
    pub(crate) fn change_replication_id(&self) {
        let id = random_hex();
        tracing::info!(
            "New replication id {id} at Unix time {}",
            unix_now().0 / 1_000
        );
        self.replication.lock().change_id(id);
    }

    /// Has all workers look after their shards now.
    pub(crate) fn wake_crons(&self) {
        self.send_to_all(|| Event::Run(Box::new(|worker| worker.purge_memory())));
    }
}
