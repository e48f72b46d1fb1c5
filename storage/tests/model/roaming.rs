//! Units that lock as they go.

use std::thread;

use nuthatch_storage::{LockPlan, NewExpiry, NewValue, StoreError, Unit, UnixMillis};

use super::support::{NOW, keyspace};

/// A roaming unit gets the lock that it writes under only on the way.
#[test]
fn roaming_units_write_beside_others() {
    const STEPS: usize = 200_000;
    let keyspace = &keyspace(1);
    let name = |step: usize| format!("key:{}", step % 8);
    let long = &[b'v'; 700];
    thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0..STEPS {
                let name = name(step);
                let key = keyspace.key(name.as_bytes());
                let mut unit = Unit::begin(keyspace, LockPlan::Write(0), UnixMillis(NOW));
                if step % 2 == 0 {
                    unit.delete(0, &key);
                } else {
                    let value = NewValue::Bytes(&long[..step % 700]);
                    unit.set(0, &key, value, NewExpiry::None);
                }
            }
        });
        scope.spawn(|| {
            for step in 0..STEPS {
                let name = name(step * 3);
                let key = keyspace.key(name.as_bytes());
                let mut unit = Unit::begin(keyspace, LockPlan::Roaming, UnixMillis(NOW));
                if step % 4 == 0 {
                    // A text is no number, which is all that may go wrong.
                    let sum = unit.incr(0, &key, 1);
                    assert!(sum.is_ok() || sum == Err(StoreError::NotInteger));
                } else {
                    let value = NewValue::Bytes(&long[..step * 7 % 700]);
                    unit.set(0, &key, value, NewExpiry::None);
                }
            }
        });
    });
}
