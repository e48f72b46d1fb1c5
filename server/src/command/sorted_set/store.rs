//! Results that are stored.

use storage::Key;
use storage::typed::Content;

use crate::command::Context;
use crate::notify::EventClass;

/// Stores a result of `count` members at `key`, whatever was there, announces `event` and answers the number. Of an empty
/// result nothing is stored.
pub(crate) fn store(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    content: Content<'static>,
    count: u64,
    event: &'static str,
) {
    let db = ctx.db();
    if count > 0 {
        ctx.unit.set_collection(db, key, content);
        ctx.notify(EventClass::SORTED_SET, event, key.bytes);
    } else if ctx.unit.delete(db, key) {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    ctx.reply.integer(count as i64);
}
