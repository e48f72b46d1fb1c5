//! `MEMORY DOCTOR`: what there is to say about memory, in words.

use crate::config::MaxmemoryPolicy;
use crate::info::MemoryFigures;

/// Below this the figures say more about the process than about the data.
const SMALL_BYTES: u64 = 5 << 20;
/// What is lost in gaps up to this is not worth a word.
const GAPS_BYTES_MAX: i64 = 10 << 20;

/// All that a diagnosis is made from.
pub(super) struct Case {
    pub(super) figures: MemoryFigures,
    /// `maxmemory`; 0: none.
    pub(super) limit_bytes: u64,
    pub(super) policy: MaxmemoryPolicy,
    /// What the machine has, or what the container may use.
    pub(super) available_bytes: u64,
    /// Whether that is a container's limit.
    pub(super) is_container: bool,
    pub(super) keys: u64,
    /// Keys that have an expire time.
    pub(super) expiring: u64,
    /// Keys that have expired, and that were evicted.
    pub(super) expired: u64,
    pub(super) evicted: u64,
    /// The share of a processor that eviction took during the last minute.
    pub(super) eviction_percent: f64,
}

/// The diagnosis.
pub(super) fn diagnosis(case: &Case) -> String {
    let mut findings = Vec::new();
    add_settings(case, &mut findings);
    let is_small = case.figures.used_bytes < SMALL_BYTES;
    if !is_small {
        add_figures(&case.figures, &mut findings);
        add_eviction(case, &mut findings);
    }
    if !findings.is_empty() {
        return format!("Memory shows this:\n\n{}", findings.concat());
    }
    if is_small {
        return "There is too little data in here for a diagnosis.\n".to_owned();
    }
    "Memory shows no problem.\n".to_owned()
}

/// What is wrong whatever the data is.
fn add_settings(case: &Case, findings: &mut Vec<String>) {
    let policy = case.policy.word();
    let available = case.available_bytes;
    let whose = match case.is_container {
        true => "this container may use",
        false => "this machine has",
    };
    if case.limit_bytes == 0 && case.policy.algorithm.is_some() {
        findings.push(format!(
            "- maxmemory-policy is {policy}, but without a limit nothing is evicted: set maxmemory.\n"
        ));
    } else if case.limit_bytes == 0 && case.is_container {
        findings.push(format!(
            "- There is no maxmemory, and {whose} {available} bytes: the system ends a process that wants more. Set \
             maxmemory to a fifth less.\n"
        ));
    }
    if case.limit_bytes > available && available > 0 {
        findings.push(format!(
            "- maxmemory is {} bytes, and {whose} {available}: memory runs out before the limit is reached.\n",
            case.limit_bytes
        ));
    }
}

/// What does not look right in the figures.
fn add_figures(figures: &MemoryFigures, findings: &mut Vec<String>) {
    if figures.peak_bytes > figures.used_bytes / 2 * 3 {
        findings.push(
            "- The peak was more than half again what is used now. Memory that is free again goes back to the system by \
             and by; until then the resident size stays high.\n"
                .to_owned(),
        );
    }
    if figures.fragmentation_ratio() > 1.4 && figures.fragmentation_bytes() > GAPS_BYTES_MAX {
        findings.push(
            "- The resident size is more than 1.4 times what is used. If this stays, MEMORY PURGE gives free memory back \
             at once.\n"
                .to_owned(),
        );
    }
    let (ratio, gaps) = (figures.slab_ratio(), figures.slab_gap_bytes());
    if ratio > 1.15 && gaps > GAPS_BYTES_MAX {
        findings.push(format!(
            "- Pages of entries are {ratio:.2} times what lies in them. They are compacted in the background \
             (active_defrag_running); while a snapshot runs, its entries stay where they are.\n"
        ));
    }
    if figures.clients_bytes > figures.used_bytes / 10 {
        findings.push(
            "- Buffers of clients take more than a tenth of the data: CLIENT LIST shows who does not read (omem) or \
             sends much at once (qbuf).\n"
                .to_owned(),
        );
    }
}

