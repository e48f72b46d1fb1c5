//! Which ranges of scores a search has to look through: the cell of the shape's centre and those around it.
//!
//! How large the cells are decides in which order members are found, so that is Redis's choice, made with Redis's idea of
//! the shape's bounds. Its idea is too small near the poles and for very wide boxes: where it would miss points, cells
//! are larger here.

use std::ops::Range;

use smallvec::SmallVec;

use super::cell::{Area, Cell};
use super::distance::{EARTH_RADIUS, degrees, distance, radians};
use super::shape::{Bounds, Form, Shape, extent};
use super::{LATITUDE_MAX, Point};

/// Half-open ranges of scores, in the order in which they are to be searched; none overlaps another.
#[derive(Clone, Debug)]
pub struct ScoreRanges(smallvec::IntoIter<[Range<f64>; 9]>);

impl Iterator for ScoreRanges {
    type Item = Range<f64>;

    fn next(&mut self) -> Option<Range<f64>> {
        self.0.next()
    }
}

/// The cells around one, columns to the east and rows to the north, in the order of the search.
const AROUND: [(i32, i32); 9] = [
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
];

/// Half of the earth's circumference in metres, as a Mercator map has it.
const MERCATOR_MAX: f64 = 20_037_726.37;

/// Bounds are taken to be larger by this many degrees (a centimetre), for they come of sines and cosines.
const SLACK: f64 = 1e-7;

