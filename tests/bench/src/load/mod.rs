//! The load itself: one thread, one epoll, any number of connections.
//!
//! *Closed loop*: each connection sends `pipeline` requests, waits for all replies, sends the next.
//! It finds what a server can do. *Open loop* (`rate`): requests are sent when the [`Schedule`] says
//! so, on whichever connection is free, and latency counts from the intended time; the thread spins
//! instead of sleeping, because a wake-up costs more than many a request. Requests that were due
//! before the end count even if their replies come after it. Beside an open loop a further connection
//! can send operations of its own ([`run_beside`]); what comes back is read in small pieces between the
//! requests, so that a reply of megabytes does not hold up the generator itself.

mod beside;
mod connection;
mod poll;
mod schedule;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::commands::Mix;
use crate::error::{BenchError, Result};
use crate::keys::KeyPicker;
use crate::procfs::{CpuTime, CpuUsed};
use crate::random::Random;
use beside::Beside;
pub(crate) use beside::Operation;
use connection::Connection;
use poll::{EVENTS_MAX, Poll};
pub(crate) use schedule::{Nanos, Schedule};
pub(crate) use spec::{Answer, Length, LoadResult, LoadSpec, latency_histogram};

/// How long replies may take after the end of a load before it is given up.
const DRAIN: Duration = Duration::from_secs(20);
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Runs a load.
///
/// # Errors
/// `BenchError` when a connection fails or what comes is no RESP; error replies are counted instead.
pub(crate) fn run(spec: &LoadSpec) -> Result<LoadResult> {
    run_beside(spec, Vec::new()).map(|(result, _)| result)
}

/// Runs an open loop while another connection sends `operations`, encoded requests, one at a time and
/// evenly over the measurement; returns also what became of those that were sent before its end.
///
/// # Errors
/// As [`run`], and `BenchError::Usage` for operations beside a closed loop.
pub(crate) fn run_beside(
    spec: &LoadSpec,
    operations: Vec<Vec<u8>>,
) -> Result<(LoadResult, Vec<Operation>)> {
    if spec.connections == 0 || spec.pipeline == 0 {
        return Err(BenchError::Usage(
            "a load needs connections and a pipeline of at least 1".into(),
        ));
    }
    if spec
        .rate
        .is_some_and(|rate| rate <= 0.0 || !rate.is_finite())
    {
        return Err(BenchError::Usage("a rate is a number above 0".into()));
    }
    let mut load = Load::new(spec)?;
    let done = match spec.rate {
        None if !operations.is_empty() => {
            let reason = "operations beside a load need a rate";
            return Err(BenchError::Usage(reason.into()));
        }
        None => {
            load.closed_loop()?;
            Vec::new()
        }
        Some(rate) => load.open_loop(rate, operations)?,
    };
    Ok((load.finish()?, done))
}

struct Load<'a> {
    spec: &'a LoadSpec,
    mix: Mix,
    picker: KeyPicker,
    random: Random,
    poll: Poll,
    connections: Vec<Connection>,
    requests: Vec<u8>,
    buffer: Vec<u8>,
    began: Instant,
    /// Latencies count for requests (intended to be) sent from here on.
    window_start: Nanos,
    window_commands: u64,
    window_elapsed: Nanos,
    /// `window_commands` at the end of the window; in the open loop replies still come after it.
    window_answered: u64,
    own_cpu_at_start: Option<CpuTime>,
    own_cpu: CpuUsed,
    cpu_at_start: Option<CpuTime>,
    cpu: Option<CpuUsed>,
    latency: Histogram<u64>,
    answers: Vec<Answer>,
    unanswered: u64,
}

/// What only the open loop has.
struct OpenLoop {
    schedule: Schedule,
    /// Connections with room for a request.
    free: VecDeque<usize>,
    ready: Vec<usize>,
    beside: Option<Beside>,
}

