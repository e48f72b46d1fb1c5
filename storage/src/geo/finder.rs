//! The members of a search one by one: which are inside, and how far away.
//!
//! Whether a point is inside takes some sines, cosines and an arc sine, and most points that a search looks at are
//! outside. So a bound is asked first that costs a few multiplications: a distance that the point has at least. It also
//! tells points that are inside but further than all that are still wanted, once a search for the nearest ones has found
//! enough of them.

use super::cell::Cell;
use super::distance::{EARTH_RADIUS, radians};
use super::shape::{Form, Shape};
use super::{LATITUDE_MAX, LONGITUDE_MAX, bits_of};

/// A shape that is being searched.
#[derive(Clone, Debug)]
pub struct Finder {
    shape: Shape,
    /// The centre in radians.
    longitude: f64,
    latitude: f64,
    cosine: f64,
    /// No point is wanted for which the haversine of the angle to the centre is larger.
    haversine_max: f64,
}

impl Finder {
    /// A search for all points inside `shape`.
    pub fn new(shape: Shape) -> Self {
        let latitude = radians(shape.center.latitude);
        let reach = match shape.form {
            Form::Circle { radius } => radius,
            // By the inequality of triangles; a corner is nearer.
            Form::Box { width, height } => (width + height) / 2.0,
            Form::Polygon { .. } => f64::INFINITY,
        };
        Self {
            longitude: radians(shape.center.longitude),
            latitude,
            cosine: latitude.cos(),
            haversine_max: haversine_within(reach),
            shape,
        }
    }

    /// What is searched.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Points further away than that many metres are not wanted any more. Some of them may still be found.
    pub fn narrow(&mut self, metres: f64) {
        self.haversine_max = self.haversine_max.min(haversine_within(metres));
    }

    /// How far the point with this score is from the centre, in metres; `None` if it is outside, or too far away to be
    /// wanted.
    #[inline]
    pub fn distance(&self, score: f64) -> Option<f64> {
        let cell = Cell::of_bits(bits_of(score));
        if self.least_haversine(cell) > self.haversine_max {
            return None;
        }
        self.shape.distance_if_inside(cell.middle())
    }

    /// At most the haversine of the angle between the centre and the middle of `cell`.
    #[inline]
    fn least_haversine(&self, cell: Cell) -> f64 {
        const CELLS: f64 = (1u32 << Cell::STEP_MAX) as f64;
        const WIDTH: f64 = 2.0 * LONGITUDE_MAX / CELLS * (std::f64::consts::PI / 180.0);
        const HEIGHT: f64 = 2.0 * LATITUDE_MAX / CELLS * (std::f64::consts::PI / 180.0);
        const WEST: f64 = -std::f64::consts::PI;
        const SOUTH: f64 = -LATITUDE_MAX * (std::f64::consts::PI / 180.0);
        let longitude = (f64::from(cell.column) + 0.5).min(CELLS) * WIDTH + WEST;
        let latitude = (f64::from(cell.row) + 0.5).min(CELLS) * HEIGHT + SOUTH;
        let aside = (longitude - self.longitude).abs();
        // The other way round, if that is nearer.
        let aside = aside.min(2.0 * std::f64::consts::PI - aside);
        let half_width = least_sine(aside / 2.0);
        let half_height = least_sine((latitude - self.latitude).abs() / 2.0);
        half_height * half_height + self.cosine * least_cosine(latitude) * (half_width * half_width)
    }
}

/// At least the haversine of every angle over which a distance of that many metres is computed.
fn haversine_within(metres: f64) -> f64 {
    // Wide enough for what the last bits of positions come to.
    let half_angle = (metres * (1.0 + 1e-9) + 0.01) / (2.0 * EARTH_RADIUS);
    if half_angle < 1.5 {
        let sine = half_angle.sin();
        sine * sine
    } else {
        // There is hardly anything beyond.
        f64::INFINITY
    }
}

/// At most the sine of an angle that is not negative: the first terms of its series.
#[inline]
fn least_sine(angle: f64) -> f64 {
    angle * (1.0 - angle * angle * (1.0 / 6.0))
}

/// At most the cosine: the first terms of its series, which are above zero up to the map's edges.
#[inline]
fn least_cosine(angle: f64) -> f64 {
    let square = angle * angle;
    1.0 - square * (1.0 / 2.0 - square * (1.0 / 24.0 - square * (1.0 / 720.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geo::{Point, distance};

    fn points() -> impl Strategy<Value = Point> {
        let anywhere = (-180.0..=180.0, -85.05..=85.05);
        let near_a_corner = (179.99..=180.0, 85.04..=85.05);
        prop_oneof![anywhere, near_a_corner].prop_map(|(longitude, latitude)| Point {
            longitude,
            latitude,
        })
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let lengths = || (0.0..8.0f64).prop_map(|digits| 10f64.powf(digits) - 1.0);
        prop_oneof![
            (points(), lengths()).prop_map(|(center, radius)| Shape::circle(center, radius)),
            (points(), lengths(), lengths())
                .prop_map(|(center, width, height)| Shape::rectangle(center, width, height)),
            prop::collection::vec(points(), 3..6)
                .prop_map(|vertices| Shape::polygon(vertices).expect("there are three")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_finds_what_the_shape_has_inside(shape in shapes(), others in prop::collection::vec(points(), 20)) {
            let finder = Finder::new(shape.clone());
            for point in others {
                let score = point.score();
                prop_assert_eq!(finder.distance(score), shape.distance_if_inside(Point::of_score(score)));
            }
        }

        #[test]
        fn what_is_as_near_as_the_bound_is_found(center in points(), other in points(), metres in 0.0..1e7f64) {
            let other = Point::of_score(other.score());
            let exact = distance(center, other);
            let mut finder = Finder::new(Shape::circle(center, f64::INFINITY));
            finder.narrow(exact);
            prop_assert_eq!(finder.distance(other.score()), Some(exact));
            // And what is far beyond it is not, or it would be of no use.
            finder.narrow(metres);
            if exact > metres * 3.0 + 1.0 && exact < 1e6 {
                prop_assert_eq!(finder.distance(other.score()), None);
            }
        }

        #[test]
        fn no_score_is_a_surprise(score in any::<f64>(), shape in shapes()) {
            let finder = Finder::new(shape.clone());
            prop_assert_eq!(finder.distance(score), shape.distance_if_inside(Point::of_score(score)));
        }
    }

    #[test]
    fn neighbours_are_told_apart() {
        let center = Point::new(15.0, 37.0).expect("it is on the map");
        let beside = Point::new(15.0001, 37.0).expect("it is on the map");
        let metres = distance(center, Point::of_score(beside.score()));
        let mut finder = Finder::new(Shape::circle(center, metres));
        assert_eq!(finder.distance(beside.score()), Some(metres));
        finder.narrow(metres - 0.1);
        assert_eq!(finder.distance(beside.score()), None);
    }
}
