//! Searches against a plain look at every member.

use proptest::prelude::*;

use super::*;
use crate::fixture::keyspace;
use crate::geo::Point;
use crate::hash::ElementHasher;
use crate::typed::sorted_set::{sort, sorted_set_of};
use crate::typed::{CollectionRef, Content, PackedLimit};

fn limit(entries: usize) -> PackedLimit {
    PackedLimit {
        entries,
        value_bytes: 64,
    }
}

fn hasher() -> ElementHasher {
    let keyspace = keyspace();
    keyspace.hasher().elements()
}

/// Runs `test` with a small set of these members and with a big one.
fn with_sets(pairs: &[Pair<'_>], mut test: impl FnMut(SortedSetRef<'_>)) {
    for entries in [usize::MAX, 0] {
        let content = sorted_set_of(pairs.iter().copied(), limit(entries), hasher());
        let collection = match &content {
            Content::Packed(packed) => CollectionRef::Packed(packed.as_ref()),
            Content::New(big) => CollectionRef::Big(big),
            Content::InPlace(_) => unreachable!("it is new"),
        };
        test(SortedSetRef::of(collection, hasher()).expect("it is a sorted set"));
    }
}

type Plain = Vec<(i64, f64, f64)>;

fn number(member: Value<'_>) -> i64 {
    match member {
        Value::Int(number) => number,
        Value::Bytes(digits) => std::str::from_utf8(digits).unwrap().parse().unwrap(),
    }
}

/// The whole answer to a search, made the plain way.
fn expected(pairs: &[Pair<'_>], search: &GeoSearch) -> Plain {
    let mut found = Vec::new();
    for range in search.shape.score_ranges() {
        for &(member, score) in pairs {
            let distance = search.shape.distance_if_inside(Point::of_score(score));
            if let Some(distance) = distance
                && range.contains(&score)
            {
                found.push((number(member), score, distance));
            }
        }
    }
    let count = search.count.map_or(usize::MAX, |count| count as usize);
    if search.any {
        found.truncate(count);
    }
    match search.order {
        GeoOrder::Found => {}
        GeoOrder::Nearest => found.sort_by(|one, other| one.2.total_cmp(&other.2)),
        GeoOrder::Furthest => found.sort_by(|one, other| other.2.total_cmp(&one.2)),
    }
    found.truncate(count);
    found
}

/// The answer in steps, with members instead of their ranks.
fn in_steps(set: SortedSetRef<'_>, search: &GeoSearch, members: usize) -> Plain {
    let mut scan = GeoScan::new(search);
    while scan.step(set, members) {}
    let hits = scan.into_hits();
    hits.map(|hit| {
        let (member, score) = set.at(hit.member).expect("it has this rank");
        assert_eq!(score, hit.score);
        (number(member), score, hit.distance)
    })
    .collect()
}

fn check(places: &[Point], search: &GeoSearch, members: usize) {
    let numbered = places.iter().zip(0..);
    let mut pairs: Vec<Pair<'_>> = numbered
        .map(|(place, number)| (Value::Int(number), place.score()))
        .collect();
    sort(&mut pairs);
    let expected = expected(&pairs, search);
    with_sets(&pairs, |set| {
        let found = set.geo_search(search, u64::MAX);
        let found = found.expect("there is no limit");
        assert_eq!(found.len(), expected.len());
        let found: Plain = found
            .map(|hit| (number(hit.member), hit.score, hit.distance))
            .collect();
        assert_eq!(found, expected);
        if set.big().is_some() {
            assert_eq!(in_steps(set, search, members), expected);
        }
    });
}

fn points(spread: f64) -> impl Strategy<Value = Point> {
    // On a grid, so that several are at one distance.
    let coordinates = (-20..=20, -20..=20);
    coordinates.prop_map(move |(east, north): (i32, i32)| {
        let degrees = |steps: i32| f64::from(steps) / 20.0 * spread;
        Point::new(degrees(east) + 10.0, degrees(north) + 40.0).expect("it is on the map")
    })
}

fn searches(spread: f64) -> impl Strategy<Value = GeoSearch> {
    let metres = move || (0.0..300_000.0).prop_map(move |metres: f64| metres * spread);
    let shapes = prop_oneof![
        (points(spread), metres()).prop_map(|(center, radius)| Shape::circle(center, radius)),
        (points(spread), metres(), metres())
            .prop_map(|(center, width, height)| Shape::rectangle(center, width, height)),
        prop::collection::vec(points(spread), 3..6)
            .prop_map(|vertices| Shape::polygon(vertices).expect("there are three")),
    ];
    let orders = prop_oneof![
        Just(GeoOrder::Found),
        Just(GeoOrder::Nearest),
        Just(GeoOrder::Furthest)
    ];
    let counts = prop::option::of(prop_oneof![1..5u64, 1..200u64]);
    (shapes, orders, counts, any::<bool>()).prop_map(|(shape, order, count, any)| GeoSearch {
        shape,
        order,
        count,
        any: any && count.is_some(),
    })
}

fn cases() -> impl Strategy<Value = (Vec<Point>, GeoSearch)> {
    prop_oneof![Just(0.001), Just(1.0), Just(40.0)].prop_flat_map(|spread| {
        let places = prop::collection::vec(points(spread), 0..300);
        (places, searches(spread))
    })
}

proptest! {
    #[test]
    fn searches_find_what_a_plain_look_finds((places, search) in cases(), members in 1..100usize) {
        check(&places, &search, members);
    }
}

#[test]
fn a_search_that_takes_too_much_is_given_up() {
    let center = Point::new(15.0, 37.0).expect("it is on the map");
    let beside = Point::new(15.1, 37.0).expect("it is on the map");
    let pairs: Vec<Pair<'_>> = (0..100)
        .map(|number| (Value::Int(number), beside.score()))
        .collect();
    let search = |radius, count| GeoSearch {
        shape: Shape::circle(center, radius),
        order: GeoOrder::Nearest,
        count,
        any: count.is_some(),
    };
    with_sets(&pairs, |set| {
        let found = |search, effort| set.geo_search(&search, effort).map(|hits| hits.len());
        // A hundred members are looked at and none is taken; or all are.
        assert_eq!(found(search(8000.0, None), 99), None);
        assert_eq!(found(search(8000.0, None), 100), Some(0));
        assert_eq!(found(search(10_000.0, None), 1000), None);
        assert_eq!(found(search(10_000.0, None), 1700), Some(100));
        assert_eq!(found(search(10_000.0, Some(3)), 60), Some(3));
    });
}
