//! The lock of one shard: many readers that do not disturb each other, or one writer.
//!
//! Readers who share a lock word write its cache line twice per read, and two threads that read one hot key were
//! slower than one. So readers are **biased** towards not touching it, after BRAVO (Dice and Kogan, "BRAVO: Biased
//! Locking for Reader-Writer Locks", 2019): each thread has a *seat* of its own, a cache line in which it writes the
//! name of the lock that it reads under.
//!
//! - **Reading while the lock is biased**: take the seat, look again whether the lock is still biased. If so, the lock is
//!   held; otherwise leave the seat and read through the lock word, as everybody does who has no seat to spare: a thread
//!   that already reads under another lock of this table, or one that found no free seat. Releasing is one plain store.
//! - **Writing**: take the lock word exclusively, so that nobody new comes in that way. If the lock is biased, end that and
//!   wait until no seat names the lock. Whoever sits down later finds the bias gone.
//! - **The bias comes back** with some reads in a row through the lock word without a write in between: the last of them
//!   sets it, while it holds the lock word shared and so keeps writers out. Not the first: ending the bias costs a
//!   writer more than one read gains.
//!
//! That reader and writer cannot both go ahead is the old argument about two flags: each first writes its own (the seat,
//! the bias) and then reads the other's, all four in the one total order of `SeqCst`. A writer waits for readers who
//! sit, and those wait for nothing that a writer of theirs holds; a reader who finds the bias gone leaves its seat before
//! it waits. Readers still sit down while a writer waits for the lock word, but no more once it has that; so it waits as
//! long as the lock word makes it, and then for one read of each thread.
//!
//! As with the plain lock, nobody may read under a lock twice at once, and a guard that is leaked holds for ever.
//!
//! `model.rs` runs `lock.rs` under `loom`. `unsafe`: a reader in its seat gets at what the lock word protects. Worth
//! it in `benches/engine.rs`, `scaling`.

mod lock;
#[cfg(test)]
mod model;
mod sync;
#[cfg(test)]
mod tests;
mod thread_number;

pub(crate) use lock::{Guard, ReaderTable, ShardLock, WriteGuard};
