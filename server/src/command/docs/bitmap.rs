//! Bitmap commands.

use super::Doc;
use super::argument::{block, integer, key, one_of, string, token};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "bitcount",
        "2.6.0",
        "O(N)",
        "Counts the set bits of a string or of a part of it.",
    )
    .categories(&["@bitmap"])
    .history(&[("7.0.0", "Units `BYTE` and `BIT`.")])
    .arguments(&[
        key("key", 0),
        block(
            "range",
            &[
                integer("start"),
                integer("end"),
                one_of("unit", &[token("byte", "BYTE"), token("bit", "BIT")])
                    .since("7.0.0")
                    .optional(),
            ],
        )
        .optional(),
    ]),
    Doc::new(
        "bitfield",
        "3.2.0",
        "O(1) per operation",
        "Reads, writes and adds to integers of any width inside a string.",
    )
    .categories(&["@bitmap"])
    .key_notes(&["This command allows both access and modification of the key"])
    .arguments(&[
        key("key", 0),
        one_of(
            "operation",
            &[
                block("get-block", &[string("encoding"), integer("offset")]).after("GET"),
                block(
                    "write",
                    &[
                        one_of(
                            "overflow-block",
                            &[
                                token("wrap", "WRAP"),
                                token("sat", "SAT"),
                                token("fail", "FAIL"),
                            ],
                        )
                        .after("OVERFLOW")
                        .optional(),
                        one_of(
                            "write-operation",
                            &[
                                block(
                                    "set-block",
                                    &[string("encoding"), integer("offset"), integer("value")],
                                )
                                .after("SET"),
                                block(
                                    "incrby-block",
                                    &[string("encoding"), integer("offset"), integer("increment")],
                                )
                                .after("INCRBY"),
                            ],
                        ),
                    ],
                ),
            ],
        )
        .optional()
        .multiple(),
    ]),
    Doc::new(
        "bitfield_ro",
        "6.0.0",
        "O(1) per operation",
        "Reads integers of any width inside a string.",
    )
    .categories(&["@bitmap"])
    .arguments(&[
        key("key", 0),
        block("get-block", &[string("encoding"), integer("offset")])
            .after("GET")
            .optional()
            .multiple()
            .multiple_token(),
    ]),
    Doc::new(
        "bitop",
        "2.6.0",
        "O(N) where N is the length of the longest string",
        "Combines strings bit by bit and stores the result.",
    )
    .categories(&["@bitmap"])
    .arguments(&[
        one_of(
            "operation",
            &[
                token("and", "AND"),
                token("or", "OR"),
                token("xor", "XOR"),
                token("not", "NOT"),
                token("diff", "DIFF").since("8.2.0"),
                token("diff1", "DIFF1").since("8.2.0"),
                token("andor", "ANDOR").since("8.2.0"),
                token("one", "ONE").since("8.2.0"),
            ],
        ),
        key("destkey", 0),
        key("key", 1).multiple(),
    ]),
    Doc::new(
        "bitpos",
        "2.8.7",
        "O(N)",
        "Finds the first set or clear bit of a string.",
    )
    .categories(&["@bitmap"])
    .history(&[("7.0.0", "Units `BYTE` and `BIT`.")])
    .arguments(&[
        key("key", 0),
        integer("bit"),
        block(
            "range",
            &[
                integer("start"),
                block(
                    "end-unit-block",
                    &[
                        integer("end"),
                        one_of("unit", &[token("byte", "BYTE"), token("bit", "BIT")])
                            .since("7.0.0")
                            .optional(),
                    ],
                )
                .optional(),
            ],
        )
        .optional(),
    ]),
    Doc::new("getbit", "2.2.0", "O(1)", "Reads one bit of a string.")
        .categories(&["@bitmap"])
        .arguments(&[key("key", 0), integer("offset")]),
    Doc::new(
        "setbit",
        "2.2.0",
        "O(1)",
        "Writes one bit of a string, zero bits filling any gap.",
    )
    .categories(&["@bitmap"])
    .arguments(&[key("key", 0), integer("offset"), integer("value")]),
];
