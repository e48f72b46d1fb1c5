//! The tables of `compare`: what each cell gave, and what is to be met.

use super::compare::DataSet;
use super::{judged, ratio_to_best_peer};
use crate::procfs::CpuUsed;
use crate::report::{Cell, Table, count_text};
use crate::stats::{Better, median, ratio, spread};

/// One cell, and what each server gave in each round.
pub(super) struct Measured {
    pub(super) data: DataSet,
    pub(super) command: String,
    pub(super) pipeline: u64,
    /// By server.
    pub(super) samples: Vec<Samples>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    pub(super) cpu_us: Vec<f64>,
    pub(super) user_us: Vec<f64>,
    pub(super) throughput: Vec<f64>,
    pub(super) busy: Vec<f64>,
    /// Of all rounds together.
    pub(super) used: CpuUsed,
}

impl Samples {
    /// User time per command. The kernel samples the split of user and system time by its timer, so
    /// one round's share is uncertain; that of all rounds together is much less so.
    fn user_us(&self) -> Option<f64> {
        let share = ratio(self.used.user.as_secs_f64(), self.used.total.as_secs_f64())?;
        Some(median(&self.cpu_us)? * share)
    }
}

/// What is to be met in a cell of the budget: user and system time together, and user time alone.
fn bounds(cell: &Measured) -> (Option<f64>, Option<f64>) {
    match cell.pipeline {
        _ if !["get", "set", "incr", "10:1"].contains(&cell.command.as_str()) => (None, None),
        1 => (Some(1.0), Some(0.9)),
        16 => (Some(0.85), Some(0.75)),
        100 => (Some(0.75), Some(0.65)),
        _ => (None, None),
    }
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
        bound: |cell| bounds(cell).0,
        figure: |samples| median(&samples.cpu_us),
        samples: |samples| &samples.cpu_us,
    },
    Metric {
        title: "CPU time per command, user only, µs (the median above × the user share of all rounds)",
        better: Better::Lower,
        decimals: 3,
        bound: |cell| bounds(cell).1,
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

/// The table of one metric over all cells.
pub(super) fn table(metric: &Metric, cells: &[Measured], names: &[&str]) -> Table {
    let mut columns = vec!["command", "value", "keys", "pipeline"];
    columns.extend(names);
    columns.extend(["ratio", "to be met", "spread %", "busy %"]);
    let mut table = Table::new(metric.title, &columns);
    for cell in cells {
        let figures: Vec<Option<f64>> = cell.samples.iter().map(metric.figure).collect();
        let subject = &cell.samples[0];
        let bound = (metric.bound)(cell);
        let mut row: Vec<Cell> = vec![
            cell.command.as_str().into(),
            cell.data.value_text().into(),
            count_text(cell.data.keys).into(),
            cell.pipeline.into(),
        ];
        row.extend(
            figures
                .iter()
                .map(|&figure| Cell::number(figure, metric.decimals)),
        );
        row.push(judged(
            ratio_to_best_peer(&figures, metric.better),
            bound,
            2,
        ));
        row.push(Cell::number(bound, 2));
        row.push(Cell::number(
            spread((metric.samples)(subject)).map(|part| part * 100.0),
            0,
        ));
        row.push(Cell::number(median(&subject.busy), 0));
        table.push(row);
    }
    table
}
