"""The values that the random requests of tests/conformance/differential are made of.

Each kind (`KINDS`) takes the generator and makes one argument, or a list of them. The generator has, beside what
`random.Random` has, the `keys` of the row's section, other keys that are seldom taken (`odd_keys`), and a `serial` number for values that must not come twice.
"""

import random


class Generator(random.Random):
    def __init__(self, seed):
        super().__init__(seed)
        self.serial = 0
        self.keys, self.odd_keys = [b"a"], []


# None of them makes SETRANGE, SETBIT or BITFIELD allocate much, and none is an expire time that comes during a round.
EDGES = [
    b"0", b"-1", b"-100",
    b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809",
    b"18446744073709551615", b"18446744073709551616", b"4611686018427387904", b"99999999999999999999999",
    b"9223372036854775", b"9223372036854776", b"-9223372036854775", b"9007199254740993",
    b"", b" ", b" 1", b"1 ", b"+1", b"01", b"-0", b"00", b"1.0", b"1e3", b"0x10", b"1\x00", b"1\n", b"abc", b"\xff",
]
FLOATS = [
    b"0", b"-0", b"0.1", b"-0.1", b"1.5", b"3.0", b"3.14159265358979", b"1e3", b"1E-3", b"1e308", b"-1e308",
    b"5e-324", b"1e20", b"1e17", b"123456789012345678", b"0.000001", b"1e-20", b"inf", b"-inf", b"+inf", b"infinity",
    b"nan", b"NaN", b"0x1p3", b"0x10", b"1e5000", b".5", b"5.", b".", b"e", b"1e", b"1,5", b" 1.5", b"1.5 ",
    b"1.5\x00", b"",
]
SCORES = FLOATS + [
    b"-nan", b"1e400", b"-1e400", b"1e-400", b"-Infinity", b"INF", b"9007199254740992", b"9007199254740993",
    b"-9007199254740993", b"9223372036854775807", b"9223372036854775808", b"1e15", b"1e16", b"123456.789e3", b"1e21",
    b"0.1e-5", b"17179869184.5", b"2.2250738585072014e-308", b"1.7976931348623157e308", b"4.9e-324", b"0.30000000000000004",
]
SYLLABLES = [b"a", b"b", b"abc", b"ohmy", b"newtext", b"\x00", b"\r\n", b"\xff\xfe", b" ", b"\x80\x01", b'"', b"\\"]
ODD_KEYS = [b"\x00\r\n\xff", b"", b"*[", b"missing"]
ELEMENTS = [b"a", b"b", b"c", b"1", b"2", b"3", b"-7", b"100000", b"5000000000", b"x:y", b"\x00\xff", b"", b"1.5"]
# Keys that are to expire during a round get these milliseconds; then nothing is sent for as long as it takes.
BRIEF = (b"1", b"2")
DATABASES = 4


def key(random):
    return random.choice(random.odd_keys if random.odd_keys and random.random() < 0.05 else random.keys)


def keys_and_number(random, most=4, extra=lambda random, count: []):
    """`numkeys key...`, seldom with another number."""
    keys = [key(random) for _ in range(random.randint(1, most))]
    number = b"%d" % len(keys) if random.random() < 0.95 else random.choice([b"0", b"-1", b"1", b"2", b"99", b"x", b""])
    return [number, *keys, *extra(random, len(keys))]


def weights(random, count):
    if random.random() < 0.6:
        return []
    count = count if random.random() < 0.95 else random.randint(0, 5)
    return [b"WEIGHTS", *[score(random) if random.random() < 0.3 else b"%d" % random.randint(-3, 9) for _ in range(count)]]


def fields_and_number(random, value=None):
    """`FIELDS numfields field...`, seldom with another number."""
    fields = [element(random) for _ in range(random.randint(1, 4))]
    number = b"%d" % len(fields) if random.random() < 0.95 else random.choice([b"0", b"-1", b"1", b"2", b"99", b"x", b""])
    if value:
        fields = [argument for field in fields for argument in (field, value(random))]
    return [b"FIELDS", number, *fields]


