//! Cache traces, and what other implementations make of them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::error::{ReplayError, Result};
use crate::replay::Capacity;

/// A sequence of reads.
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) requests: Vec<Request>,
    /// How many different keys there are.
    pub(crate) keys: usize,
}

/// A read of a key; what is not there is put there.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) key: u32,
    /// Bytes of the value.
    pub(crate) size: u32,
}

impl Trace {
    /// Reads `DIRECTORY/NAME.csv.zst`, lines of `time,key,size` below a header.
    pub(crate) fn read(directory: &Path, name: &str) -> Result<Self> {
        let path = directory.join(format!("{name}.csv.zst"));
        let at = |what: &str| format!("{what} {}", path.display());
        let file = File::open(&path).map_err(|source| ReplayError::io(at("opening"), source))?;
        let decoder = zstd::Decoder::new(file)
            .map_err(|source| ReplayError::io(at("decompressing"), source))?;
        let (mut requests, mut keys) = (Vec::new(), HashSet::new());
        for line in BufReader::new(decoder).lines().skip(1) {
            let line = line.map_err(|source| ReplayError::io(at("reading"), source))?;
            let mut fields = line.split(',').skip(1);
            let mut number = || fields.next()?.parse().ok();
            let (Some(key), Some(size)) = (number(), number()) else {
                return Err(ReplayError::Line(line));
            };
            keys.insert(key);
            requests.push(Request { key, size });
        }
        Ok(Self {
            name: name.to_owned(),
            requests,
            keys: keys.len(),
        })
    }

    /// Bytes of all keys, each of the size that it has first.
    pub(crate) fn bytes(&self) -> u64 {
        let mut seen = HashSet::new();
        let first = self.requests.iter().filter(|read| seen.insert(read.key));
        first.map(|read| u64::from(read.size)).sum()
    }
}

/// A miss ratio that is to be come near to.
pub(crate) struct Reference {
    pub(crate) trace: String,
    in_bytes: bool,
    pub(crate) fraction: f64,
    capacity: u64,
    pub(crate) policy: String,
    /// Misses per request.
    pub(crate) miss_ratio: f64,
}

impl Reference {
    pub(crate) fn capacity(&self) -> Capacity {
        match self.in_bytes {
            true => Capacity::Bytes(self.capacity),
            false => Capacity::Keys(self.capacity),
        }
    }

    /// Reads `DIRECTORY/reference_miss_ratios.csv`.
    pub(crate) fn read_all(directory: &Path) -> Result<Vec<Self>> {
        let path = directory.join("reference_miss_ratios.csv");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ReplayError::io(format!("reading {}", path.display()), source))?;
        let parse = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            Some(Self {
                trace: (*fields.first()?).to_owned(),
                in_bytes: *fields.get(1)? == "byte",
                fraction: fields.get(2)?.parse().ok()?,
                capacity: fields.get(3)?.parse().ok()?,
                policy: (*fields.get(4)?).to_owned(),
                miss_ratio: fields.get(5)?.parse().ok()?,
            })
        };
        let lines = text.lines().skip(1);
        lines
            .map(|line| parse(line).ok_or_else(|| ReplayError::Line(line.to_owned())))
            .collect()
    }
}
