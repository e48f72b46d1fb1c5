//! Against Redis 7.0.15, whose figures these are (8.0.6 and Valkey 9.1.2 gave the same), and searches against looking at
//! every point.

use proptest::prelude::*;

use super::*;

fn point(longitude: f64, latitude: f64) -> Point {
    Point::new(longitude, latitude).expect("a point on the map")
}

type Degrees = (f64, f64);

/// A place with what `ZSCORE`, `GEOHASH` and `GEOPOS` say after `GEOADD`.
const PLACES: [(Degrees, u64, &str, Degrees); 13] = [
    (
        (13.361389, 38.115556),
        3479099956230698,
        "sqc8b49rny0",
        (13.361389338970184, 38.1155563954963),
    ),
    (
        (15.087269, 37.502669),
        3479447370796909,
        "sqdtr74hyu0",
        (15.087267458438873, 37.50266842333162),
    ),
    (
        (0.0, 0.0),
        3377699720527872,
        "s0000000000",
        (2.682209014892578e-06, 1.2673605809254695e-06),
    ),
    (
        (-180.0, -85.05112878),
        0,
        "00bh0hbj200",
        (-179.99999731779099, -85.05112751263943),
    ),
    (
        (180.0, 85.05112878),
        13510798882111488,
        "bp05b5048p0",
        (180.0, 85.05112878),
    ),
    (
        (180.0, 0.0),
        10133099161583616,
        "80000000000",
        (180.0, 1.2673605809254695e-06),
    ),
    (
        (0.0, 85.05112878),
        6755399441055744,
        "up05b5048p0",
        (2.682209014892578e-06, 85.05112878),
    ),
    (
        (-0.1278, 51.5074),
        2163557714755072,
        "gcpvj0duq50",
        (-0.12779921293258667, 51.50740077990133),
    ),
    (
        (-122.27652, 37.805186),
        1367952638197536,
        "9q9p1d0znt0",
        (-122.27652043104172, 37.80518485897756),
    ),
    (
        (-5.6, 42.6),
        2157242200379188,
        "ezs42e44yx0",
        (-5.599999129772186, 42.60000027892573),
    ),
    (
        (179.999999, -85.05),
        3002399751663611,
        "pbzupvpgzf0",
        (179.99999731779099, -85.04999956172352),
    ),
    (
        (1e-7, -1e-7),
        2627099782632789,
        "kpbpbpbpbp0",
        (2.682209014892578e-06, -1.2673605809254695e-06),
    ),
    (
        (2.349014, 48.864716),
        3663832805879806,
        "u09tvrw3xg0",
        (2.3490116000175476, 48.8647157075015),
    ),
];

/// What `GEODIST` says from each place to the next, and from the last one to the first.
const DISTANCES: [&str; 13] = [
    "166274.1516",
    "4449695.8942",
    "10560811.9169",
    "18919844.5891",
    "9459922.2241",
    "10560811.4940",
    "3730946.2942",
    "8609250.3176",
    "9026299.3393",
    "15296316.1960",
    "10560937.0928",
    "5439717.4883",
    "1486391.4204",
];

#[test]
fn places_have_the_scores_hashes_and_positions_of_redis() {
    for ((longitude, latitude), score, geohash, position) in PLACES {
        let place = point(longitude, latitude);
        assert_eq!(place.score(), score as f64, "{place:?}");
        let found = Point::of_score(place.score());
        assert_eq!((found.longitude, found.latitude), position);
        assert_eq!(found.geohash(), geohash.as_bytes(), "{place:?}");
    }
}

#[test]
fn distances_are_those_of_redis() {
    let positions = PLACES.map(|(place, ..)| Point::of_score(point(place.0, place.1).score()));
    for (index, expected) in DISTANCES.into_iter().enumerate() {
        let (from, to) = (positions[index], positions[(index + 1) % positions.len()]);
        assert_eq!(format!("{:.4}", distance(from, to)), expected);
        assert_eq!(format!("{:.4}", distance(to, from)), expected);
    }
    assert_eq!(distance(positions[0], positions[0]), 0.0);
}