def integer(random):
    if random.random() < 0.3:
        return random.choice(EDGES)
    limit = random.choice([10, 2**31, 2**63])
    return b"%d" % random.randint(-limit, limit)


def float_number(random):
    if random.random() < 0.4:
        return random.choice(FLOATS)
    number = random.choice([1, 10, 1e6]) * random.uniform(-1, 1)
    return (random.choice(["%d", "%.1f", "%.17g", "%g"]) % number).encode()


def score(random):
    chance = random.random()
    if chance < 0.6:
        return b"%d" % random.randint(-5, 20)
    if chance < 0.75:
        return random.choice(SCORES)
    number = random.choice([1, 10, 1e6, 1e12, 1e18, 1e-9]) * random.uniform(-1, 1)
    return (random.choice(["%d", "%.1f", "%.17g", "%g"]) % number).encode()


def score_bound(random):
    chance = random.random()
    if chance < 0.3:
        return random.choice([b"-inf", b"+inf", b"(-inf", b"(inf", b"(", b"((1", b"( 1", b"[1", b"-", b"+"])
    return random.choice([b"", b"", b"("]) + score(random)


def lex_bound(random):
    chance = random.random()
    if chance < 0.35:
        return random.choice([b"-", b"+"])
    if chance < 0.42:
        return random.choice([b"", b"a", b"-a", b"+ ", b"\xff", b"]a", b"0"])
    return random.choice([b"[", b"("]) + element(random)


def value(random):
    chance = random.random()
    if chance < 0.2:
        return integer(random)
    if chance < 0.25:
        return float_number(random)
    if chance < 0.3:
        return random.randbytes(random.choice([1, 7, 8, 9, 31, 63, 64, 65, 100]))
    if chance < 0.33:
        return random.choice(SYLLABLES) * random.choice([100, 500, 1500])
    return b"".join(random.choices(SYLLABLES, k=random.randint(0, 8)))


def element(random):
    """An element, field or member: often one that is there."""
    chance = random.random()
    if chance < 0.6:
        return random.choice(ELEMENTS)
    if chance < 0.8:
        return b"m:%d" % random.randint(0, 200)
    if chance < 0.9:
        return b"%d" % random.randint(-300, 300)
    return value(random)


def index(random):
    if random.random() < 0.15:
        return random.choice(EDGES)
    limit = random.choice([4, 20, 2000])
    return b"%d" % random.randint(-limit, limit)


def pick_count(random):
    """How many random elements: never so many below zero that a server would reply for hours."""
    chance = random.random()
    if chance < 0.1:
        return random.choice([b"0", b"-0", b"", b"x", b" 1", b"1.0", b"9223372036854775807", b"9223372036854775808",
                              b"-9223372036854775808", b"-9223372036854775809", b"4611686018427387904"])
    return b"%d" % random.randint(-12, 12 if chance < 0.8 else 300)


def up_to(*limits, other=EDGES):
    """A number up to one of the limits, seldom something else."""

    def make(random):
        if random.random() < 0.1:
            return random.choice(other)
        return b"%d" % random.randint(0, random.choice(limits))

    return make


def field_offset(random):
    offset = up_to(10, 100, 1000)(random)
    # Redis lets the product of a great offset and the width overflow, and takes what comes out.
    return random.choice([b"", b"", b"#" if len(offset) < 10 else b""]) + offset


def field_value(random):
    # Far below what the field can hold, Redis's sum overflows, and OVERFLOW SAT takes the greatest value for the least.
    while (value := integer(random)).startswith(b"-") and len(value) > 18:
        pass
    return value


def bit_type(random):
    if random.random() < 0.1:
        wrong = [b"i0", b"u0", b"u64", b"i65", b"u", b"i", b"", b"x8", b"i8 ", b"u-1", b"i+8", b"i08", b"I8"]
        return random.choice(wrong)
    bits = random.choice([1, 2, 3, 5, 7, 8, 9, 16, 31, 32, 33, 62, 63, 64])
    return b"%s%d" % (random.choice([b"i", b"u"]), bits)


