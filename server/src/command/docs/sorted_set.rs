//! Sorted set commands.

use super::Doc;
use super::argument::{Argument, block, double, integer, key, one_of, pattern, string, token};

/// What becomes of the scores that a member has in several sets.
const AGGREGATE: Argument = one_of(
    "aggregate",
    &[
        token("sum", "SUM"),
        token("min", "MIN"),
        token("max", "MAX"),
        token("count", "COUNT").since("8.8.0"),
    ],
)
.after("AGGREGATE")
.optional();

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "bzmpop",
        "7.0.0",
        "O(K + M*log(N)) where K is the number of keys, N of members in the set and M of those returned",
        "Removes the lowest or highest members of the first of several sorted sets that is there, and returns them. Waits for one if there is none.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        double("timeout"),
        integer("numkeys"),
        key("key", 0).multiple(),
        one_of("where", &[token("min", "MIN"), token("max", "MAX")]),
        integer("count").after("COUNT").optional(),
    ]),
    Doc::new(
        "bzpopmax",
        "5.0.0",
        "O(log(N)) where N is the number of members in the set",
        "Removes the member with the highest score from the first of several sorted sets that is there, and returns it. Waits for one if there is none.",
    )
    .categories(&["@sortedset"])
    .history(&[("6.0.0", "The timeout may be a fraction of a second.")])
    .arguments(&[key("key", 0).multiple(), double("timeout")]),
    Doc::new(
        "bzpopmin",
        "5.0.0",
        "O(log(N)) where N is the number of members in the set",
        "Removes the member with the lowest score from the first of several sorted sets that is there, and returns it. Waits for one if there is none.",
    )
    .categories(&["@sortedset"])
    .history(&[("6.0.0", "The timeout may be a fraction of a second.")])
    .arguments(&[key("key", 0).multiple(), double("timeout")]),
    Doc::new(
        "zadd",
        "1.2.0",
        "O(log(N)) for each member added, where N is how many the set has",
        "Adds members to a sorted set or changes their scores, creating the key if needed.",
    )
    .categories(&["@sortedset"])
    .history(&[
        ("2.4.0", "Takes several members."),
        ("3.0.2", "`NX`, `XX`, `CH` and `INCR` came."),
        ("6.2.0", "`GT` and `LT` came."),
    ])
    .arguments(&[
        key("key", 0),
        one_of("condition", &[token("nx", "NX"), token("xx", "XX")]).since("3.0.2").optional(),
        one_of("comparison", &[token("gt", "GT"), token("lt", "LT")]).since("6.2.0").optional(),
        token("change", "CH").since("3.0.2").optional(),
        token("increment", "INCR").since("3.0.2").optional(),
        block("data", &[double("score"), string("member")]).multiple(),
    ]),
    Doc::new(
        "zcard",
        "1.2.0",
        "O(1)",
        "Returns how many members a sorted set has.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
    ]),
    Doc::new(
        "zcount",
        "2.0.0",
        "O(log(N)) where N is how many members the set has",
        "Returns how many members of a sorted set have scores in a range.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        double("min"),
        double("max"),
    ]),
    Doc::new(
        "zdiff",
        "6.2.0",
        "O(L + K*log(K)) where L is the number of members of all sets together and K of the result",
        "Returns the members of the first sorted set that none of the others has.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        token("withscores", "WITHSCORES").optional(),
    ]),
    Doc::new(
        "zdiffstore",
        "6.2.0",
        "O(L + K*log(K)) where L is the number of members of all sets together and K of the result",
        "Stores the members of the first sorted set that none of the others has.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("destination", 0),
        integer("numkeys"),
        key("key", 1).multiple(),
    ]),
    Doc::new(
        "zincrby",
        "1.2.0",
        "O(log(N)) where N is how many members the set has",
        "Adds to the score of a member of a sorted set; an absent one counts as 0.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        integer("increment"),
        string("member"),
    ]),
    Doc::new(
        "zinter",
        "6.2.0",
        "O(N*K + M*log(M)) where N is the number of members of the smallest of K sets and M of the result",
        "Returns the members that several sorted sets have in common.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        integer("weight").after("WEIGHTS").optional().multiple(),
        AGGREGATE,
        token("withscores", "WITHSCORES").optional(),
    ]),
    Doc::new(
        "zintercard",
        "7.0.0",
        "O(N*K) where N is the number of members of the smallest of K sets",
        "Returns how many members several sorted sets have in common.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        integer("limit").after("LIMIT").optional(),
    ]),
    Doc::new(
        "zinterstore",
        "2.0.0",
        "O(N*K + M*log(M)) where N is the number of members of the smallest of K sets and M of the result",
        "Stores the members that several sorted sets have in common.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("destination", 0),
        integer("numkeys"),
        key("key", 1).multiple(),
        integer("weight").after("WEIGHTS").optional().multiple(),
        AGGREGATE,
    ]),
    Doc::new(
        "zlexcount",
        "2.8.9",
        "O(log(N)) where N is how many members the set has",
        "Returns how many members of a sorted set of equal scores stand in a range.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        string("min"),
        string("max"),
    ]),
    Doc::new(
        "zmpop",
        "7.0.0",
        "O(K + M*log(N)) where K is the number of keys, N of members in the set and M of those returned",
        "Removes the lowest or highest members of the first of several sorted sets that is there, and returns them.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        one_of("where", &[token("min", "MIN"), token("max", "MAX")]),
        integer("count").after("COUNT").optional(),
    ]),
    Doc::new(
        "zmscore",
        "6.2.0",
        "O(M*log(N)) where M is the number of members asked for and N of those in the set",
        "Returns the scores of several members of a sorted set.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        string("member").multiple(),
    ]),
    Doc::new(
        "zpopmax",
        "5.0.0",
        "O(M*log(N)) where M is the number of members returned and N of those in the set",
        "Removes the members with the highest scores from a sorted set and returns them.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        integer("count").optional(),
    ]),
    Doc::new(
        "zpopmin",
        "5.0.0",
        "O(M*log(N)) where M is the number of members returned and N of those in the set",
        "Removes the members with the lowest scores from a sorted set and returns them.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        integer("count").optional(),
    ]),
    Doc::new(
        "zrandmember",
        "6.2.0",
        "O(M*log(N)) where M is the number of members returned and N of those in the set",
        "Returns members of a sorted set, picked at random.",
    )
    .categories(&["@sortedset"])
    .tips(&["nondeterministic_output"])
    .arguments(&[
        key("key", 0),
        block("options", &[integer("count"), token("withscores", "WITHSCORES").optional()]).optional(),
    ]),
    Doc::new(
        "zrange",
        "1.2.0",
        "O(log(N)+M) where N is how many members the set has and M how many are returned",
        "Returns the members of a sorted set in a range of ranks, scores or members.",
    )
    .categories(&["@sortedset"])
    .history(&[("6.2.0", "`REV`, `BYSCORE`, `BYLEX` and `LIMIT` came.")])
    .arguments(&[
        key("key", 0),
        string("start"),
        string("stop"),
        one_of("sortby", &[token("byscore", "BYSCORE"), token("bylex", "BYLEX")]).since("6.2.0").optional(),
        token("rev", "REV").since("6.2.0").optional(),
        block("limit", &[integer("offset"), integer("count")]).after("LIMIT").since("6.2.0").optional(),
        token("withscores", "WITHSCORES").optional(),
    ]),
    Doc::new(
        "zrangebylex",
        "2.8.9",
        "O(log(N)+M) where N is how many members the set has and M how many are returned",
        "Returns the members of a sorted set of equal scores in a range.",
    )
    .categories(&["@sortedset"])
    .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
    .arguments(&[
        key("key", 0),
        string("min"),
        string("max"),
        block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional(),
    ]),
    Doc::new(
        "zrangebyscore",
        "1.0.5",
        "O(log(N)+M) where N is how many members the set has and M how many are returned",
        "Returns the members of a sorted set with scores in a range.",
    )
    .categories(&["@sortedset"])
    .history(&[("2.0.0", "`WITHSCORES` came.")])
    .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
    .arguments(&[
        key("key", 0),
        double("min"),
        double("max"),
        token("withscores", "WITHSCORES").since("2.0.0").optional(),
        block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional(),
    ]),
    Doc::new(
        "zrangestore",
        "6.2.0",
        "O(log(N)+M) where N is how many members the set has and M how many are stored",
        "Stores the members of a sorted set in a range of ranks, scores or members.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("dst", 0),
        key("src", 1),
        string("min"),
        string("max"),
        one_of("sortby", &[token("byscore", "BYSCORE"), token("bylex", "BYLEX")]).optional(),
        token("rev", "REV").optional(),
        block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional(),
    ]),
    Doc::new(
        "zrank",
        "2.0.0",
        "O(log(N)) where N is how many members the set has",
        "Returns how many members of a sorted set have lower scores than one of them.",
    )
    .categories(&["@sortedset"])
    .history(&[("7.2.0", "`WITHSCORE` came.")])
    .arguments(&[
        key("key", 0),
        string("member"),
        token("withscore", "WITHSCORE").optional(),
    ]),
    Doc::new(
        "zrem",
        "1.2.0",
        "O(M*log(N)) where M is the number of members named and N of those in the set",
        "Removes members from a sorted set, and the key with the last one.",
    )
    .categories(&["@sortedset"])
    .history(&[("2.4.0", "Takes several members.")])
    .arguments(&[
        key("key", 0),
        string("member").multiple(),
    ]),
    Doc::new(
        "zremrangebylex",
        "2.8.9",
        "O((M+1)*log(N)) where N is how many members the set has and M how many are removed",
        "Removes the members of a sorted set of equal scores in a range.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        string("min"),
        string("max"),
    ]),
    Doc::new(
        "zremrangebyrank",
        "2.0.0",
        "O((M+1)*log(N)) where N is how many members the set has and M how many are removed",
        "Removes the members of a sorted set in a range of ranks.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        integer("start"),
        integer("stop"),
    ]),
    Doc::new(
        "zremrangebyscore",
        "1.2.0",
        "O((M+1)*log(N)) where N is how many members the set has and M how many are removed",
        "Removes the members of a sorted set with scores in a range.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        double("min"),
        double("max"),
    ]),
    Doc::new(
        "zrevrange",
        "1.2.0",
        "O(log(N)+M) where N is how many members the set has and M how many are returned",
        "Returns the members of a sorted set in a range of ranks, from the highest score.",
    )
    .categories(&["@sortedset"])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
    .arguments(&[
        key("key", 0),
        integer("start"),
        integer("stop"),
        token("withscores", "WITHSCORES").optional(),
    ]),
    Doc::new(
        "zrevrangebylex",
        "2.8.9",
        "O(log(N)+M) where N is how many members the set has and M how many are returned",
        "Returns the members of a sorted set of equal scores in a range, from the last one.",
    )
    .categories(&["@sortedset"])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
    .arguments(&[
        key("key", 0),
        string("max"),
        string("min"),
        block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional(),
    ]),
    Doc::new(
        "zrevrangebyscore",
        "2.2.0",
        "O(log(N)+M) where N is how many members the set has and M how many are returned",
        "Returns the members of a sorted set with scores in a range, from the highest score.",
    )
    .categories(&["@sortedset"])
    .history(&[("2.1.6", "Ends of the range may be left out.")])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
    .arguments(&[
        key("key", 0),
        double("max"),
        double("min"),
        token("withscores", "WITHSCORES").optional(),
        block("limit", &[integer("offset"), integer("count")]).after("LIMIT").optional(),
    ]),
    Doc::new(
        "zrevrank",
        "2.0.0",
        "O(log(N)) where N is how many members the set has",
        "Returns how many members of a sorted set have higher scores than one of them.",
    )
    .categories(&["@sortedset"])
    .history(&[("7.2.0", "`WITHSCORE` came.")])
    .arguments(&[
        key("key", 0),
        string("member"),
        token("withscore", "WITHSCORE").optional(),
    ]),
    Doc::new(
        "zscan",
        "2.8.0",
        "O(log(N)) for each call; O(N) for a whole walk through N members, more where many have the same score",
        "Walks the members of a sorted set with their scores in steps.",
    )
    .categories(&["@sortedset"])
    .tips(&["nondeterministic_output"])
    .arguments(&[
        key("key", 0),
        integer("cursor"),
        pattern("pattern").after("MATCH").optional(),
        integer("count").after("COUNT").optional(),
    ]),
    Doc::new(
        "zscore",
        "1.2.0",
        "O(log(N)) where N is how many members the set has",
        "Returns the score of a member of a sorted set.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("key", 0),
        string("member"),
    ]),
    Doc::new(
        "zunion",
        "6.2.0",
        "O(N + M*log(M)) where N is the number of members of all sets together and M of the result",
        "Returns the members of several sorted sets.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        integer("weight").after("WEIGHTS").optional().multiple(),
        AGGREGATE,
        token("withscores", "WITHSCORES").optional(),
    ]),
    Doc::new(
        "zunionstore",
        "2.0.0",
        "O(N + M*log(M)) where N is the number of members of all sets together and M of the result",
        "Stores the members of several sorted sets.",
    )
    .categories(&["@sortedset"])
    .arguments(&[
        key("destination", 0),
        integer("numkeys"),
        key("key", 1).multiple(),
        integer("weight").after("WEIGHTS").optional().multiple(),
        AGGREGATE,
    ]),
];
