//! Places on earth as the scores of a sorted set, and the parts of a sorted set in which a search finds them.
//!
//! A map of the world, longitude across and latitude up to ±85.05112878 (where a Mercator map is as high as it is wide),
//! is halved 26 times in both directions. The two numbers of the cell that a point lies in are interleaved bit by
//! bit, and the 52 bits are the score. So a cell of a coarser map is a range of scores, and a search looks through the
//! cells that its shape touches, nine at most: [`Shape::score_ranges`]. Which of the members in them are inside says
//! [`Finder::distance`].
//!
//! All of it is arithmetic, and to the bit that of Redis: members answer with the same positions and distances, and a
//! search visits cells of the same size in the same order, because that is the order of a reply that is not sorted.

mod cell;
mod distance;
mod finder;
mod search;
mod shape;
#[cfg(test)]
mod tests;

pub use distance::{Unit, distance};
pub use finder::Finder;
pub use search::ScoreRanges;
pub use shape::Shape;

use cell::Cell;

/// The largest longitude, in degrees; the smallest is its opposite.
pub const LONGITUDE_MAX: f64 = 180.0;
/// The largest latitude, in degrees; the smallest is its opposite.
pub const LATITUDE_MAX: f64 = 85.051_128_78;

/// Characters of a geohash.
pub const GEOHASH_CHARS: usize = 11;

/// A place on earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees east of Greenwich, within ±[`LONGITUDE_MAX`].
    pub longitude: f64,
    /// Degrees north of the equator, within ±[`LATITUDE_MAX`].
    pub latitude: f64,
}

impl Point {
    /// The point at these degrees, or `None` if they are outside the map.
    pub fn new(longitude: f64, latitude: f64) -> Option<Point> {
        let is_on_map = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        is_on_map.then_some(Point {
            longitude,
            latitude,
        })
    }

    /// The score under which a sorted set keeps it.
    pub fn score(self) -> f64 {
        // Points on the eastern and northern edge have more than 52 bits, and may lose the last one.
        Cell::of(self, Cell::STEP_MAX).bits() as f64
    }

    /// The middle of the cell with this score. Any number is one: what is outside the map is moved to its edge.
    pub fn of_score(score: f64) -> Point {
        Cell::of_bits(bits_of(score)).middle()
    }

    /// The geohash as others know it, for which latitudes go up to ±90; the last of its characters is always `0`.
    pub fn geohash(self) -> [u8; GEOHASH_CHARS] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        const LATITUDE_MAX: f64 = 90.0;
        let bits = Cell::of_map(self, Cell::STEP_MAX, LATITUDE_MAX).bits();
        // Ten times five bits; the eleventh character would have two, and is left alone.
        let mut text = [ALPHABET[0]; GEOHASH_CHARS];
        for (index, character) in text[..GEOHASH_CHARS - 1].iter_mut().enumerate() {
            *character = ALPHABET[(bits >> (47 - 5 * index)) as usize % ALPHABET.len()];
        }
        text
    }
}

/// A score as an integer: what a processor of type x86-64 makes of numbers that are none.
fn bits_of(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    if score >= 2.0 * HALF {
        0
    } else if score >= HALF {
        score as u64
    } else {
        score as i64 as u64
    }
}