def expire_time(unit, far, *more):
    """An expire time: one far away, seldom one that is past, or no such thing."""

    def make(random):
        chance = random.random()
        if chance < 0.1:
            return random.choice(EDGES)
        if chance < 0.2:
            return random.choice([b"0", b"-1", b"-100", b"-9223372036854775808"])
        # Never the same again in a round, nor near: whether it is later than another must not depend on a clock.
        random.serial += 1
        return random.choice([b"%d" % (far + random.serial * 337 % 1009 * 10 * unit), *more])

    return make


ODD_IDS = [
    b"0-0", b"0", b"-", b"+", b"$", b">", b"*", b"-1", b"1-", b"-1-1", b"1-2-3", b"abc", b"1-abc", b"", b" 1-1", b"1-1 ",
    b"1-*", b"0-*", b"(1", b"18446744073709551615", b"18446744073709551615-18446744073709551615",
    b"18446744073709551615-18446744073709551614", b"18446744073709551616-0", b"1-18446744073709551615",
    b"1-18446744073709551616", b"01-01", b"+1-1", b"0x1-1",
]


def entry_id(random):
    """The id of an entry that may be there."""
    chance = random.random()
    if chance < 0.07:
        return random.choice(ODD_IDS)
    if chance < 0.2:
        return b"%d" % random.randint(0, random.serial + 2)
    return b"%d-%d" % (random.randint(0, random.serial + 2), random.choice([0, 1, 1, 1, 2, 3]))


def next_id(random):
    """The id of an entry to be added: mostly behind those before it."""
    chance = random.random()
    if chance < 0.2:
        return entry_id(random)
    random.serial += 1
    return b"%d" % random.serial + random.choice([b"-1", b"-1", b"-*", b"", b"-2"])


def range_id(random):
    chance = random.random()
    if chance < 0.3:
        return random.choice([b"-", b"+"])
    return random.choice([b"", b"", b"", b"("]) + entry_id(random)


def streams(*special):
    """`key... id...`, as many ids as keys."""

    def make(random):
        keys = [key(random) for _ in range(random.choice([1, 1, 1, 2, 3]))]
        ids = [random.choice(special) if random.random() < 0.5 else entry_id(random) for _ in keys]
        if random.random() < 0.04:
            ids.append(b"0")
        return [*keys, *ids]

    return make


def degrees(limit):
    def make(random):
        chance = random.random()
        if chance < 0.05:
            # Places on the northern and the eastern edge of the map are left out: Redis does not find them.
            return random.choice([b"nan", b"inf", b"x", b"", b"-85.05112878", b"-85.05112879", b"-180", b"-180.1", b"1e3"])
        if chance < 0.6:
            # Near each other, so that a search finds some.
            return b"%.*f" % (random.choice([0, 2, 6, 15]), random.uniform(10, 14))
        return b"%.*f" % (random.choice([0, 2, 6, 15]), random.uniform(-limit, limit))

    return make


def distance(random):
    if random.random() < 0.08:
        return random.choice([b"0", b"-1", b"nan", b"inf", b"", b"x", b"1e400", b"-0", b"0x10", b"1e20"])
    return (random.choice(["%d", "%.3f"]) % (random.choice([10, 500, 5000]) * random.random())).encode()


def choice(*values):
    return lambda random: random.choice(values)


def seldom_wrong(*values, wrong):
    return lambda random: random.choice(values if random.random() < 0.95 else wrong)