#[test]
fn any_score_is_a_place() {
    let check = |score: f64, longitude: f64, latitude: f64, geohash: &str| {
        let found = Point::of_score(score);
        assert_eq!(
            (found.longitude, found.latitude),
            (longitude, latitude),
            "{score}"
        );
        assert_eq!(found.geohash(), geohash.as_bytes(), "{score}");
    };
    let (west, south) = (-179.99999731779099, -85.05112751263943);
    let north = LATITUDE_MAX;
    check(-1.0, 180.0, north, "bp05b5048p0");
    check(-5.0, 180.0, north, "bp05b5048p0");
    check(1e300, west, south, "00bh0hbj200");
    check(-1e300, 180.0, south, "00bh0hbj200");
    check(4503599627370496.0, west, north, "bp05b5048p0");
    check(9007199254740992.0, 180.0, south, "00bh0hbj200");
    check(9223372036854775808.0, 180.0, south, "00bh0hbj200");
    check(18446744073709551616.0, west, south, "00bh0hbj200");
    check(f64::INFINITY, west, south, "00bh0hbj200");
    check(f64::NEG_INFINITY, 180.0, south, "00bh0hbj200");
    check(0.5, west, south, "00bh0hbj200");
    check(
        3479099956230698.75,
        13.361389338970184,
        38.11555893021745,
        "sqc8b49rnz0",
    );
}

#[test]
fn points_outside_the_map_are_none() {
    assert_eq!(Point::new(180.000001, 0.0), None);
    assert_eq!(Point::new(0.0, -85.0511288), None);
    assert_eq!(Point::new(f64::NAN, 0.0), None);
    assert_eq!(Point::new(0.0, f64::INFINITY), None);
    assert!(Point::new(-180.0, LATITUDE_MAX).is_some());
}

#[test]
fn units_have_their_names_in_any_case() {
    assert_eq!(Unit::parse(b"M").map(Unit::metres), Some(1.0));
    assert_eq!(Unit::parse(b"km").map(Unit::metres), Some(1000.0));
    assert_eq!(Unit::parse(b"Ft").map(Unit::metres), Some(0.3048));
    assert_eq!(Unit::parse(b"mi").map(Unit::metres), Some(1609.34));
    assert_eq!(Unit::parse(b"miles"), None);
    assert_eq!(Unit::parse(b""), None);
}

#[test]
fn a_polygon_is_inside_its_sides() {
    // From Valkey 9.1.2: GEOSEARCH BYPOLYGON … WITHDIST after GEOADD of these points.
    let members = [
        ("a", 1.0, 1.0),
        ("b", 5.0, 1.0),
        ("d", 1.0, 5.0),
        ("e", 3.9, 3.9),
        ("f", 9.9, 0.05),
        ("v", 0.0, 0.0),
        ("edge", 5.0, 0.0),
        ("top", 0.0, 10.0),
    ];
    let check = |vertices: &[(f64, f64)], expected: &str| {
        let vertices = vertices.iter().map(|vertex| point(vertex.0, vertex.1));
        let shape = Shape::polygon(vertices.collect()).unwrap();
        let found = members.iter().filter_map(|(name, longitude, latitude)| {
            let position = Point::of_score(point(*longitude, *latitude).score());
            let distance = shape.distance_if_inside(position)?;
            Some(format!("{name} {distance:.4}"))
        });
        assert_eq!(found.collect::<Vec<_>>().join(", "), expected);
    };
    check(
        &[(0.0, 0.0), (10.0, 0.0), (0.0, 10.0)],
        "a 368515.3468, b 318682.5471, d 319077.0644, e 87417.4291, f 815281.1542, v 525808.7371, \
         edge 414564.3853",
    );
    check(
        &[(0.0, 0.0), (10.0, 0.0), (10.0, 1.0), (0.0, 1.0)],
        "a 448301.9238, b 55400.6675, f 547313.9383, v 558919.0255, edge 55825.4314",
    );
    check(
        &[
            (0.0, 0.0),
            (10.0, 0.0),
            (10.0, 10.0),
            (0.0, 10.0),
            (5.0, 5.0),
        ],
        "a 629888.7086, b 446593.4871, f 775407.4549, v 787180.9957, edge 557819.5860",
    );
    check(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)], "");
    assert!(Shape::polygon(vec![point(0.0, 0.0); 2]).is_none());
}

