//! The traces that are carried beside the code, against their references.

use std::path::Path;
use std::thread;

use crate::in_process::tolerance_points;
use crate::replay::{Capacity, POLICIES, mean_miss_ratio};
use crate::trace::{Reference, Trace};

/// With fewer keys than this, one seed of the hashes is too much of a lottery.
const KEYS_FEW: u64 = 500;

#[test]
fn policies_miss_as_often_as_their_references_on_web07() {
    check("cache2k_web07");
}

#[test]
fn policies_miss_as_often_as_their_references_on_web12() {
    check("cache2k_web12");
}

fn check(name: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let trace = Trace::read(&directory, name).unwrap();
    let references = Reference::read_all(&directory).unwrap();
    let references: Vec<&Reference> = references.iter().filter(|it| it.trace == name).collect();
    thread::scope(|scope| {
        for policy in POLICIES {
            let (trace, references) = (&trace, &references);
            scope.spawn(move || {
                let references = references.iter().filter(|it| it.policy == policy.reference);
                let mut compared = 0;
                for reference in references {
                    let capacity = reference.capacity();
                    let seeds = if capacity < Capacity::Keys(KEYS_FEW) {
                        6
                    } else {
                        1
                    };
                    let ratio = mean_miss_ratio(trace, policy, capacity, 1, seeds);
                    let points = 100.0 * (ratio - reference.miss_ratio);
                    assert!(
                        points.abs() <= tolerance_points(policy.name, 1),
                        "{name} at {capacity:?}, {}: {points:+.2} points from its reference",
                        policy.name,
                    );
                    compared += 1;
                }
                assert_eq!(compared, 4, "four sizes of {}", policy.name);
            });
        }
    });
}
