//! Set commands.

use super::Doc;
use super::argument::{Argument, integer, key, pattern, string, token};

const ORDER: &[&str] = &["nondeterministic_output_order"];
const RANDOM: &[&str] = &["nondeterministic_output"];

const MEMBER: Argument = string("member");
const SETS: &[Argument] = &[key("key", 0).multiple()];
const STORED_SETS: &[Argument] = &[key("destination", 0), key("key", 1).multiple()];
const LIMIT: Argument = integer("limit").after("LIMIT").optional();

const ALL_MEMBERS: &str = "O(N) where N is the number of members of all sets";
const SMALLEST: &str =
    "O(N*M) where N is the number of members of the smallest set and M the number of sets";

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "sadd",
        "1.0.0",
        "O(1) per member",
        "Adds members to a set, which is created if there is none.",
    )
    .categories(&["@set"])
    .history(&[("2.4.0", "Several members at once.")])
    .arguments(&[key("key", 0), MEMBER.multiple()]),
    Doc::new(
        "scard",
        "1.0.0",
        "O(1)",
        "Returns the number of members of a set.",
    )
    .categories(&["@set"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "sdiff",
        "1.0.0",
        ALL_MEMBERS,
        "Returns the members of a set that no other set has.",
    )
    .categories(&["@set"])
    .tips(ORDER)
    .arguments(SETS),
    Doc::new(
        "sdiffcard",
        "8.10.0",
        ALL_MEMBERS,
        "Returns how many members of a set no other set has.",
    )
    .categories(&["@set"])
    .arguments(&[integer("numkeys"), key("key", 0).multiple(), LIMIT]),
    Doc::new(
        "sdiffstore",
        "1.0.0",
        ALL_MEMBERS,
        "Stores the members of a set that no other set has.",
    )
    .categories(&["@set"])
    .arguments(STORED_SETS),
    Doc::new(
        "sinter",
        "1.0.0",
        SMALLEST,
        "Returns the members that several sets have in common.",
    )
    .categories(&["@set"])
    .tips(ORDER)
    .arguments(SETS),
    Doc::new(
        "sintercard",
        "7.0.0",
        SMALLEST,
        "Returns how many members several sets have in common.",
    )
    .categories(&["@set"])
    .arguments(&[integer("numkeys"), key("key", 0).multiple(), LIMIT]),
    Doc::new(
        "sinterstore",
        "1.0.0",
        SMALLEST,
        "Stores the members that several sets have in common.",
    )
    .categories(&["@set"])
    .arguments(STORED_SETS),
    Doc::new(
        "sismember",
        "1.0.0",
        "O(1)",
        "Tells whether a set has a member.",
    )
    .categories(&["@set"])
    .arguments(&[key("key", 0), MEMBER]),
    Doc::new(
        "smembers",
        "1.0.0",
        "O(N) where N is the number of members",
        "Returns all members of a set.",
    )
    .categories(&["@set"])
    .tips(ORDER)
    .arguments(&[key("key", 0)]),
    Doc::new(
        "smismember",
        "6.2.0",
        "O(N) where N is the number of members asked for",
        "Tells of several members whether a set has them.",
    )
    .categories(&["@set"])
    .arguments(&[key("key", 0), MEMBER.multiple()]),
    Doc::new(
        "smove",
        "1.0.0",
        "O(1)",
        "Moves a member from one set to another.",
    )
    .categories(&["@set"])
    .arguments(&[key("source", 0), key("destination", 1), MEMBER]),
    Doc::new(
        "spop",
        "1.0.0",
        "O(log M) per member removed, O(M) for a large part of them, where M is the number of members",
        "Removes random members from a set and returns them. Deletes the set with the last one.",
    )
    .categories(&["@set"])
    .tips(RANDOM)
    .history(&[("3.2.0", "Argument `count`.")])
    .arguments(&[key("key", 0), integer("count").since("3.2.0").optional()]),
    Doc::new(
        "srandmember",
        "1.0.0",
        "O(log M) per member returned, where M is the number of members",
        "Returns random members of a set.",
    )
    .categories(&["@set"])
    .tips(RANDOM)
    .history(&[("2.6.0", "Argument `count`.")])
    .arguments(&[key("key", 0), integer("count").since("2.6.0").optional()]),
    Doc::new(
        "srem",
        "1.0.0",
        "O(1) per member",
        "Removes members from a set, and the key with the last of them.",
    )
    .categories(&["@set"])
    .history(&[("2.4.0", "Several members at once.")])
    .arguments(&[key("key", 0), MEMBER.multiple()]),
    Doc::new(
        "sscan",
        "2.8.0",
        "O(1) per call, O(N) for all N members",
        "Walks over the members of a set, some with each call.",
    )
    .categories(&["@set"])
    .tips(RANDOM)
    .arguments(&[
        key("key", 0),
        integer("cursor"),
        pattern("pattern").after("MATCH").optional(),
        integer("count").after("COUNT").optional(),
    ]),
    Doc::new(
        "sunion",
        "1.0.0",
        ALL_MEMBERS,
        "Returns the members of several sets.",
    )
    .categories(&["@set"])
    .tips(ORDER)
    .arguments(SETS),
    Doc::new(
        "sunioncard",
        "8.10.0",
        ALL_MEMBERS,
        "Returns how many members several sets have together.",
    )
    .categories(&["@set"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        token("approx", "APPROX").optional(),
        LIMIT,
    ]),
    Doc::new(
        "sunionstore",
        "1.0.0",
        ALL_MEMBERS,
        "Stores the members of several sets.",
    )
    .categories(&["@set"])
    .arguments(STORED_SETS),
];