#[test]
fn cells_are_searched_in_the_order_of_redis() {
    // The names of a grid's points as GEOSEARCH lists them when nothing sorts them.
    let names = |shape: &Shape| {
        let points: Vec<(String, Point)> = (0..20)
            .flat_map(|x| (0..20).map(move |y| (x, y)))
            .map(|(x, y)| {
                let place = point(f64::from(x) * 0.37 - 3.0, f64::from(y) * 0.29 + 40.0);
                (format!("{x}:{y}"), place)
            })
            .collect();
        let mut found = Vec::new();
        for range in shape.score_ranges() {
            let mut inside: Vec<_> = points
                .iter()
                .filter(|(_, place)| range.contains(&place.score()))
                .filter(|(_, place)| {
                    let position = Point::of_score(place.score());
                    shape.distance_if_inside(position).is_some()
                })
                .collect();
            inside.sort_by(|a, b| a.1.score().total_cmp(&b.1.score()));
            found.extend(inside.iter().map(|(name, _)| name.as_str()));
        }
        found.join(" ")
    };
    let center = point(0.3, 42.9);
    assert_eq!(names(&Shape::circle(center, 70_000.0)), CIRCLE_ORDER);
    assert_eq!(
        names(&Shape::rectangle(center, 200_000.0, 90_000.0)),
        BOX_ORDER
    );
}

const CIRCLE_ORDER: &str =
    "9:9 10:9 9:10 9:11 10:10 10:11 11:10 9:12 9:8 7:9 8:9 7:10 7:11 8:10 8:11";
const BOX_ORDER: &str = "9:9 10:9 9:10 9:11 10:10 10:11 11:9 11:10 11:11 12:9 12:10 12:11 6:9 6:10 6:11 7:9 8:9 7:10 7:11 8:10 8:11";

/// The point that is reached from `start` after `angle` radians in a direction, if it is on the map.
fn travel(start: Point, angle: f64, bearing: f64) -> Option<Point> {
    let (south, length) = (start.latitude.to_radians(), start.longitude.to_radians());
    let sine = south.sin() * angle.cos() + south.cos() * angle.sin() * bearing.cos();
    let east = bearing.sin() * angle.sin() * south.cos();
    let longitude = length + east.atan2(angle.cos() - south.sin() * sine);
    let longitude = (longitude.to_degrees() + 180.0).rem_euclid(360.0) - 180.0;
    Point::new(longitude, sine.asin().to_degrees())
}