/// What does not look right about which keys go.
fn add_eviction(case: &Case, findings: &mut Vec<String>) {
    let policy = case.policy.word();
    let is_full = case.limit_bytes != 0 && case.figures.used_bytes > case.limit_bytes / 100 * 95;
    if is_full && case.policy.algorithm.is_none() {
        findings.push(
            "- Less than a twentieth of maxmemory is free, and maxmemory-policy is noeviction: writes are refused once \
             the rest is used.\n"
                .to_owned(),
        );
    }
    let has_enough = case.expiring > case.keys / 10;
    if is_full && case.policy.algorithm.is_some() && case.policy.volatile_only && !has_enough {
        findings.push(format!(
            "- maxmemory is nearly used up, and of {} keys only {} may be evicted by {policy}, those that have an expire \
             time: without them writes are refused.\n",
            case.keys, case.expiring
        ));
    }
    if case.expiring > case.keys / 2 && case.evicted > case.expired {
        findings.push(format!(
            "- Most keys have an expire time, but {} were evicted and {} expired: keys do not stay as long as they may \
             live. Shorter times to live, or a larger maxmemory, make that better.\n",
            case.evicted, case.expired
        ));
    }
    if case.eviction_percent > 10.0 {
        findings.push(format!(
            "- Evicting keys took {:.0} % of a processor during the last minute: more is written than there is room \
             for.\n",
            case.eviction_percent
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn policy(word: &'static str) -> MaxmemoryPolicy {
        MaxmemoryPolicy::of_word(word)
    }

    /// Nothing is wrong with it.
    fn healthy() -> Case {
        Case {
            figures: MemoryFigures {
                used_bytes: 100 * MIB,
                peak_bytes: 101 * MIB,
                dataset_bytes: 90 * MIB,
                resident_bytes: 110 * MIB,
                slab_live_bytes: 90 * MIB,
                slab_resident_bytes: 93 * MIB,
                ..MemoryFigures::default()
            },
            limit_bytes: 200 * MIB,
            policy: policy("allkeys-lru"),
            available_bytes: 1_000 * MIB,
            is_container: false,
            keys: 1_000,
            expiring: 600,
            expired: 10,
            evicted: 5,
            eviction_percent: 1.0,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Case), expected: &str) {
        let mut case = healthy();
        change(&mut case);
        let text = diagnosis(&case);
        assert!(text.contains(expected), "{text}");
        let findings = text.lines().filter(|line| line.starts_with("- "));
        assert_eq!(findings.count(), 1, "{text}");
    }

    #[test]
    fn a_healthy_server_hears_so() {
        assert_eq!(diagnosis(&healthy()), "Memory shows no problem.\n");
        let mut case = healthy();
        // A cache is full, by its nature.
        case.limit_bytes = 100 * MIB;
        assert_eq!(diagnosis(&case), "Memory shows no problem.\n");
        case.figures.used_bytes = 1;
        assert!(diagnosis(&case).contains("too little data"));
    }

    #[test]
    fn the_diagnosis_names_what_is_wrong() {
        check(|it| it.figures.peak_bytes = 200 * MIB, "The peak was");
        check(
            |it| it.figures.resident_bytes = 150 * MIB,
            "resident size is more",
        );
        check(
            |it| it.figures.slab_resident_bytes = 120 * MIB,
            "1.33 times",
        );
        check(|it| it.figures.clients_bytes = 20 * MIB, "CLIENT LIST");
        check(|it| it.limit_bytes = 0, "nothing is evicted: set maxmemory");
        check(|it| it.limit_bytes = 2_000 * MIB, "this machine has");
        check(
            |it| (it.limit_bytes, it.is_container) = (2_000 * MIB, true),
            "this container may use",
        );
        check(
            |it| {
                (it.limit_bytes, it.policy) = (0, policy("noeviction"));
                it.is_container = true;
            },
            "There is no maxmemory",
        );
        check(
            |it| (it.limit_bytes, it.policy) = (102 * MIB, policy("noeviction")),
            "writes are refused",
        );
        check(
            |it| {
                (it.limit_bytes, it.policy) = (102 * MIB, policy("volatile-ttl"));
                it.expiring = 3;
            },
            "of 1000 keys only 3",
        );
        check(|it| it.evicted = 50, "50 were evicted and 10 expired");
        check(|it| it.eviction_percent = 25.0, "took 25 %");
    }

    #[test]
    fn settings_are_wrong_whatever_the_data_is() {
        let mut case = healthy();
        case.figures.used_bytes = 1;
        case.limit_bytes = 0;
        assert!(diagnosis(&case).contains("set maxmemory"));
    }
}
