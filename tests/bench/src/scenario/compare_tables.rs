//! The tables of `compare` and `types`: what each cell gave, and what is to be met.

use std::time::Duration;

use super::{judged, ratio_to_best_peer};
use crate::error::{BenchError, Result};
use crate::load::LoadResult;
use crate::procfs::CpuUsed;
use crate::report::{Cell, Table};
use crate::stats::{Better, median, ratio, spread};

/// One cell, and what each server gave in each round.
pub(super) struct Measured {
    /// What was measured: the cells of the leading columns.
    pub(super) labels: Vec<Cell>,
    pub(super) bounds: Bounds,
    /// By server.
    pub(super) samples: Vec<Samples>,
}

/// What is to be met in a cell, in relation to the better peer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    /// User and system time together.
    pub(super) cpu: Option<f64>,
    pub(super) user: Option<f64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    cpu_us: Vec<f64>,
    user_us: Vec<f64>,
    throughput: Vec<f64>,
    busy: Vec<f64>,
    /// Of all rounds together.
    used: CpuUsed,
}

impl Samples {
    /// Adds one round of `what` on server `name`.
    ///
    /// # Errors
    /// `BenchError::Usage` when replies were null: a command that finds nothing is cheap, so the figure
    /// would flatter.
    pub(super) fn note(&mut self, name: &str, what: &str, result: &LoadResult) -> Result<()> {
        if result.nulls > 0 {
            return Err(BenchError::Usage(format!(
                "{name}: {} replies of {what} were null",
                result.nulls
            )));
        }
        if let (Some((cpu, user)), Some(used)) = (result.cpu_us_per_command(), result.cpu) {
            self.cpu_us.push(cpu);
            self.user_us.push(user);
            self.used += used;
            self.busy.push(part(used.total, result.elapsed) * 100.0);
        }
        self.throughput.push(result.throughput());
        Ok(())
    }

    /// CPU time per command of the last round, in microseconds.
    pub(super) fn last_cpu_us(&self) -> f64 {
        self.cpu_us.last().copied().unwrap_or(f64::NAN)
    }

    /// User time per command. The kernel samples the split of user and system time by its timer, so
    /// one round's share is uncertain; that of all rounds together is much less so.
    fn user_us(&self) -> Option<f64> {
        let share = ratio(self.used.user.as_secs_f64(), self.used.total.as_secs_f64())?;
        Some(median(&self.cpu_us)? * share)
    }
}

fn part(time: Duration, whole: Duration) -> f64 {
    time.as_secs_f64() / whole.as_secs_f64()
}

/// One table's worth of figures.
pub(super) struct Metric {
    title: &'static str,
    better: Better,
    decimals: usize,
    bound: fn(&Measured) -> Option<f64>,
    figure: fn(&Samples) -> Option<f64>,
    samples: fn(&Samples) -> &[f64],
}

/// CPU time in all, in user mode, and throughput.
pub(super) const METRICS: [Metric; 3] = [
    Metric {
        title: "CPU time per command, user and system, µs (medians; ratio to the better peer)",
        better: Better::Lower,
        decimals: 3,
        bound: |cell| cell.bounds.cpu,
        figure: |samples| median(&samples.cpu_us),
        samples: |samples| &samples.cpu_us,
    },
    Metric {
        title: "CPU time per command, user only, µs (the median above × the user share of all rounds)",
        better: Better::Lower,
        decimals: 3,
        bound: |cell| cell.bounds.user,
        figure: Samples::user_us,
        samples: |samples| &samples.user_us,
    },
    Metric {
        title: "Commands per second (medians; ratio to the better peer)",
        better: Better::Higher,
        decimals: 0,
        bound: |_| None,
        figure: |samples| median(&samples.throughput),
        samples: |samples| &samples.throughput,
    },
];

impl Metric {
    fn figures(&self, cell: &Measured) -> Vec<Option<f64>> {
        cell.samples.iter().map(self.figure).collect()
    }

    /// The subject's figure in a cell in relation to the better peer's.
    pub(super) fn ratio(&self, cell: &Measured) -> Option<f64> {
        ratio_to_best_peer(&self.figures(cell), self.better)
    }

    /// The table over all cells; `leading` names the columns of their labels.
    pub(super) fn table<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a Measured>,
        leading: &[&str],
        names: &[&str],
    ) -> Table {
        let mut columns = leading.to_vec();
        columns.extend(names);
        columns.extend(["ratio", "to be met", "spread %", "busy %"]);
        let mut table = Table::new(self.title, &columns);
        for cell in cells {
            table.push(self.row(cell));
        }
        table
    }

    fn row(&self, cell: &Measured) -> Vec<Cell> {
        let subject = &cell.samples[0];
        let bound = (self.bound)(cell);
        let figures = self.figures(cell);
        let mut row = cell.labels.clone();
        row.extend(
            figures
                .iter()
                .map(|&figure| Cell::number(figure, self.decimals)),
        );
        row.push(judged(ratio_to_best_peer(&figures, self.better), bound, 2));
        row.push(Cell::number(bound, 2));
        row.push(Cell::number(
            spread((self.samples)(subject)).map(|part| part * 100.0),
            0,
        ));
        row.push(Cell::number(median(&subject.busy), 0));
        row
    }
}
