//! List commands.

use super::Doc;
use super::argument::{Argument, block, double, integer, key, one_of, string, token};

const SIDES: &[Argument] = &[token("left", "LEFT"), token("right", "RIGHT")];
const HOW_MANY: Argument = block(
    "how-many",
    &[
        one_of(
            "selector",
            &[
                integer("count").after("COUNT"),
                integer("exactly").after("EXACTLY"),
            ],
        ),
        one_of("ordering", &[token("obo", "OBO"), token("bulk", "BULK")]),
    ],
)
.optional();
const ELEMENT: Argument = string("element");

/// How long a command waits.
const TIMEOUT: Argument = double("timeout");

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "blmove",
        "6.2.0",
        "O(1)",
        "Moves an element from one list to another and returns it. Waits for an element if there is none. Deletes the list if it was its last one.",
    )
    .categories(&["@list"])
    .arguments(&[
        key("source", 0),
        key("destination", 1),
        one_of("wherefrom", SIDES),
        one_of("whereto", SIDES),
        TIMEOUT,
    ]),
    Doc::new(
        "blmovem",
        "8.10.0",
        "O(N) where N is the number of elements moved",
        "Moves elements from one end of a list to an end of another list and returns them, or waits for them.",
    )
    .categories(&["@list"])
    .arguments(&[
        key("source", 0),
        key("destination", 1),
        one_of("wherefrom", SIDES),
        one_of("whereto", SIDES),
        double("timeout"),
        HOW_MANY,
    ]),
    Doc::new(
        "blmpop",
        "7.0.0",
        "O(N+M) where N is the number of keys and M the number of elements returned",
        "Removes elements from the first of several lists and returns them. Waits for a list if there is none.",
    )
    .categories(&["@list"])
    .arguments(&[
        TIMEOUT,
        integer("numkeys"),
        key("key", 0).multiple(),
        one_of("where", SIDES),
        integer("count").after("COUNT").optional(),
    ]),
    Doc::new(
        "blpop",
        "2.0.0",
        "O(N) where N is the number of keys",
        "Removes the first element of a list and returns it. Waits for an element if there is none. Deletes the list if it was its last one.",
    )
    .categories(&["@list"])
    .history(&[("6.0.0", "The timeout may be a fraction of a second.")])
    .arguments(&[key("key", 0).multiple(), TIMEOUT]),
    Doc::new(
        "brpop",
        "2.0.0",
        "O(N) where N is the number of keys",
        "Removes the last element of a list and returns it. Waits for an element if there is none. Deletes the list if it was its last one.",
    )
    .categories(&["@list"])
    .history(&[("6.0.0", "The timeout may be a fraction of a second.")])
    .arguments(&[key("key", 0).multiple(), TIMEOUT]),
    Doc::new(
        "brpoplpush",
        "2.2.0",
        "O(1)",
        "Moves the last element of a list to the front of another one and returns it. Waits for an element if there is none.",
    )
    .categories(&["@list"])
    .history(&[("6.0.0", "The timeout may be a fraction of a second.")])
    .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
    .arguments(&[key("source", 0), key("destination", 1), TIMEOUT]),
    Doc::new(
        "lindex",
        "1.0.0",
        "O(log N) where N is the number of nodes of the list",
        "Returns the element at an index of a list.",
    )
    .categories(&["@list"])
    .arguments(&[key("key", 0), integer("index")]),
    Doc::new(
        "linsert",
        "2.2.0",
        "O(N) where N is the number of elements before the pivot",
        "Inserts an element before or after another one of a list.",
    )
    .categories(&["@list"])
    .arguments(&[
        key("key", 0),
        one_of(
            "where",
            &[token("before", "BEFORE"), token("after", "AFTER")],
        ),
        string("pivot"),
        ELEMENT,
    ]),
    Doc::new("llen", "1.0.0", "O(1)", "Returns the length of a list.")
        .categories(&["@list"])
        .arguments(&[key("key", 0)]),
    Doc::new(
        "lmove",
        "6.2.0",
        "O(1)",
        "Moves an element from one end of a list to an end of another list and returns it.",
    )
    .categories(&["@list"])
    .arguments(&[
        key("source", 0),
        key("destination", 1),
        one_of("wherefrom", SIDES),
        one_of("whereto", SIDES),
    ]),
    Doc::new(
        "lmovem",
        "8.10.0",
        "O(N) where N is the number of elements moved",
        "Moves elements from one end of a list to an end of another list and returns them.",
    )
    .categories(&["@list"])
    .arguments(&[
        key("source", 0),
        key("destination", 1),
        one_of("wherefrom", SIDES),
        one_of("whereto", SIDES),
        HOW_MANY,
    ]),
    Doc::new(
        "lmpop",
        "7.0.0",
        "O(N+M) where N is the number of keys and M the number of elements returned",
        "Removes elements from the first list that has any and returns them.",
    )
    .categories(&["@list"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        one_of("where", SIDES),
        integer("count").after("COUNT").optional(),
    ]),
    Doc::new(
        "lpop",
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Removes the first elements of a list and returns them.",
    )
    .categories(&["@list"])
    .history(&[("6.2.0", "Argument `count`.")])
    .arguments(&[key("key", 0), integer("count").since("6.2.0").optional()]),
    Doc::new(
        "lpos",
        "6.0.6",
        "O(N) where N is the number of elements compared",
        "Returns where elements of a list are that match.",
    )
    .categories(&["@list"])
    .arguments(&[
        key("key", 0),
        ELEMENT,
        integer("rank").after("RANK").optional(),
        integer("num-matches").after("COUNT").optional(),
        integer("len").after("MAXLEN").optional(),
    ]),
    Doc::new(
        "lpush",
        "1.0.0",
        "O(1) per element",
        "Adds elements at the head of a list, which is created if there is none.",
    )
    .categories(&["@list"])
    .history(&[("2.4.0", "More than one `element`.")])
    .arguments(&[key("key", 0), ELEMENT.multiple()]),
    Doc::new(
        "lpushx",
        "2.2.0",
        "O(1) per element",
        "Adds elements at the head of a list that is there.",
    )
    .categories(&["@list"])
    .history(&[("4.0.0", "More than one `element`.")])
    .arguments(&[key("key", 0), ELEMENT.multiple()]),
    Doc::new(
        "lrange",
        "1.0.0",
        "O(log N + M) where N is the number of nodes of the list and M the number of elements returned",
        "Returns a range of elements of a list.",
    )
    .categories(&["@list"])
    .arguments(&[key("key", 0), integer("start"), integer("stop")]),
    Doc::new(
        "lrem",
        "1.0.0",
        "O(N) where N is the number of elements compared",
        "Removes elements that match from a list.",
    )
    .categories(&["@list"])
    .arguments(&[key("key", 0), integer("count"), ELEMENT]),
    Doc::new(
        "lset",
        "1.0.0",
        "O(log N) where N is the number of nodes of the list",
        "Replaces the element at an index of a list.",
    )
    .categories(&["@list"])
    .arguments(&[key("key", 0), integer("index"), ELEMENT]),
    Doc::new(
        "ltrim",
        "1.0.0",
        "O(log N) where N is the number of nodes of the list",
        "Removes all elements outside a range from a list.",
    )
    .categories(&["@list"])
    .arguments(&[key("key", 0), integer("start"), integer("stop")]),
    Doc::new(
        "rpop",
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Removes the last elements of a list and returns them.",
    )
    .categories(&["@list"])
    .history(&[("6.2.0", "Argument `count`.")])
    .arguments(&[key("key", 0), integer("count").since("6.2.0").optional()]),
    Doc::new(
        "rpoplpush",
        "1.2.0",
        "O(1)",
        "Moves the last element of a list to the head of another list and returns it.",
    )
    .categories(&["@list"])
    .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
    .arguments(&[key("source", 0), key("destination", 1)]),
    Doc::new(
        "rpush",
        "1.0.0",
        "O(1) per element",
        "Adds elements at the tail of a list, which is created if there is none.",
    )
    .categories(&["@list"])
    .history(&[("2.4.0", "More than one `element`.")])
    .arguments(&[key("key", 0), ELEMENT.multiple()]),
    Doc::new(
        "rpushx",
        "2.2.0",
        "O(1) per element",
        "Adds elements at the tail of a list that is there.",
    )
    .categories(&["@list"])
    .history(&[("4.0.0", "More than one `element`.")])
    .arguments(&[key("key", 0), ELEMENT.multiple()]),
];
