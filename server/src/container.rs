//! Whether the server runs in a container, and how much memory it may use there.

use std::fs;
use std::path::{Path, PathBuf};

/// Of a container's memory, the part that `maxmemory` is when nobody says: the rest is for connections, the program itself
/// and the system's share of both.
const MAXMEMORY_PERCENT: u64 = 80;

/// The memory that a container may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContainerMemory {
    pub(crate) bytes: u64,
    /// Whether that is the container's own limit, and not all that the machine has.
    pub(crate) is_limit: bool,
}

impl ContainerMemory {
    /// What `maxmemory` is unless it is set, in bytes.
    pub(crate) fn maxmemory_bytes(self) -> u64 {
        self.bytes / 100 * MAXMEMORY_PERCENT
    }
}

/// The memory of the container that this process runs in; `None` if it runs in none. `machine_bytes` is what the machine
/// has.
pub(crate) fn memory(machine_bytes: u64) -> Option<ContainerMemory> {
    memory_below(Path::new("/"), machine_bytes)
}

/// As [`memory`], with another root of the file system.
fn memory_below(root: &Path, machine_bytes: u64) -> Option<ContainerMemory> {
    let limit = limit_of_groups(root).filter(|&bytes| bytes < machine_bytes);
    let is_marked = [".dockerenv", "run/.containerenv"]
        .iter()
        .any(|mark| root.join(mark).exists());
    match limit {
        Some(bytes) => Some(ContainerMemory {
            bytes,
            is_limit: true,
        }),
        None if is_marked => Some(ContainerMemory {
            bytes: machine_bytes,
            is_limit: false,
        }),
        None => None,
    }
}

/// The lowest limit among this process's control groups for memory and those above them, of either version.
fn limit_of_groups(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = groups.lines().filter_map(|line| {
        let (_, line) = line.split_once(':')?;
        let (controllers, group) = line.split_once(':')?;
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        lowest_limit(&root.join(mount), group, file)
    });
    limits.min()
}

/// The lowest number in `file` of `group` and of those above it. In a container the group may be named as it is seen from
/// outside, and not be there: what is above it is.
fn lowest_limit(mount: &Path, group: &str, file: &str) -> Option<u64> {
    let group: PathBuf = Path::new(group.trim_start_matches('/')).into();
    let limits = group.ancestors().filter_map(|group| {
        let text = fs::read_to_string(mount.join(group).join(file)).ok()?;
        // `max` is no number.
        text.trim().parse().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            for (file, text) in files {
                let file = path.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Self(path)
        }

        fn memory(&self) -> Option<(u64, bool)> {
            let memory = memory_below(&self.0, 1 << 40);
            memory.map(|memory| (memory.bytes, memory.is_limit))
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn limits_are_found_in_both_versions() {
        const V2: (&str, &str) = ("proc/self/cgroup", "0::/a/b\n");
        const V1: (&str, &str) = ("proc/self/cgroup", "5:cpu:/a\n4:memory,x:/a\n0::/\n");
        type Files = &'static [(&'static str, &'static str)];
        type Case = (&'static str, Files, Option<(u64, bool)>);
        let cases: &[Case] = &[
            ("none", &[V2], None),
            ("mark", &[V2, (".dockerenv", "")], Some((1 << 40, false))),
            (
                "own",
                &[V2, ("sys/fs/cgroup/a/b/memory.max", "1000\n")],
                Some((1_000, true)),
            ),
            (
                "above",
                &[
                    V2,
                    ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                    ("sys/fs/cgroup/a/memory.max", "3000\n"),
                    ("sys/fs/cgroup/memory.max", "4000\n"),
                ],
                Some((3_000, true)),
            ),
            (
                "unlimited",
                &[V2, ("sys/fs/cgroup/a/b/memory.max", "max\n")],
                None,
            ),
            (
                "first-version",
                &[
                    V1,
                    ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5000\n"),
                ],
                Some((5_000, true)),
            ),
            (
                "first-version-unlimited",
                &[
                    V1,
                    (
                        "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                        "9223372036854771712\n",
                    ),
                ],
                None,
            ),
        ];
        for (name, files, expected) in cases {
            assert_eq!(Root::new(name, files).memory(), *expected, "{name}");
        }
    }

    #[test]
    fn a_fifth_is_left_for_the_rest() {
        let memory = ContainerMemory {
            bytes: 1_000,
            is_limit: true,
        };
        assert_eq!(memory.maxmemory_bytes(), 800);
    }
}
