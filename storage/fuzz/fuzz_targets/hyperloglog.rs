//! HyperLogLogs that come from clients, against an array of ranks.
//!
//! Claims: reading any string never panics; what a string says it says by every way of reading it; adding elements
//! raises ranks and nothing else; sparse and dense registers give the same count. Run, from `storage/`:
//!
//! ```sh
//! cargo +nightly fuzz run hyperloglog -- -max_len=512 -max_total_time=60
//! ```
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use storage::hyperloglog::{DENSE_BYTES, REGISTERS, Ranks, Run, Sketch, count_ranks};
use storage::{
    Key, Keyspace, KeyspaceOptions, LockPlan, NewExpiry, NewValue, StringRef, Unit, UnixMillis,
};

/// The form that all opcodes have room in, and one that has to become dense.
const SPARSE_MAX: [u64; 2] = [u64::MAX, 60];

/// Asked by LeakSanitizer, which cannot follow the tagged pointers of a keyspace that lives on.
#[unsafe(no_mangle)]
extern "C" fn __lsan_is_turned_off() -> std::ffi::c_int {
    1
}

/// One for all runs: making it takes a thousand times longer than editing a value.
static KEYSPACE: LazyLock<Keyspace> = LazyLock::new(|| {
    Keyspace::new(KeyspaceOptions {
        shards: 1,
        databases: 1,
        seed: 1,
        maxmemory_bytes: 0,
    })
});

fuzz_target!(|data: &[u8]| {
    let [which, data @ ..] = data else { return };
    let sparse_max = SPARSE_MAX[usize::from(which / 4 % 2)];
    let bytes = match which % 4 {
        0 => data.to_vec(),
        1 => [SPARSE_HEADER, data].concat(),
        2 => completed([SPARSE_HEADER, data].concat()),
        _ => {
            let mut bytes = [DENSE_HEADER, data].concat();
            bytes.resize(DENSE_BYTES, 0);
            bytes
        }
    };
    check_untrusted(&bytes, sparse_max);
});

const SPARSE_HEADER: &[u8] = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80";
const DENSE_HEADER: &[u8] = b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80";

/// With an opcode for the registers that are missing.
fn completed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sketch = Sketch::read(StringRef::Raw(&bytes)).expect("the header is one");
    let runs = sketch.runs().expect("it is sparse");
    let covered: usize = runs.map(|run| run.len()).sum();
    if covered < REGISTERS {
        let less = REGISTERS - covered - 1;
        bytes.extend([0x40 | (less >> 8) as u8, less as u8]);
    }
    bytes
}

fn check_untrusted(bytes: &[u8], sparse_max: u64) {
    let Ok(sketch) = Sketch::read(StringRef::Raw(bytes)) else {
        return;
    };
    let (mut ranks, count) = ([0; REGISTERS], sketch.count());
    assert_eq!(sketch.raise(&mut ranks).is_ok(), count.is_ok());
    if let Ok(count) = count {
        assert_eq!(count, count_ranks(&ranks));
        check_runs(&sketch, &ranks);
    }
    let key = KEYSPACE.key(b"key");
    let mut unit = Unit::begin(&KEYSPACE, LockPlan::Write(0), UnixMillis(1));
    unit.set(0, &key, NewValue::Bytes(bytes), NewExpiry::None);
    let takes_elements = count.is_ok() && !ends_within_an_opcode(&sketch, bytes);
    add(
        &mut unit,
        &key,
        bytes,
        takes_elements.then_some(&ranks),
        sparse_max,
    );
}

/// Whether the last opcode lacks its second byte: that reads as zero, but it cannot be edited.
fn ends_within_an_opcode(sketch: &Sketch<'_>, bytes: &[u8]) -> bool {
    let Some(runs) = sketch.runs() else {
        return false;
    };
    let opcode_bytes = |run| match run {
        Run::Zeros { is_long: true, .. } => 2,
        _ => 1,
    };
    let opcodes: usize = runs.map(opcode_bytes).sum();
    SPARSE_HEADER.len() + opcodes > bytes.len()
}

/// The runs of a sparse one say the same ranks.
fn check_runs(sketch: &Sketch<'_>, ranks: &Ranks) {
    let Some(runs) = sketch.runs() else { return };
    let mut first = 0;
    for run in runs {
        assert!(
            ranks[first..first + run.len()]
                .iter()
                .all(|rank| *rank == run.rank())
        );
        first += run.len();
    }
    assert_eq!(first, REGISTERS);
}

/// Adds what is in `value` to itself; `before` is what it holds, if it can take elements.
fn add(unit: &mut Unit<'_>, key: &Key<'_>, value: &[u8], before: Option<&Ranks>, sparse_max: u64) {
    let elements = value.chunks(3);
    let added = unit.hll_add(0, key, elements.clone(), sparse_max);
    if added.is_err() {
        let kept = unit.string(0, key).expect("it is a string");
        assert!(
            matches!(kept, Some(StringRef::Raw(bytes)) if bytes == value),
            "an error changes nothing"
        );
    }
    let mut after = [0; REGISTERS];
    let raised = unit.hll_raise(0, key, &mut after);
    let Some(before) = before else { return };
    let changes = added.expect("what is whole takes elements");
    raised.expect("and stays whole");
    let risen = before.iter().zip(&after).filter(|(old, new)| old < new);
    assert!(changes as usize >= risen.count());
    assert!(before.iter().zip(&after).all(|(old, new)| old <= new));
    assert_eq!(unit.hll_add(0, key, elements, sparse_max), Ok(0));
    let count = unit.hll_count(0, key, true);
    unit.hll_make_dense(0, key).expect("it is whole");
    assert_eq!(unit.hll_count(0, key, false), count);
    let mut ranks = [0; REGISTERS];
    assert_eq!(unit.hll_raise(0, key, &mut ranks), Ok(true));
    assert!(ranks == after);
    // What it came with may have been anything; what it kept itself is right.
    assert!(changes == 0 || count == Ok(count_ranks(&ranks)));
}
