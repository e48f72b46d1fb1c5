//! Switching the log on and off at cuts, under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::{Mutex, RwLock};

use super::{Frame, TestFraming, effect, effects, read_frames};
use crate::log::{Cursor, EffectGroup, Log, Ticket};

const PRODUCERS: u64 = 3;
const ROUNDS: usize = 1000;

/// Tickets of a group and the number that its effects carry.
type Record = (std::ops::Range<u64>, u64);

/// What the owner has: the gate, whose exclusive side is a cut, and the log flag behind it.
struct Owner {
    gate: RwLock<bool>,
    shards: [Mutex<Vec<Record>>; 4],
    log: Log,
}

impl Owner {
    /// One unit: under the gate and a shard, reads the flag, and appends if it is set.
    fn unit(&self, number: u64, group: &mut EffectGroup) {
        let gate = self.gate.read();
        let mut shard = self.shards[(number % 4) as usize].lock();
        if *gate {
            group.set_atomic(true);
            for _ in 0..number % 3 + 1 {
                group.push((number % 2) as u32, 0, &effect(&number.to_le_bytes()));
            }
            let tickets = self.log.append(group);
            shard.push((tickets.first.0..tickets.end.0, number));
        }
        drop((shard, gate));
        self.log.wake_if_needed();
    }

    /// Runs `action` with everything held.
    fn cut<R>(&self, action: impl FnOnce(&mut bool, &Log) -> R) -> R {
        let mut gate = self.gate.write();
        let _shards: Vec<_> = self.shards.iter().map(Mutex::lock).collect();
        action(&mut gate, &self.log)
    }

    /// What a cursor must have seen between two tickets.
    fn expected(&self, tickets: std::ops::Range<u64>) -> Vec<u64> {
        let mut records: Vec<Record> = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let within = |record: &&Record| tickets.contains(&record.0.start);
            records.extend(shard.iter().filter(within).cloned());
        }
        records.sort_by_key(|record| record.0.start);
        let repeat = |(range, number): Record| range.map(move |_| number);
        records.into_iter().flat_map(repeat).collect()
    }
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    let number = |e: &&[u8]| u64::from_le_bytes((*e).try_into().unwrap());
    effects(frames).iter().map(number).collect()
}

fn check_seen(owner: &Owner, cursor: &mut Cursor, from: Ticket, to: Ticket) {
    let frames = read_frames(cursor);
    assert_eq!(numbers(&frames), owner.expected(from.0..to.0));
    assert!(frames.is_empty() || matches!(frames[0], Frame::Select(_)));
}

#[test]
fn a_cursor_sees_the_frames_after_its_cut_and_only_those() {
    let owner = Owner {
        gate: RwLock::new(false),
        shards: std::array::from_fn(|_| Mutex::default()),
        log: Log::with_slots(1 << 10),
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let (owner, done) = (&owner, &done);
            scope.spawn(move || {
                let mut group = EffectGroup::new();
                let mut number = producer;
                // Relaxed: only says when to end.
                while !done.load(Ordering::Relaxed) {
                    owner.unit(number, &mut group);
                    number += PRODUCERS;
                }
            });
        }
        let mut total = 0;
        for round in 0..ROUNDS {
            // Both orders of starting and cutting are allowed.
            let late = round % 2 == 0;
            if !late {
                owner.log.start(Box::new(TestFraming)).unwrap();
            }
            let (from, mut cursor) = owner.cut(|on, log| {
                if late {
                    log.start(Box::new(TestFraming)).unwrap();
                }
                *on = true;
                (log.tail(), log.cursor_at(log.tail()))
            });
            // Now and then a second consumer joins while the log is on, and an unread one leaves.
            let second = (round % 3 == 0).then(|| {
                thread::yield_now();
                drop(owner.cut(|_, log| log.cursor_at(log.tail())));
                owner.cut(|_, log| (log.tail(), log.cursor_at(log.tail())))
            });
            while round % 5 == 0 && owner.log.tail() < Ticket(from.0 + 50) {
                thread::yield_now();
            }
            let to = owner.cut(|on, log| {
                *on = false;
                log.tail()
            });
            owner.log.stop();
            assert_eq!(owner.log.tail(), to, "nothing is appended while it is off");
            assert_eq!(owner.log.sequenced().0, to);
            check_seen(&owner, &mut cursor, from, to);
            if let Some((from, mut second)) = second {
                assert_eq!(second.start_offset(), owner.log.offset_of(from));
                check_seen(&owner, &mut second, from, to);
            }
            total += to.0 - from.0;
            for shard in &owner.shards {
                shard.lock().clear();
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(total >= 50 * (ROUNDS as u64) / 5, "there was load");
    });
}

#[test]
fn a_cursor_never_bridges_the_time_the_log_was_off() {
    let log = Log::with_slots(4);
    let mut group = EffectGroup::new();
    let mut append = |log: &Log, payload: &[u8]| {
        group.push(0, 0, &effect(payload));
        log.append(&mut group);
    };
    log.start(Box::new(TestFraming)).unwrap();
    let mut old = log.cursor_at(log.tail());
    append(&log, b"before");
    log.stop();
    // Made for the next start while the log is off: it must not end with the old one.
    let mut new = log.cursor_at(log.tail());
    log.start(Box::new(TestFraming)).unwrap();
    append(&log, b"after");
    log.stop();
    assert_eq!(effects(&read_frames(&mut old)), [b"before"]);
    assert_eq!(
        read_frames(&mut new),
        [Frame::Select(0), Frame::Effect(b"after".into())]
    );
}
