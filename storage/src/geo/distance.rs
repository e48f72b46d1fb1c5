//! Distances on a sphere, and their units.

use super::Point;

/// The radius of the earth in metres, as Redis has it.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;

/// What one degree is in radians. Redis multiplies by it and divides by it; both round in their own way.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

pub(super) fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

pub(super) fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

/// The distance between two points along a great circle, in metres, by the haversine formula.
pub fn distance(from: Point, to: Point) -> f64 {
    let half_width = ((radians(to.longitude) - radians(from.longitude)) / 2.0).sin();
    if half_width == 0.0 {
        return latitude_distance(from.latitude, to.latitude);
    }
    let (south, north) = (radians(from.latitude), radians(to.latitude));
    let half_height = ((north - south) / 2.0).sin();
    let square = half_height * half_height + south.cos() * north.cos() * half_width * half_width;
    // Rounding may make it a little more than one, on opposite sides of the earth; no distance is NaN.
    2.0 * EARTH_RADIUS * square.sqrt().min(1.0).asin()
}

/// The distance between two latitudes on one meridian, in metres.
pub(super) fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS * (radians(to) - radians(from)).abs()
}

/// A unit of length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `m`.
    Metres,
    /// `km`.
    Kilometres,
    /// `ft`: international feet.
    Feet,
    /// `mi`: international miles.
    Miles,
}

impl Unit {
    /// The unit with this name, in any case.
    pub fn parse(name: &[u8]) -> Option<Unit> {
        const UNITS: [(&str, Unit); 4] = [
            ("m", Unit::Metres),
            ("km", Unit::Kilometres),
            ("ft", Unit::Feet),
            ("mi", Unit::Miles),
        ];
        let named = UNITS
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        named.map(|(_, unit)| unit)
    }

    /// How many metres it has.
    pub fn metres(self) -> f64 {
        match self {
            Unit::Metres => 1.0,
            Unit::Kilometres => 1000.0,
            Unit::Feet => 0.3048,
            Unit::Miles => 1609.34,
        }
    }
}
