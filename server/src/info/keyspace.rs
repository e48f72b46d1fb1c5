//! `# Keyspace`: keys per database.

use storage::{DbIndex, Unit};

use super::text::Text;
use crate::server::Server;

/// Keys looked at for the average time to live.
const SAMPLE_KEYS: usize = 128;

pub(super) fn write(text: &mut Text, server: &Server, unit: &mut Unit<'_>) {
    for db in 0..server.keyspace.databases() {
        let keys = unit.db_len(db);
        if keys > 0 {
            let expires = unit.db_expires(db);
            let average_ms = if expires == 0 {
                0
            } else {
                sample_ttl_ms(unit, db)
            };
            text.field(
                format_args!("db{db}"),
                format_args!("keys={keys},expires={expires},avg_ttl={average_ms}"),
            );
        }
    }
}

/// The mean time to live of those keys of a sample that have one; 0 when it has none.
fn sample_ttl_ms(unit: &mut Unit<'_>, db: DbIndex) -> i64 {
    let now = unit.now();
    let (mut sum_ms, mut count) = (0, 0);
    unit.scan(db, 0, SAMPLE_KEYS, &mut |entry| {
        if let Some(at) = entry.expire_at() {
            // A time to live may be as long as the clock goes, so the sum needs more bits than one of them.
            sum_ms += i128::from(at.0) - i128::from(now.0);
            count += 1;
        }
    });
    i64::try_from(sum_ms.checked_div(count).unwrap_or(0)).unwrap_or(i64::MAX)
}
