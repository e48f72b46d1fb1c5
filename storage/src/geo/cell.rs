//! Cells: the map halved `step` times in both directions.

use std::ops::Range;

use super::{LATITUDE_MAX, LONGITUDE_MAX, Point};

/// A cell of the map with 2^`step` columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Counted from the west. The eastern edge of the map is a column of its own, behind the last one.
    pub(super) column: u32,
    /// Counted from the south. The northern edge is a row of its own.
    pub(super) row: u32,
    /// From 1 to [`Cell::STEP_MAX`].
    pub(super) step: u32,
}

/// The degrees between which a cell lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Cell {
    /// The step of the cells that scores stand for.
    pub(super) const STEP_MAX: u32 = 26;

    /// The cell that `point` lies in.
    pub(super) fn of(point: Point, step: u32) -> Cell {
        Cell::of_map(point, step, LATITUDE_MAX)
    }

    /// The cell of a map that ends at another latitude.
    pub(super) fn of_map(point: Point, step: u32, latitude_max: f64) -> Cell {
        let cells = f64::from(1 << step);
        let place = |degrees: f64, max: f64| ((degrees + max) / (max + max) * cells) as u32;
        Cell {
            column: place(point.longitude, LONGITUDE_MAX),
            row: place(point.latitude, latitude_max),
            step,
        }
    }

    /// The cell of the finest map with these bits, or one far outside.
    pub(super) fn of_bits(bits: u64) -> Cell {
        Cell {
            column: gather(bits >> 1),
            row: gather(bits),
            step: Cell::STEP_MAX,
        }
    }

    /// Column and row interleaved, the row having the lowest bit.
    pub(super) fn bits(self) -> u64 {
        spread(self.column) << 1 | spread(self.row)
    }

    /// The number of the last column, and of the last row.
    pub(super) fn last(self) -> u32 {
        (1 << self.step) - 1
    }

    /// The cell that many columns to the east and rows to the north; behind the last one the first one follows.
    pub(super) fn moved(self, columns: i32, rows: i32) -> Cell {
        let moved = |place: u32, by: i32| match by {
            0 => place,
            by => place.wrapping_add_signed(by) & self.last(),
        };
        Cell {
            column: moved(self.column, columns),
            row: moved(self.row, rows),
            step: self.step,
        }
    }

    /// Where it lies.
    pub(super) fn area(self) -> Area {
        let cells = f64::from(1 << self.step);
        let degrees = |place: u32, max: f64| -max + f64::from(place) / cells * (max + max);
        Area {
            west: degrees(self.column, LONGITUDE_MAX),
            east: degrees(self.column.wrapping_add(1), LONGITUDE_MAX),
            south: degrees(self.row, LATITUDE_MAX),
            north: degrees(self.row.wrapping_add(1), LATITUDE_MAX),
        }
    }

    /// Its middle, moved onto the map.
    pub(super) fn middle(self) -> Point {
        let area = self.area();
        let longitude = (area.west + area.east) / 2.0;
        let latitude = (area.south + area.north) / 2.0;
        Point {
            longitude: longitude.clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: latitude.clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The scores of the points in it.
    pub(super) fn scores(self) -> Range<f64> {
        let shift = 2 * (Cell::STEP_MAX - self.step);
        let bits = self.bits();
        (bits << shift) as f64..((bits + 1) << shift) as f64
    }
}

/// The bits of `number` with a zero before each.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & 0x5555_5555_5555_5555
}

/// Every second bit of `bits`, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_follow_each_other_around_the_map() {
        let cell = |column, row| Cell {
            column,
            row,
            step: 3,
        };
        assert_eq!(cell(7, 0).moved(1, -1), cell(0, 7));
        assert_eq!(cell(0, 7).moved(-1, 1), cell(7, 0));
        assert_eq!(cell(3, 4).moved(0, 1), cell(3, 5));
        // The edge of the map is left only where it is crossed.
        assert_eq!(cell(8, 2).moved(0, 1), cell(8, 3));
        assert_eq!(cell(8, 2).moved(-1, 0), cell(7, 2));
    }

    #[test]
    fn a_coarse_cell_is_a_range_of_scores() {
        let cell = Cell {
            column: 0b101,
            row: 0b011,
            step: 3,
        };
        assert_eq!(cell.bits(), 0b10_01_11);
        let start = f64::from(0b10_01_11) * 2f64.powi(46);
        assert_eq!(cell.scores(), start..start + 2f64.powi(46));
    }

    proptest! {
        #[test]
        fn interleaving_is_undone(column: u32, row: u32) {
            let bits = spread(column) << 1 | spread(row);
            prop_assert_eq!((gather(bits >> 1), gather(bits)), (column, row));
            for bit in 0..32 {
                prop_assert_eq!(bits >> (2 * bit) & 1, u64::from(row >> bit & 1));
                prop_assert_eq!(bits >> (2 * bit + 1) & 1, u64::from(column >> bit & 1));
            }
        }

        #[test]
        fn a_point_lies_in_its_cell(longitude in -180.0..180.0f64, latitude in -85.05..85.05f64, step in 1..=26u32) {
            let point = Point { longitude, latitude };
            let cell = Cell::of(point, step);
            let area = cell.area();
            let slack = 1e-9;
            prop_assert!(area.west - slack <= longitude && longitude <= area.east + slack);
            prop_assert!(area.south - slack <= latitude && latitude <= area.north + slack);
            prop_assert!(cell.scores().contains(&point.score()));
        }
    }
}