#[test]
fn circles_near_the_poles_and_at_borders_of_cells_are_covered() {
    let mut checked = 0;
    for south in [1.0, -1.0] {
        for latitude in [65.0, 75.0, 80.1, 82.5, 84.0, 84.7, 85.0] {
            for longitude in [-179.999, -90.001, 0.001, 44.999, 89.999] {
                let center = point(longitude, latitude * south);
                for radius in (1..60).map(|number| f64::from(number) * 25_000.0) {
                    let shape = Shape::circle(center, radius);
                    let ranges: Vec<_> = shape.score_ranges().collect();
                    for bearing in (0..24).map(|number| f64::from(number) * 0.2618) {
                        let angle = radius * 0.999_9 / distance::EARTH_RADIUS;
                        let Some(place) = travel(center, angle, bearing) else {
                            continue;
                        };
                        assert!(shape.distance_if_inside(place).is_some());
                        let score = place.score();
                        let is_found = ranges.iter().any(|range| range.contains(&score));
                        assert!(is_found, "{place:?} of {shape:?}");
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 50_000, "{checked}");
}

#[test]
fn wide_boxes_are_covered_where_their_sides_are_not_straight() {
    // Redis takes the box to end at 89.5 degrees, just before the next cell, and misses the point.
    let shape = Shape::rectangle(point(41.0, 63.0), 4_892_000.0, 1_000.0);
    let place = point(90.3, 63.0);
    assert!(shape.distance_if_inside(place).is_some());
    let score = place.score();
    assert!(shape.score_ranges().any(|range| range.contains(&score)));
}

/// Points of all kinds: anywhere, near a place, and on the edges of the map.
fn any_point() -> impl Strategy<Value = Point> {
    let longitude = prop_oneof![
        4 => -180.0..=180.0,
        1 => prop::sample::select(vec![-180.0, 180.0, 179.9999, -179.9999, 0.0, 90.0, 45.0]),
    ];
    let latitude = prop_oneof![
        4 => -LATITUDE_MAX..=LATITUDE_MAX,
        1 => prop::sample::select(vec![-LATITUDE_MAX, LATITUDE_MAX, 85.0, -85.0, 0.0, 42.525564]),
    ];
    (longitude, latitude).prop_map(|(longitude, latitude)| point(longitude, latitude))
}

/// Lengths from a metre to once around the world.
fn any_length() -> impl Strategy<Value = f64> {
    (0.0..7.6f64).prop_map(|power| 10f64.powf(power))
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let circle =
        (any_point(), any_length()).prop_map(|(center, radius)| Shape::circle(center, radius));
    let rectangle = (any_point(), any_length(), any_length())
        .prop_map(|(center, width, height)| Shape::rectangle(center, width, height));
    let far_corners = prop::collection::vec(any_point(), 3..6);
    let corners = (any_point(), 0.0..6.0f64, far_corners).prop_map(|(center, nearer, corners)| {
        let near = |from: f64, to: f64| from + (to - from) / 10f64.powf(nearer);
        let near = |corner: Point| {
            point(
                near(center.longitude, corner.longitude),
                near(center.latitude, corner.latitude),
            )
        };
        corners.into_iter().map(near).collect()
    });
    let polygon = corners.prop_map(|corners: Vec<Point>| Shape::polygon(corners).unwrap());
    prop_oneof![circle, rectangle, polygon]
}

/// `place`, or a point between it and the shape's bounds, around the world if need be.
fn drawn_in(shape: &Shape, place: Point, share: f64) -> Point {
    let bounds = shape.bounds();
    let within = |range: &std::ops::RangeInclusive<f64>| {
        range.start() + (range.end() - range.start()) * share
    };
    let latitude = within(&bounds.latitudes).clamp(-LATITUDE_MAX, LATITUDE_MAX);
    let longitude = bounds.longitudes.map_or(place.longitude, |range| {
        let share = place.longitude / 360.0 + 0.5;
        let longitude = range.start() + (range.end() - range.start()) * share;
        (longitude + 180.0).rem_euclid(360.0) - 180.0
    });
    point(longitude, latitude)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_point_inside_has_a_score_in_some_range(
        shape in any_shape(),
        places in prop::collection::vec((any_point(), -0.1..1.1f64), 40),
    ) {
        let ranges: Vec<_> = shape.score_ranges().collect();
        for (place, share) in places {
            for place in [place, drawn_in(&shape, place, share)] {
                let score = place.score();
                let position = Point::of_score(score);
                if shape.distance_if_inside(position).is_some() {
                    let found = ranges.iter().filter(|range| range.contains(&score)).count();
                    prop_assert_eq!(found, 1, "{:?} of {:?}", place, ranges);
                }
            }
        }
    }

    #[test]
    fn small_shapes_have_small_ranges(
        longitude in -180.0..180.0f64,
        latitude in -60.0..60.0f64,
        radius in 1.0..100_000.0f64,
    ) {
        let shape = Shape::circle(point(longitude, latitude), radius);
        let total: f64 = shape.score_ranges().map(|range| range.end - range.start).sum();
        // Nine cells, each up to eight times as wide as the circle.
        let around = 2.0 * std::f64::consts::PI * distance::EARTH_RADIUS;
        let share = (8.0 * 2.0 * radius / around).powi(2) * 9.0 * 4.0;
        prop_assert!(total <= share * 2f64.powi(52), "{} of {}", total / 2f64.powi(52), share);
    }

    #[test]
    fn positions_are_near(place in any_point()) {
        let position = Point::of_score(place.score());
        prop_assert!((position.longitude - place.longitude).abs() <= 180.0 / 2f64.powi(26));
        // On the eastern edge the lowest bit, which is the latitude's, does not fit a score.
        prop_assert!((position.latitude - place.latitude).abs() <= 3.0 * 86.0 / 2f64.powi(26));
        if place.longitude < 180.0 && place.latitude < LATITUDE_MAX {
            prop_assert_eq!(position.score(), place.score());
        }
    }
}