impl Shape {
    /// The scores that points inside the shape have. Others have them too.
    pub fn score_ranges(&self) -> ScoreRanges {
        let bounds = self.bounds();
        let mut step = self.usual_step();
        while step > 1 && !is_covered(&bounds, self.center_cell(step).area()) {
            step -= 1;
        }
        let center = self.center_cell(step);
        let mut cells = SmallVec::<[Cell; 9]>::new();
        for (columns, rows) in AROUND {
            let cell = center.moved(columns, rows);
            if is_needed(&bounds, center.area(), step, columns, rows) && !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        let edges = edges_of(&cells);
        let ranges: SmallVec<[Range<f64>; 9]> = cells
            .iter()
            .chain(&edges)
            .map(|cell| cell.scores())
            .collect();
        ScoreRanges(ranges.into_iter())
    }

    /// The cell of the centre; on the edge of the map, the last one before it.
    fn center_cell(&self, step: u32) -> Cell {
        let cell = Cell::of(self.center, step);
        Cell {
            column: cell.column.min(cell.last()),
            row: cell.row.min(cell.last()),
            step,
        }
    }

    /// The step that Redis chooses.
    fn usual_step(&self) -> u32 {
        let (longitudes, latitudes) = self.usual_bounds();
        let step = step_for(self.reach(), self.center.latitude);
        let center = Cell::of(self.center, step);
        let area = |columns, rows| center.moved(columns, rows).area();
        // At the edges of the map these are on the other side, and the comparison makes little sense. But it is Redis's.
        let is_short = area(0, 1).north < latitudes.1
            || area(0, -1).south > latitudes.0
            || area(1, 0).east < longitudes.1
            || area(-1, 0).west > longitudes.0;
        if step > 1 && is_short { step - 1 } else { step }
    }

    /// The bounds that Redis computes: least and greatest longitude, least and greatest latitude.
    fn usual_bounds(&self) -> ((f64, f64), (f64, f64)) {
        let (width, height) = match &self.form {
            Form::Circle { radius } => (*radius, *radius),
            Form::Box { width, height } => (width / 2.0, height / 2.0),
            Form::Polygon { vertices } => {
                let (longitudes, latitudes) = extent(vertices);
                return (longitudes.into_inner(), latitudes.into_inner());
            }
        };
        let Point {
            longitude,
            latitude,
        } = self.center;
        let up = degrees(height / EARTH_RADIUS);
        let further = if latitude < 0.0 {
            latitude - up
        } else {
            latitude + up
        };
        let aside = degrees(width / EARTH_RADIUS / radians(further).cos());
        (
            (longitude - aside, longitude + aside),
            (latitude - up, latitude + up),
        )
    }

    /// The distance of the furthest corner from the centre, in metres.
    fn reach(&self) -> f64 {
        match &self.form {
            Form::Circle { radius } => *radius,
            Form::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
            Form::Polygon { vertices } => {
                let (longitudes, latitudes) = extent(vertices);
                let corners =
                    [longitudes.start(), longitudes.end()]
                        .into_iter()
                        .flat_map(|longitude| {
                            [latitudes.start(), latitudes.end()].map(|latitude| Point {
                                longitude: *longitude,
                                latitude: *latitude,
                            })
                        });
                corners
                    .map(|corner| distance(self.center, corner))
                    .fold(0.0, f64::max)
            }
        }
    }
}

/// The step whose cells are about as large as a reach of that many metres; larger towards the poles, where they are
/// narrow.
fn step_for(mut reach: f64, latitude: f64) -> u32 {
    if reach <= 0.0 {
        return Cell::STEP_MAX;
    }
    let mut step = -1;
    while reach < MERCATOR_MAX {
        reach *= 2.0;
        step += 1;
    }
    if latitude.abs() > 66.0 {
        step -= 1;
    }
    if latitude.abs() > 80.0 {
        step -= 1;
    }
    step.clamp(1, Cell::STEP_MAX as i32) as u32
}

/// Whether the nine cells around `center` cover the bounds.
fn is_covered(bounds: &Bounds, center: Area) -> bool {
    let (width, height) = (center.east - center.west, center.north - center.south);
    let longitudes_are = bounds.longitudes.as_ref().is_some_and(|longitudes| {
        center.west - width <= longitudes.start() - SLACK
            && longitudes.end() + SLACK <= center.east + width
    });
    let is_edge = |latitude: f64| latitude.abs() >= LATITUDE_MAX - SLACK;
    let latitudes = &bounds.latitudes;
    let southernmost = center.south - height;
    let northernmost = center.north + height;
    longitudes_are
        && (is_edge(center.south)
            || is_edge(southernmost)
            || southernmost <= latitudes.start() - SLACK)
        && (is_edge(center.north)
            || is_edge(northernmost)
            || latitudes.end() + SLACK <= northernmost)
}

/// Whether there may be points inside the bounds that many columns and rows from `center`, given that the nine cells
/// cover them.
fn is_needed(bounds: &Bounds, center: Area, step: u32, columns: i32, rows: i32) -> bool {
    // The coarsest map has four cells, each of which is on both sides of the others.
    if step < 2 {
        return true;
    }
    let latitude_is = match rows {
        1 => bounds.latitudes.end() + SLACK >= center.north,
        -1 => bounds.latitudes.start() - SLACK <= center.south,
        _ => true,
    };
    let longitude_is = match (columns, &bounds.longitudes) {
        (1, Some(longitudes)) => longitudes.end() + SLACK >= center.east,
        (-1, Some(longitudes)) => longitudes.start() - SLACK <= center.west,
        _ => true,
    };
    latitude_is && longitude_is
}

/// The cells on the edges of the map that border on `cells`.
fn edges_of(cells: &[Cell]) -> SmallVec<[Cell; 4]> {
    let mut edges = SmallVec::new();
    for cell in cells {
        let is_east = cell.column == cell.last();
        let is_north = cell.row == cell.last();
        if is_east || is_north {
            // Coarser than the finest: their scores have more bits than a number has.
            let shift = u32::from(cell.step == Cell::STEP_MAX);
            let step = cell.step - shift;
            let (column, row) = (cell.column >> shift, cell.row >> shift);
            let edge = 1 << step;
            let beyond = [
                (is_east, edge, row),
                (is_north, column, edge),
                (is_east && is_north, edge, edge),
            ];
            for (is_there, column, row) in beyond {
                let cell = Cell { column, row, step };
                if is_there && !edges.contains(&cell) {
                    edges.push(cell);
                }
            }
        }
    }
    edges
}