KINDS = {
    "key": key,
    "n-keys": keys_and_number,
    "n-keys-weights": lambda random: keys_and_number(random, extra=weights),
    "n-fields": fields_and_number,
    "n-fields-values": lambda random: fields_and_number(random, value),
    "value": value,
    "element": element,
    "integer": integer,
    "float": float_number,
    "score": score,
    "score-bound": score_bound,
    "lex-bound": lex_bound,
    "index": index,
    "pick-count": pick_count,
    "small": up_to(3, 20),
    "rank": choice(b"1", b"-1", b"2", b"-2", b"0", b"-9223372036854775808", b"9223372036854775807", b"x", b"3"),
    "offset": up_to(10, 100, 2000),
    "bit-offset": up_to(10, 100, 10000),
    "bit": choice(b"0", b"1", b"0", b"1", b"0", b"1", b"2", b"-1", b"x", b""),
    "bit-type": bit_type,
    "field-offset": field_offset,
    "field-value": field_value,
    "seconds": expire_time(1, 1000),
    "milliseconds": expire_time(1000, 1000000, *BRIEF),
    "field-milliseconds": expire_time(1000, 1000000),
    "brief": choice(*BRIEF),
    # The year 2100: the same requests on any day.
    "unix-seconds": expire_time(1, 4102444800, b"1", b"1000000000"),
    "unix-milliseconds": expire_time(1000, 4102444800000, b"1", b"1000000000000"),
    # How long a client waits, in seconds and in milliseconds. Who waits for ever is called back.
    "timeout": seldom_wrong(b"0.01", b"0.001", b"0.02", b".005", wrong=[b"-1", b"nan", b"x", b"", b"inf", b"1e400", b"0x", b"-0.1"]),
    "block": seldom_wrong(b"1", b"5", b"10", wrong=[b"-1", b"x", b"", b"1.5", b"9223372036854775808", b"-0"]),
    "next-id": next_id,
    "entry-id": entry_id,
    "range-id": range_id,
    "streams": streams(b"0", b"0-0", b"$"),
    "group-streams": streams(b">", b">", b">", b"0"),
    "group": seldom_wrong(b"g1", b"g1", b"g2", wrong=[b"none", b"", b"\x00\xff"]),
    "consumer": seldom_wrong(b"c1", b"c1", b"c2", b"c3", wrong=[b"none", b"", b"\x00\xff"]),
    # Idle times that all entries, or none, have: how idle one is depends on the clock.
    "idle": seldom_wrong(b"0", b"0", b"100000000", wrong=[b"-1", b"x", b"", b"9223372036854775808"]),
    "longitude": degrees(180),
    # Redis does not find everything near the poles.
    "latitude": degrees(50),
    "distance": distance,
    "unit": seldom_wrong(b"m", b"km", b"ft", b"mi", b"KM", wrong=[b"", b"x", b"kilometres"]),
    "pattern": choice(
        b"*", b"*", b"?", b"n:*", b"[a-c]", b"[^a]", b"[c-a]", b"{t}*", b"\\*\\[", b"*\xff", b"", b"[", b"[a", b"\\",
        b"n:[12]", b"**x", b"m:*", b"m:1?",
    ),
    # What SORT looks up: w:… are strings, o:… hashes.
    "by-pattern": choice(b"w:*", b"w:*", b"o:*->f", b"*", b"w:*->", b"o:*->f->g"),
    "not-by-pattern": choice(b"nosort", b"nosort", b"w:1", b"->f", b""),
    "get-pattern": choice(b"#", b"#", b"w:*", b"o:*->f", b"o:*->g", b"*", b"nothing", b"w:*->", b""),
    "type": choice(b"string", b"string", b"list", b"STRING", b"hash", b"zset", b"stream", b"set", b"Hash"),
    "database": choice(*[b"%d" % number for number in range(DATABASES)] * 3, b"16", b"-1", b"x", b"", b"1" * 20),
    "protocol": choice(b"2", b"3", b"1", b"4", b"x", b""),
    "name": choice(b"me", b"you", b"", b"a b", b"\xff", b"x\n"),
    "no-command": choice(b"NOSUCH", b"", b"get ", b"\xff\r\n", b"x" * 200),
}
