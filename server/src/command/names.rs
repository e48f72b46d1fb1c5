//! The names under which commands are called: those of the table, unless `rename-command` says otherwise.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::Args;
use super::table::{CommandTable, Lookup, Registered, table};

/// Which name stands for which command.
#[derive(Debug, Default)]
pub(crate) struct CommandNames {
    /// Lower-case names that no longer stand for what the table says; `None` for those that stand for nothing.
    /// Usually there are none of either, and requests go straight to the table.
    changed: Option<Changed>,
}

type Changed = HashMap<Box<[u8]>, Option<&'static Registered>, RandomState>;

impl CommandNames {
    /// The names once each of `renames`, an old and a new name, is done in order; an empty new name takes the command
    /// away.
    ///
    /// # Errors
    /// In Redis's words: there is no command of the old name, or there is one of the new name.
    pub(crate) fn new(renames: &[(Vec<u8>, Vec<u8>)]) -> Result<Self, &'static str> {
        let mut names = Self::default();
        for (old, new) in renames {
            names.rename(old, new)?;
        }
        Ok(names)
    }

    fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), &'static str> {
        let Some(command) = self.find(old) else {
            // A configuration file that takes away what this server does not have is no error.
            return match is_served_elsewhere(old) {
                true => Ok(()),
                false => Err("No such command in rename-command"),
            };
        };
        let changed = self.changed.get_or_insert_default();
        changed.insert(old.to_ascii_lowercase().into(), None);
        if new.is_empty() {
            return Ok(());
        }
        if self.find(new).is_some() {
            return Err("Target command name already exists");
        }
        let changed = self.changed.get_or_insert_default();
        changed.insert(new.to_ascii_lowercase().into(), Some(command));
        Ok(())
    }

    /// The command of this name, in any case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&'static Registered> {
        let changed = self.changed.as_ref();
        match changed.and_then(|changed| changed.get(&name.to_ascii_lowercase()[..])) {
            Some(command) => *command,
            None => table().find(name),
        }
    }

    /// The command or, as `container|subcommand`, the subcommand of this name.
    pub(crate) fn find_full(&self, name: &[u8]) -> Option<&'static Registered> {
        match memchr::memchr(b'|', name) {
            Some(bar) => self.find(&name[..bar])?.subcommand(&name[bar + 1..]),
            None => self.find(name),
        }
    }

    /// What a request names.
    #[inline]
    pub(crate) fn lookup(&self, args: Args<'_>) -> Lookup {
        match &self.changed {
            None => table().lookup(args),
            Some(_) => self.lookup_changed(args),
        }
    }

    #[cold]
    fn lookup_changed(&self, args: Args<'_>) -> Lookup {
        match self.find(args.at(0)) {
            Some(command) => CommandTable::lookup_in(command, args),
            None => Lookup::Unknown,
        }
    }

    /// Every command that has a name, in table order.
    pub(crate) fn commands(&self) -> Vec<&'static Registered> {
        let mut commands: Vec<&'static Registered> = table().iter().collect();
        if let Some(changed) = &self.changed {
            let renamed = |command: &Registered| {
                let mut standing = changed.values().flatten();
                standing.any(|standing| standing.id == command.id)
            };
            let keeps_its_own = |command: &Registered| {
                let own = self.find(command.row.name.as_bytes());
                own.is_some_and(|own| own.id == command.id)
            };
            commands.retain(|command| keeps_its_own(command) || renamed(command));
        }
        commands
    }
}

/// Whether Redis 7.2 has a command of this name, which is not served here.
fn is_served_elsewhere(name: &[u8]) -> bool {
    let mut known = NOT_SERVED.split_ascii_whitespace();
    known.any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Commands of Redis 7.2 that are not served here.
const NOT_SERVED: &str = "
    ACL BGREWRITEAOF BGSAVE DUMP EVAL EVALSHA EVALSHA_RO EVAL_RO FAILOVER FCALL FCALL_RO FUNCTION LASTSAVE
    MIGRATE MODULE PSYNC REPLCONF REPLICAOF RESTORE RESTORE-ASKING SAVE SCRIPT SLAVEOF SYNC
";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(renames: &[(&str, &str)]) -> Result<CommandNames, &'static str> {
        let renames: Vec<_> = renames
            .iter()
            .map(|(old, new)| (old.as_bytes().to_vec(), new.as_bytes().to_vec()))
            .collect();
        CommandNames::new(&renames)
    }

    #[test]
    fn renames_are_done_in_order() {
        let names = names(&[("GET", "Fetch"), ("fetch", "read"), ("SET", "get")]).unwrap();
        let found = |name: &str| names.find(name.as_bytes()).map(|found| found.row.name);
        assert_eq!(found("fetch"), None);
        assert_eq!(found("READ"), Some("GET"));
        assert_eq!(found("get"), Some("SET"));
        assert_eq!(found("set"), None);
        assert_eq!(names.commands().len(), table().iter().len());
    }

    #[test]
    fn what_is_taken_away_is_gone() {
        let names = names(&[("CONFIG", ""), ("EVAL", ""), ("FCALL", "x")]).unwrap();
        assert!(names.find(b"config").is_none());
        assert!(names.find_full(b"config|get").is_none());
        assert_eq!(names.commands().len(), table().iter().len() - 1);
    }

    #[test]
    fn nonsense_is_refused() {
        let reason = |renames: &[(&str, &str)]| names(renames).err();
        let (unknown, taken) = (
            "No such command in rename-command",
            "Target command name already exists",
        );
        assert_eq!(reason(&[("CONFGI", "")]), Some(unknown));
        assert_eq!(reason(&[("GET", ""), ("GET", "x")]), Some(unknown));
        assert_eq!(reason(&[("GET", "SET")]), Some(taken));
        assert_eq!(reason(&[("GET", "x"), ("SET", "X")]), Some(taken));
        assert_eq!(reason(&[("GET", "get")]), None);
    }

    #[test]
    fn what_is_served_is_not_listed_as_not_served() {
        for name in NOT_SERVED.split_ascii_whitespace() {
            assert!(table().find(name.as_bytes()).is_none(), "{name} is served");
        }
    }
}
