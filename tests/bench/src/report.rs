//! Results as Markdown tables for people and JSON for programs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use hdrhistogram::Histogram;

use crate::error::{Doing, Result};

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// A name, or words.
    Text(String),
    /// A figure, and how many decimals people want to see.
    Number(f64, usize),
    /// A figure past its bound, and its decimals.
    Missed(f64, usize),
    /// Not measured or without meaning.
    Missing,
}

impl Cell {
    /// A figure that may be missing.
    pub(crate) fn number(value: Option<f64>, decimals: usize) -> Cell {
        value.map_or(Cell::Missing, |value| Cell::Number(value, decimals))
    }

    /// A duration in microseconds.
    pub(crate) fn micros(nanos: u64) -> Cell {
        Cell::Number(nanos as f64 / 1e3, 1)
    }

    /// A size in MiB.
    pub(crate) fn mib(bytes: u64) -> Cell {
        Cell::Number(bytes as f64 / 1_048_576.0, 1)
    }

    fn markdown(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Number(value, decimals) => format!("{value:.decimals$}"),
            Cell::Missed(value, decimals) => format!("{value:.decimals$} ✗"),
            Cell::Missing => "–".into(),
        }
    }

    fn json(&self) -> String {
        match self {
            Cell::Text(text) => json_string(text),
            Cell::Number(value, _) | Cell::Missed(value, _) if value.is_finite() => {
                value.to_string()
            }
            Cell::Number(..) | Cell::Missed(..) | Cell::Missing => "null".into(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_string())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Cell {
        Cell::Number(count as f64, 0)
    }
}

/// A titled table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Table {
        Table {
            title: title.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell per column.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(
            row.len(),
            self.columns.len(),
            "a row has one cell per column"
        );
        self.rows.push(row);
    }

    /// The table as Markdown; columns of figures are aligned to the right.
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n", self.title);
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        out += &line(self.columns.clone());
        let rules = (0..self.columns.len()).map(|column| {
            let figures = self
                .rows
                .iter()
                .any(|row| matches!(row[column], Cell::Number(..) | Cell::Missed(..)));
            if figures { "--:" } else { "---" }.to_string()
        });
        out += &line(rules.collect());
        for row in &self.rows {
            out += &line(row.iter().map(Cell::markdown).collect());
        }
        out
    }

    fn json(&self) -> String {
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let fields = self.columns.iter().zip(row);
                let fields: Vec<String> = fields
                    .map(|(column, cell)| format!("{}: {}", json_string(column), cell.json()))
                    .collect();
                format!("{{{}}}", fields.join(", "))
            })
            .collect();
        format!(
            "{{\"title\": {}, \"rows\": [\n  {}\n]}}",
            json_string(&self.title),
            rows.join(",\n  ")
        )
    }
}

/// Prints each table when it is ready and keeps all of them for the JSON file.
#[derive(Debug)]
pub(crate) struct Report {
    json_file: Option<PathBuf>,
    tables: Vec<Table>,
}

impl Report {
    /// A report that also goes to `json_file`.
    pub(crate) fn new(json_file: Option<PathBuf>) -> Report {
        Report {
            json_file,
            tables: Vec::new(),
        }
    }

    /// Prints `table` and writes the JSON file anew, so that an interrupted run keeps what it has.
    ///
    /// # Errors
    /// `BenchError::Io` when the file cannot be written.
    pub(crate) fn add(&mut self, table: Table) -> Result<()> {
        writeln!(std::io::stdout(), "{}", table.markdown()).doing(|| "write the table".into())?;
        self.tables.push(table);
        let Some(path) = &self.json_file else {
            return Ok(());
        };
        let tables: Vec<String> = self.tables.iter().map(Table::json).collect();
        let json = format!("[\n{}\n]\n", tables.join(",\n"));
        std::fs::write(path, json).doing(|| format!("write {}", path.display()))
    }
}

/// Tells on stderr what is being done now; stdout is for results.
pub(crate) fn progress(text: &str) {
    eprintln!("… {text}");
}

/// The p50, p99, p99.9 and maximum of a histogram of nanoseconds, as cells in microseconds.
pub(crate) fn quantile_cells(histogram: &Histogram<u64>) -> [Cell; 4] {
    [
        Cell::micros(histogram.value_at_quantile(0.5)),
        Cell::micros(histogram.value_at_quantile(0.99)),
        Cell::micros(histogram.value_at_quantile(0.999)),
        Cell::micros(histogram.max()),
    ]
}

/// A count as people say it: `100 k`, `10 M`.
pub(crate) fn count_text(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        count if count % 1_000_000 == 0 => format!("{} M", count / 1_000_000),
        count if count >= 1_000_000 => format!("{:.2} M", count as f64 / 1e6),
        count if count % 1000 == 0 => format!("{} k", count / 1000),
        count => format!("{:.1} k", count as f64 / 1e3),
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("CPU \"µs\"", &["server", "cpu"]);
        table.push(vec!["one".into(), Cell::Number(1.256, 2)]);
        table.push(vec!["two\n".into(), Cell::Missing]);
        table
    }

    #[test]
    fn markdown_rounds_and_aligns() {
        let expected =
            "### CPU \"µs\"\n\n| server | cpu |\n| --- | --: |\n| one | 1.26 |\n| two\n | – |\n";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn json_keeps_figures_and_escapes_text() {
        let expected = "{\"title\": \"CPU \\\"µs\\\"\", \"rows\": [\n  {\"server\": \"one\", \"cpu\": 1.256},\n  \
                        {\"server\": \"two\\u000a\", \"cpu\": null}\n]}";
        assert_eq!(table().json(), expected);
    }

    #[test]
    fn counts_read_as_people_say_them() {
        for (count, text) in [
            (1, "1"),
            (100_000, "100 k"),
            (10_000_000, "10 M"),
            (1_250_000, "1.25 M"),
            (1500, "1.5 k"),
        ] {
            assert_eq!(count_text(count), text);
        }
    }
}