impl<'a> Load<'a> {
    fn new(spec: &'a LoadSpec) -> Result<Load<'a>> {
        let mut poll = Poll::new()?;
        let mut connections = Vec::with_capacity(spec.connections);
        for index in 0..spec.connections {
            let connection = Connection::open(spec.address)?;
            poll.add(&connection, index)?;
            connections.push(connection);
        }
        Ok(Load {
            spec,
            mix: spec.mix.clone(),
            picker: KeyPicker::new(spec.key_count, spec.key_order),
            random: Random::new(spec.seed),
            poll,
            connections,
            requests: Vec::new(),
            buffer: vec![0; READ_BUFFER_BYTES],
            began: Instant::now(),
            window_start: 0,
            window_commands: 0,
            window_elapsed: 0,
            window_answered: 0,
            own_cpu_at_start: None,
            own_cpu: CpuUsed::default(),
            cpu_at_start: None,
            cpu: None,
            latency: latency_histogram(),
            answers: Vec::new(),
            unanswered: 0,
        })
    }

    fn now(&self) -> Nanos {
        self.began.elapsed().as_nanos() as Nanos
    }

    fn closed_loop(&mut self) -> Result<()> {
        let warm_up = self.spec.warm_up.as_nanos() as Nanos;
        let (end, mut to_send) = match self.spec.length {
            Length::Time(time) => (warm_up + time.as_nanos() as Nanos, u64::MAX),
            Length::Requests(count) => (Nanos::MAX, count),
        };
        let mut to_answer = to_send;
        if warm_up > 0 {
            // Requests of the warm-up are not counted off `to_send`.
            self.closed_phase(warm_up, &mut u64::MAX.clone(), &mut u64::MAX.clone())?;
        }
        self.open_window(self.now())?;
        self.closed_phase(end, &mut to_send, &mut to_answer)?;
        self.close_window(self.now())
    }

    /// Keeps the connections busy until `end`, or until nothing is left to send and answer.
    fn closed_phase(&mut self, end: Nanos, to_send: &mut u64, to_answer: &mut u64) -> Result<()> {
        for index in 0..self.connections.len() {
            self.refill(index, to_send)?;
        }
        let mut ready = Vec::with_capacity(EVENTS_MAX);
        while *to_answer > 0 && self.now() < end {
            self.poll
                .wait(&mut ready, Some(Duration::from_millis(20)))?;
            for &index in &ready {
                let replies = self.receive(index, true)?;
                *to_answer = to_answer.saturating_sub(replies);
                self.refill(index, to_send)?;
            }
        }
        Ok(())
    }

    fn refill(&mut self, index: usize, to_send: &mut u64) -> Result<()> {
        if self.connections[index].in_flight() > 0 || *to_send == 0 {
            return Ok(());
        }
        let count = self.spec.pipeline.min(*to_send);
        *to_send -= count;
        self.requests.clear();
        for _ in 0..count {
            self.mix
                .append(&mut self.requests, &mut self.picker, &mut self.random);
        }
        let now = self.now();
        self.connections[index].note_sent(now, count);
        self.send(index)
    }

    fn open_loop(&mut self, rate: f64, operations: Vec<Vec<u8>>) -> Result<Vec<Operation>> {
        let warm_up = self.spec.warm_up.as_nanos() as Nanos;
        let warm_up_requests = rate * self.spec.warm_up.as_secs_f64();
        let requests = match self.spec.length {
            Length::Time(time) => rate * time.as_secs_f64(),
            Length::Requests(count) => count as f64,
        };
        let end = warm_up + (requests / rate * 1e9) as Nanos;
        let mut open = OpenLoop {
            schedule: Schedule::new(rate, (warm_up_requests + requests) as u64),
            free: (0..self.connections.len()).collect(),
            ready: Vec::with_capacity(EVENTS_MAX),
            beside: Beside::with(self.spec.address, operations, warm_up..end)?,
        };
        self.open_phase(warm_up, &mut open)?;
        self.open_window(warm_up)?;
        self.open_phase(end, &mut open)?;
        self.close_window(self.now())?;
        self.open_drain(&mut open)?;
        open.beside.map_or(Ok(Vec::new()), Beside::finish)
    }

    fn open_phase(&mut self, end: Nanos, open: &mut OpenLoop) -> Result<()> {
        loop {
            let now = self.now();
            if now >= end {
                return Ok(());
            }
            self.open_turn(now, open)?;
        }
    }

    /// Sends what was due and waits for every reply, so that a stall at the end still counts.
    fn open_drain(&mut self, open: &mut OpenLoop) -> Result<()> {
        let give_up = self.now() + DRAIN.as_nanos() as Nanos;
        while open.schedule.peek().is_some()
            || open.beside.as_ref().is_some_and(Beside::is_busy)
            || self.connections.iter().any(|c| c.in_flight() > 0)
        {
            let now = self.now();
            if now >= give_up {
                break;
            }
            self.open_turn(now, open)?;
        }
        Ok(())
    }

    fn open_turn(&mut self, now: Nanos, open: &mut OpenLoop) -> Result<()> {
        while let Some(&index) = open.free.front() {
            if !self.send_due(index, now, &mut open.schedule)? {
                break;
            }
            open.free.pop_front();
            if self.connections[index].in_flight() < self.spec.pipeline {
                open.free.push_back(index);
            }
        }
        self.poll.wait(&mut open.ready, Some(Duration::ZERO))?;
        for &index in &open.ready {
            let was_full = self.connections[index].in_flight() >= self.spec.pipeline;
            self.receive(index, false)?;
            if was_full && self.connections[index].in_flight() < self.spec.pipeline {
                open.free.push_back(index);
            }
        }
        match &mut open.beside {
            Some(beside) => beside.turn(now, &mut self.buffer, self.began),
            None => Ok(()),
        }
    }

    /// Sends the requests that are due, as far as the connection has room; whether there were any.
    fn send_due(&mut self, index: usize, now: Nanos, schedule: &mut Schedule) -> Result<bool> {
        self.requests.clear();
        while self.connections[index].in_flight() < self.spec.pipeline {
            let Some(due) = schedule.take_due(now) else {
                break;
            };
            self.mix
                .append(&mut self.requests, &mut self.picker, &mut self.random);
            self.connections[index].note_sent(due, 1);
        }
        if self.requests.is_empty() {
            return Ok(false);
        }
        self.send(index)?;
        Ok(true)
    }

    fn send(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        connection.send(&self.requests)?;
        if connection.has_unwritten() {
            self.poll.want_write(connection, index, true)?;
        }
        Ok(())
    }

    /// Reads replies; `closed` counts by the time of the reply, else by the intended send time.
    fn receive(&mut self, index: usize, closed: bool) -> Result<u64> {
        let connection = &mut self.connections[index];
        if connection.has_unwritten() {
            connection.flush()?;
            if !connection.has_unwritten() {
                self.poll.want_write(connection, index, false)?;
            }
        }
        let (latency, window_start) = (&mut self.latency, self.window_start);
        let (answers, began) = (&mut self.answers, self.began);
        let mut now = None;
        let replies = connection.receive(&mut self.buffer, |sent_at, count| {
            let now = *now.get_or_insert_with(|| began.elapsed().as_nanos() as Nanos);
            if closed || sent_at >= window_start {
                latency.saturating_record_n(now.saturating_sub(sent_at), count);
                if !closed {
                    let answer = Answer {
                        due: sent_at,
                        answered: now,
                    };
                    answers.extend((0..count).map(|_| answer));
                }
            }
        })?;
        self.window_commands += replies;
        Ok(replies)
    }

    fn open_window(&mut self, start: Nanos) -> Result<()> {
        self.window_start = start;
        self.window_commands = 0;
        self.latency.reset();
        self.answers.clear();
        self.cpu_at_start = self.spec.server_pid.map(CpuTime::of).transpose()?;
        self.own_cpu_at_start = Some(CpuTime::of(std::process::id())?);
        Ok(())
    }

    fn close_window(&mut self, end: Nanos) -> Result<()> {
        self.window_elapsed = end.saturating_sub(self.window_start).max(1);
        if let (Some(pid), Some(start)) = (self.spec.server_pid, self.cpu_at_start) {
            self.cpu = Some(CpuTime::of(pid)?.since(start));
        }
        if let Some(start) = self.own_cpu_at_start {
            self.own_cpu = CpuTime::of(std::process::id())?.since(start);
        }
        self.window_answered = self.window_commands;
        Ok(())
    }

    fn finish(mut self) -> Result<LoadResult> {
        let commands = self.window_answered;
        if self.spec.rate.is_none() {
            self.closed_drain()?;
        }
        let now = self.now();
        for connection in &self.connections {
            for (sent_at, count) in connection.unanswered() {
                self.latency
                    .saturating_record_n(now.saturating_sub(sent_at), count);
                self.unanswered += count;
            }
        }
        let errors = self
            .connections
            .iter()
            .map(|connection| connection.errors().0)
            .sum();
        let first_error = self
            .connections
            .iter()
            .find_map(|connection| connection.errors().1);
        Ok(LoadResult {
            commands,
            elapsed: Duration::from_nanos(self.window_elapsed),
            latency: self.latency.clone(),
            answers: std::mem::take(&mut self.answers),
            began: self.began,
            cpu: self.cpu,
            own_cpu: self.own_cpu,
            errors,
            nulls: self.connections.iter().map(Connection::nulls).sum(),
            first_error: first_error.map(str::to_string),
            unanswered: self.unanswered,
        })
    }

    /// Takes the replies under way, so that the server ends the run idle.
    fn closed_drain(&mut self) -> Result<()> {
        let latency = self.latency.clone();
        let give_up = self.now() + DRAIN.as_nanos() as Nanos;
        let mut ready = Vec::with_capacity(EVENTS_MAX);
        while self.now() < give_up && self.connections.iter().any(|c| c.in_flight() > 0) {
            self.poll
                .wait(&mut ready, Some(Duration::from_millis(20)))?;
            for &index in &ready {
                self.receive(index, true)?;
            }
        }
        self.latency = latency;
        Ok(())
    }
}
