//! Gaps: times in which the machine let nobody run on a core, and latencies without them.
//!
//! On each core a thread of real-time priority sleeps and notes when it is woken late. No process of
//! ordinary priority can hold it up, so what it notes was taken by the hypervisor or the kernel, and
//! no server is to blame for a request that was under way in it. Such requests are left out, whichever
//! server they went to; how many these were stands beside the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use crate::error::{BenchError, Result};
use crate::load::{Answer, latency_histogram};
use crate::machine::pin_to;

/// How long a watching thread sleeps: shorter gaps are not seen for sure.
const SLEEP: Duration = Duration::from_micros(100);
/// From which lateness on a gap is one. Waking up alone takes some microseconds.
const LATE: Duration = Duration::from_micros(200);
/// Above ordinary processes is enough; kernel threads of higher priority stay above.
const PRIORITY: u8 = 10;

/// A time in which a core ran nothing of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Gap {
    pub(crate) fn length(&self) -> Duration {
        self.to - self.from
    }

    /// The end of what the gap spoils: what became due in it has to be worked off behind it, which
    /// is given as long as the gap itself.
    fn end_of_spoilt(&self) -> Instant {
        self.to + self.length()
    }
}

/// Watches cores until it is asked what it saw.
#[derive(Debug)]
pub(crate) struct GapWatch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Vec<Gap>>>>,
}

impl GapWatch {
    /// Begins to watch `cores`.
    pub(crate) fn start(cores: &[usize]) -> GapWatch {
        let stop = Arc::new(AtomicBool::new(false));
        let watch = |&core: &usize| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || watch(core, &stop))
        };
        let threads = cores.iter().map(watch).collect();
        GapWatch { stop, threads }
    }

    /// Ends; the gaps of all cores.
    ///
    /// # Errors
    /// `BenchError::Usage` where no thread may have real-time priority, `BenchError::Io` without such
    /// a core.
    pub(crate) fn finish(self) -> Result<Vec<Gap>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut gaps = Vec::new();
        for thread in self.threads {
            let panicked = |_| Err(BenchError::Usage("the watch for gaps panicked".into()));
            gaps.extend(thread.join().unwrap_or_else(panicked)?);
        }
        Ok(gaps)
    }
}

fn watch(core: usize, stop: &AtomicBool) -> Result<Vec<Gap>> {
    pin_to(&[core])?;
    become_real_time()?;
    let mut gaps = Vec::new();
    let mut from = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(SLEEP);
        let to = Instant::now();
        if to - from >= SLEEP + LATE {
            gaps.push(Gap { from, to });
        }
        from = to;
    }
    Ok(gaps)
}

fn become_real_time() -> Result<()> {
    let value = ThreadPriorityValue::try_from(PRIORITY).expect("a valid constant");
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(value),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
    )
    .map_err(|error| {
        BenchError::Usage(format!(
            "to watch for gaps needs the right to real-time priority (root, or CAP_SYS_NICE): {error:?}"
        ))
    })
}

/// Latencies of the requests that no gap touched.
#[derive(Debug, Clone)]
pub(crate) struct Undisturbed {
    /// In nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// Which part of all requests was left out, of 1.
    pub(crate) left_out: f64,
}

/// Leaves out the answers whose requests were under way in one of `gaps`, or while what was due in it
/// was worked off. `began` is the instant from which the answers' times count.
pub(crate) fn undisturbed(answers: &[Answer], began: Instant, mut gaps: Vec<Gap>) -> Undisturbed {
    gaps.sort_by_key(|gap| gap.from);
    let ends = furthest_ends(&gaps);
    let mut latency = latency_histogram();
    let mut left_out = 0;
    for answer in answers {
        let due = began + Duration::from_nanos(answer.due);
        let answered = began + Duration::from_nanos(answer.answered);
        // Of all gaps that began before the answer, the one that spoils longest.
        let begun = gaps.partition_point(|gap| gap.from <= answered);
        if begun > 0 && ends[begun - 1] >= due {
            left_out += 1;
        } else {
            latency.saturating_record(answer.answered.saturating_sub(answer.due));
        }
    }
    let left_out = f64::from(left_out) / (answers.len().max(1) as f64);
    Undisturbed { latency, left_out }
}

/// For each gap, the latest end of what it and those before it spoil.
fn furthest_ends(gaps: &[Gap]) -> Vec<Instant> {
    let mut furthest: Option<Instant> = None;
    gaps.iter()
        .map(|gap| {
            let end = gap.end_of_spoilt();
            *furthest.insert(furthest.map_or(end, |before| before.max(end)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(times: &[(u64, u64)]) -> Vec<Answer> {
        let answer = |&(due, answered): &(u64, u64)| Answer {
            due: due * 1_000_000,
            answered: answered * 1_000_000,
        };
        times.iter().map(answer).collect()
    }

    #[test]
    fn requests_in_a_gap_and_in_its_wake_are_left_out() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let gap = |from, to| Gap {
            from: at(from),
            to: at(to),
        };
        let answers = answers(&[
            (1, 2),   // before all
            (9, 10),  // until the gap
            (15, 31), // through it
            (22, 23), // in its wake
            (41, 42), // behind the wake of the long one, but in that of none
            (50, 60), // a stall without any gap
        ]);
        // The long gap spoils until 30, the short one until 27.
        let gaps = vec![gap(25, 26), gap(10, 20)];
        let kept = undisturbed(&answers, began, gaps);
        assert_eq!(kept.latency.len(), 3);
        assert!((kept.left_out - 0.5).abs() < 1e-9);
        assert!(kept.latency.max() >= 10_000_000, "the stall counts");
    }

    #[test]
    fn without_gaps_all_count() {
        let kept = undisturbed(&answers(&[(0, 5), (1, 2)]), Instant::now(), Vec::new());
        assert_eq!((kept.latency.len(), kept.left_out), (2, 0.0));
    }
}
