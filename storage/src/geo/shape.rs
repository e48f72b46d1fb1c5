//! What a search looks for: circles, boxes and polygons, and which points are inside.

use std::ops::RangeInclusive;

use super::distance::{EARTH_RADIUS, degrees, distance, latitude_distance, radians};
use super::{LATITUDE_MAX, Point};

/// A shape on the map.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What distances are measured from.
    pub(super) center: Point,
    pub(super) form: Form,
}

/// Lengths in metres.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
    Polygon { vertices: Box<[Point]> },
}

/// A part of the map between two latitudes and two longitudes. Longitudes beyond ±180 go around the world.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bounds {
    /// `None` for all longitudes.
    pub(super) longitudes: Option<RangeInclusive<f64>>,
    pub(super) latitudes: RangeInclusive<f64>,
}

impl Shape {
    /// All points no further from `center` than `radius` metres, which is not negative.
    pub fn circle(center: Point, radius: f64) -> Shape {
        let form = Form::Circle { radius };
        Shape { center, form }
    }

    /// All points no further from `center` than half of `height` metres to the south and north, and no further than half
    /// of `width` metres to the west and east, measured at their own latitude. Neither is negative.
    pub fn rectangle(center: Point, width: f64, height: f64) -> Shape {
        let form = Form::Box { width, height };
        Shape { center, form }
    }

    /// All points within the polygon on a flat map whose corners are `vertices`, at least three of them. It does not cross
    /// the 180th meridian. Distances are measured from the corners' middle.
    pub fn polygon(vertices: Vec<Point>) -> Option<Shape> {
        let center = (vertices.len() >= 3).then(|| middle_of(&vertices))?;
        let vertices = vertices.into();
        let form = Form::Polygon { vertices };
        Some(Shape { center, form })
    }

    /// How far `point` is from the shape's centre, in metres; `None` if it is outside.
    pub fn distance_if_inside(&self, point: Point) -> Option<f64> {
        match &self.form {
            Form::Circle { radius } => {
                let distance = distance(self.center, point);
                (distance <= *radius).then_some(distance)
            }
            Form::Box { width, height } => {
                if latitude_distance(point.latitude, self.center.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Point {
                    longitude: self.center.longitude,
                    latitude: point.latitude,
                };
                (distance(point, beside) <= width / 2.0).then(|| distance(self.center, point))
            }
            Form::Polygon { vertices } => {
                is_inside(vertices, point).then(|| distance(self.center, point))
            }
        }
    }

    /// Bounds that every point inside lies in.
    pub(super) fn bounds(&self) -> Bounds {
        match &self.form {
            Form::Circle { radius } => {
                let angle = radius / EARTH_RADIUS;
                let latitudes = self.latitudes(degrees(angle));
                // Around a pole there are all longitudes.
                let has_pole = *latitudes.start() <= -90.0 || *latitudes.end() >= 90.0;
                let sine = if has_pole {
                    1.0
                } else {
                    angle.sin() / radians(self.center.latitude).cos()
                };
                Bounds {
                    longitudes: self.longitudes(sine, 1.0),
                    latitudes,
                }
            }
            Form::Box { width, height } => {
                let latitudes = self.latitudes(degrees(height / 2.0 / EARTH_RADIUS));
                // The same width is most degrees where it is furthest from the equator; there are no points beyond the map.
                let furthest = latitudes.start().abs().max(latitudes.end().abs());
                let cosine = radians(furthest.min(LATITUDE_MAX)).cos();
                let angle = width / 2.0 / EARTH_RADIUS;
                let sine = if angle >= std::f64::consts::PI {
                    1.0
                } else {
                    (angle / 2.0).sin() / cosine
                };
                Bounds {
                    longitudes: self.longitudes(sine, 2.0),
                    latitudes,
                }
            }
            Form::Polygon { vertices } => {
                let (longitudes, latitudes) = extent(vertices);
                Bounds {
                    longitudes: Some(longitudes),
                    latitudes,
                }
            }
        }
    }

    /// The latitudes up to `height` degrees from the centre's.
    fn latitudes(&self, height: f64) -> RangeInclusive<f64> {
        self.center.latitude - height..=self.center.latitude + height
    }

    /// The longitudes whose difference from the centre's, divided by `factor`, has at most this sine.
    fn longitudes(&self, sine: f64, factor: f64) -> Option<RangeInclusive<f64>> {
        (sine < 1.0).then(|| {
            let width = factor * degrees(sine.asin());
            self.center.longitude - width..=self.center.longitude + width
        })
    }
}

/// The smallest ranges of longitudes and latitudes that hold all `points`.
pub(super) fn extent(points: &[Point]) -> (RangeInclusive<f64>, RangeInclusive<f64>) {
    let range = |degrees: fn(&Point) -> f64| {
        let all = points.iter().map(degrees);
        let least = all.clone().fold(f64::INFINITY, f64::min);
        least..=all.fold(f64::NEG_INFINITY, f64::max)
    };
    (
        range(|point| point.longitude),
        range(|point| point.latitude),
    )
}

/// The direction in which the middle of `points` lies, seen from the centre of the earth.
fn middle_of(points: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for point in points {
        let (longitude, latitude) = (radians(point.longitude), radians(point.latitude));
        x += EARTH_RADIUS * latitude.cos() * longitude.cos();
        y += EARTH_RADIUS * latitude.cos() * longitude.sin();
        z += EARTH_RADIUS * latitude.sin();
    }
    let count = points.len() as f64;
    let (x, y, z) = (x / count, y / count, z / count);
    Point {
        longitude: degrees(y.atan2(x)),
        latitude: degrees(z.atan2((x * x + y * y).sqrt())),
    }
}

/// Whether a line from `point` to the east crosses an odd number of the polygon's sides.
fn is_inside(vertices: &[Point], point: Point) -> bool {
    let mut inside = false;
    let mut before = vertices[vertices.len() - 1];
    for &vertex in vertices {
        let is_beside = (vertex.latitude > point.latitude) != (before.latitude > point.latitude);
        // In this order, for the last bit decides about points on a side.
        let crossing = || {
            let width = before.longitude - vertex.longitude;
            let height = before.latitude - vertex.latitude;
            width * (point.latitude - vertex.latitude) / height + vertex.longitude
        };
        if is_beside && point.longitude < crossing() {
            inside = !inside;
        }
        before = vertex;
    }
    inside
}
