//! The hard case for a cache: a constant live budget, random eviction, and sizes that shift.

use super::owner::Owner;
use super::verify;

const LIVE_BYTES: usize = 24 << 20;
/// Smallest size and width of each phase.
const PHASES: [(usize, usize); 4] = [(40, 80), (200, 800), (30, 200), (600, 3000)];

#[test]
fn resident_stays_near_live_when_sizes_shift() {
    let mut owner = Owner::new(5);
    for (phase, (smallest, width)) in PHASES.into_iter().enumerate() {
        let mut written = 0;
        while written < 2 * LIVE_BYTES {
            let bytes = smallest + owner.random.below(width);
            written += bytes;
            owner.insert(bytes);
            while owner.slab.live_bytes() > LIVE_BYTES {
                owner.delete_random();
            }
            owner.compact_step(64);
        }
        verify(&owner.slab);
        let ratio = owner.resident_per_live();
        println!(
            "phase {}: {ratio:.3}, {} bytes of metadata",
            phase + 1,
            owner.slab.metadata_bytes()
        );
        assert!(ratio <= 1.15, "phase {}: {ratio}", phase + 1);
    }

    owner.delete_down_to(owner.len() / 4);
    let ratio = owner.resident_per_live();
    println!("after freeing 75 %: {ratio:.3}");
    for _ in 0..10_000 {
        owner.compact_step(64);
    }
    let ratio = owner.resident_per_live();
    println!("and compacting: {ratio:.3}");
    assert!(ratio <= 1.2, "{ratio}");
    assert!(!owner.slab.needs_compaction());
    verify(&owner.slab);
    owner.verify_contents();
}
