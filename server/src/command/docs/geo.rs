//! Geo commands.

use super::Doc;
use super::argument::{Argument, block, double, integer, key, one_of, string, token};

const UNIT: Argument = one_of(
    "unit",
    &[
        token("m", "M"),
        token("km", "KM"),
        token("ft", "FT"),
        token("mi", "MI"),
    ],
);
const FROM: &[Argument] = &[
    string("member").after("FROMMEMBER"),
    block("fromlonlat", &[double("longitude"), double("latitude")]).after("FROMLONLAT"),
];
const BY: &[Argument] = &[
    block("circle", &[double("radius").after("BYRADIUS"), UNIT]),
    block(
        "box",
        &[double("width").after("BYBOX"), double("height"), UNIT],
    ),
    block(
        "polygon",
        &[
            integer("num-vertices").after("BYPOLYGON"),
            block("vertices", &[double("longitude"), double("latitude")]).multiple(),
        ],
    )
    .since("9.0.0"),
];
const WITH_COORD: Argument = token("withcoord", "WITHCOORD").optional();
const WITH_DIST: Argument = token("withdist", "WITHDIST").optional();
const WITH_HASH: Argument = token("withhash", "WITHHASH").optional();
const ORDER: Argument = one_of("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional();
const COUNT: Argument = block(
    "count-block",
    &[
        integer("count").after("COUNT"),
        token("any", "ANY").optional(),
    ],
)
.optional();
const COUNT_WITH_LATER_ANY: Argument = block(
    "count-block",
    &[
        integer("count").after("COUNT"),
        token("any", "ANY").since("6.2.0").optional(),
    ],
)
.optional();
const STORE: Argument = one_of(
    "store",
    &[
        key("storekey", 1).shown_as("key").after("STORE"),
        key("storedistkey", 2).shown_as("key").after("STOREDIST"),
    ],
)
.optional();

const RADIUS_COMPLEXITY: &str = "O(N+log(M)) where N is how many members lie in the cells around the circle and M how many the index has";
const SEARCH_COMPLEXITY: &str = "O(N+log(M)) where N is how many members lie in the cells around the shape and M how many the index has";
const ANY_CAME: (&str, &str) = ("6.2.0", "`ANY` came, for `COUNT`.");
const UPPER_CASE_UNITS: (&str, &str) = ("7.0.0", "Units may be in upper case.");
const POLYGONS: (&str, &str) = ("9.0.0", "`BYPOLYGON` came.");

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "geoadd",
        "3.2.0",
        "O(log(N)) per member, where N is how many the index has",
        "Adds members to a geospatial index, which is created if there is none, or moves them.",
    )
    .categories(&["@geo"])
    .history(&[("6.2.0", "`CH`, `NX` and `XX` came.")])
    .arguments(&[
        key("key", 0),
        one_of("condition", &[token("nx", "NX"), token("xx", "XX")])
            .since("6.2.0")
            .optional(),
        token("change", "CH").since("6.2.0").optional(),
        block(
            "data",
            &[double("longitude"), double("latitude"), string("member")],
        )
        .multiple(),
    ]),
    Doc::new(
        "geodist",
        "3.2.0",
        "O(1)",
        "Returns how far apart two members of a geospatial index are.",
    )
    .categories(&["@geo"])
    .arguments(&[
        key("key", 0),
        string("member1"),
        string("member2"),
        UNIT.optional(),
    ]),
    Doc::new(
        "geohash",
        "3.2.0",
        "O(1) per member",
        "Returns the geohashes of members of a geospatial index.",
    )
    .categories(&["@geo"])
    .arguments(&[key("key", 0), string("member").optional().multiple()]),
    Doc::new(
        "geopos",
        "3.2.0",
        "O(1) per member",
        "Returns longitudes and latitudes of members of a geospatial index.",
    )
    .categories(&["@geo"])
    .arguments(&[key("key", 0), string("member").optional().multiple()]),
    Doc::new(
        "georadius",
        "3.2.0",
        RADIUS_COMPLEXITY,
        "Returns or stores the members of a geospatial index in a circle around a place.",
    )
    .categories(&["@geo"])
    .history(&[ANY_CAME, UPPER_CASE_UNITS])
    .deprecated(
        "6.2.0",
        "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
    )
    .arguments(&[
        key("key", 0),
        double("longitude"),
        double("latitude"),
        double("radius"),
        UNIT,
        WITH_COORD,
        WITH_DIST,
        WITH_HASH,
        COUNT_WITH_LATER_ANY,
        ORDER,
        STORE,
    ]),
    Doc::new(
        "georadiusbymember",
        "3.2.0",
        RADIUS_COMPLEXITY,
        "Returns or stores the members of a geospatial index in a circle around one of them.",
    )
    .categories(&["@geo"])
    .history(&[UPPER_CASE_UNITS])
    .deprecated(
        "6.2.0",
        "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    )
    .arguments(&[
        key("key", 0),
        string("member"),
        double("radius"),
        UNIT,
        WITH_COORD,
        WITH_DIST,
        WITH_HASH,
        COUNT,
        ORDER,
        STORE,
    ]),
    Doc::new(
        "georadiusbymember_ro",
        "3.2.10",
        RADIUS_COMPLEXITY,
        "Returns the members of a geospatial index in a circle around one of them.",
    )
    .categories(&["@geo"])
    .deprecated(
        "6.2.0",
        "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
    )
    .arguments(&[
        key("key", 0),
        string("member"),
        double("radius"),
        UNIT,
        WITH_COORD,
        WITH_DIST,
        WITH_HASH,
        COUNT,
        ORDER,
    ]),
    Doc::new(
        "georadius_ro",
        "3.2.10",
        RADIUS_COMPLEXITY,
        "Returns the members of a geospatial index in a circle around a place.",
    )
    .categories(&["@geo"])
    .history(&[ANY_CAME])
    .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
    .arguments(&[
        key("key", 0),
        double("longitude"),
        double("latitude"),
        double("radius"),
        UNIT,
        WITH_COORD,
        WITH_DIST,
        WITH_HASH,
        COUNT_WITH_LATER_ANY,
        ORDER,
    ]),
    Doc::new(
        "geosearch",
        "6.2.0",
        SEARCH_COMPLEXITY,
        "Returns the members of a geospatial index inside a circle, a box or a polygon.",
    )
    .categories(&["@geo"])
    .history(&[UPPER_CASE_UNITS, POLYGONS])
    .arguments(&[
        key("key", 0),
        one_of("from", FROM).optional(),
        one_of("by", BY),
        ORDER,
        COUNT,
        WITH_COORD,
        WITH_DIST,
        WITH_HASH,
    ]),
    Doc::new(
        "geosearchstore",
        "6.2.0",
        SEARCH_COMPLEXITY,
        "Stores the members of a geospatial index inside a circle, a box or a polygon.",
    )
    .categories(&["@geo"])
    .history(&[UPPER_CASE_UNITS, POLYGONS])
    .arguments(&[
        key("destination", 0),
        key("source", 1),
        one_of("from", FROM).optional(),
        one_of("by", BY),
        ORDER,
        COUNT,
        token("storedist", "STOREDIST").optional(),
    ]),
];
