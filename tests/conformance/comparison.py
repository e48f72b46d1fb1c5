"""Says whether two replies, or two databases, are the same as far as they can be."""

import os
import re
import tomllib

from servers import Reply

FOLDER = os.path.dirname(os.path.abspath(__file__))
POINT_IN_TIME = 10**12
NEAR_MILLISECONDS = 10000
# What of XINFO CONSUMERS is time that goes on.
IDLE_TIMES = (b"idle", b"inactive")
# The request for all of a value, by type.
WHOLE_VALUE = {
    b"string": [b"GET", b"KEY"],
    b"list": [b"LRANGE", b"KEY", b"0", b"-1"],
    b"set": [b"SMEMBERS", b"KEY"],
    b"zset": [b"ZRANGE", b"KEY", b"0", b"-1", b"WITHSCORES"],
    b"hash": [b"HGETALL", b"KEY"],
    b"stream": [b"XINFO", b"STREAM", b"KEY", b"FULL", b"COUNT", b"0"],
}


class Differences:
    """differences.toml: where a reference of some version and Nuthatch mean to differ."""

    def __init__(self, version, *more):
        tables = {"known": [], "avoided": [], "ignored": []}
        for path in (os.path.join(FOLDER, "differences.toml"), *more):
            with open(path, "rb") as file:
                for name, rows in tomllib.load(file).items():
                    tables[name] += rows
        self.known = [Known(table) for table in tables["known"] if applies(table, version)]
        self.avoided = [pattern(table["request"]) for table in tables["avoided"] if applies(table, version)]
        self.ignored = [pattern(table["event"]) for table in tables["ignored"] if applies(table, version)]

    def is_avoided(self, arguments):
        text = b" ".join(arguments)
        return any(request.match(text) for request in self.avoided)

    def is_ignored(self, event):
        return any(ignored.match(event) for ignored in self.ignored)

    def is_known(self, arguments, reference, ours):
        text = b" ".join(arguments)
        for known in self.known:
            if known.request.match(text) and known.fits(reference, ours):
                known.count += 1
                return True
        return False


class Known:
    def __init__(self, table):
        self.same_numbers = table.get("same-numbers", False)
        self.request, self.theirs, self.ours = (pattern(table.get(name, "")) for name in ("request", "theirs", "ours"))
        self.title = table["request"]
        self.reason = table["reason"]
        self.count = 0

    def fits(self, reference, ours):
        if not self.theirs.match(reference.raw) or not self.ours.match(ours.raw):
            return False
        return not self.same_numbers or same_numbers(reference, ours)


def same_numbers(reference, ours):
    both = list(zip(leaves(reference), leaves(ours)))
    return shape(reference) == shape(ours) and all(first == second or number(first) == number(second) for first, second in both)


def number(raw):
    text = raw.split(b"\r\n")[-2]
    try:
        return float(text.removeprefix(b","))
    except ValueError:
        return raw


def applies(table, version):
    """`from` is the first version of which it is so, `before` the first of which it is not."""
    first, end = (table.get(name, other).split(".") for name, other in (("from", "0.0"), ("before", "99.0")))
    return tuple(map(int, first)) <= version < tuple(map(int, end))


def pattern(text):
    return re.compile(text.encode("latin-1"), re.I | re.S)


def matches(rule, reference, ours, ordered):
    """Whether replies that are not the same bytes are the same by a row's rule."""
    kind = reference.line[:1]
    if kind != ours.line[:1]:
        return False
    if rule.startswith("near "):
        return is_near(reference, ours, int(rule.split()[1]))
    if rule == "unordered" or rule == "members" and not ordered:
        return sorted(each.raw for each in reference.children) == sorted(each.raw for each in ours.children)
    if rule == "pairs" and not ordered:
        return sorted(pairs(reference)) == sorted(pairs(ours))
    if rule == "collated":
        return collated(reference) == collated(ours) or sorted(leaves(reference)) == sorted(leaves(ours))
    if rule == "any string":
        return kind == b"$" and b"$-1" not in (reference.line, ours.line)
    if rule in ("times", "idle"):
        return same_but_for_times(reference, ours, rule)
    if rule == "greeting":
        return greeting(reference) == greeting(ours)
    if rule in ("random", "popped"):
        return shape(reference) == shape(ours)
    return False


def is_near(reference, ours, limit):
    if len(reference.children) != len(ours.children):
        return False
    if reference.children:
        return all(is_near(*each, limit) for each in zip(reference.children, ours.children))
    if reference.raw == ours.raw:
        return True
    both = [int(reply.line[1:]) for reply in (reference, ours)] if reference.line[:1] == b":" else [-1, -1]
    # Negative numbers say that there is no key, or no expire time.
    return min(both) >= 0 and abs(both[0] - both[1]) <= limit


def same_but_for_times(reference, ours, rule, is_time=False):
    if reference.raw == ours.raw:
        return True
    if reference.line[:1] == ours.line[:1] == b":":
        both = [int(reply.line[1:]) for reply in (reference, ours)]
        near = min(both) >= 0 and abs(both[0] - both[1]) <= NEAR_MILLISECONDS
        return near and (is_time or rule == "times" and min(both) > POINT_IN_TIME)
    if reference.line != ours.line or not reference.children:
        return False
    is_pending_entry = rule == "idle" and len(reference.children) == 4 and reference.children[2].line[:1] == b":"
    before = None
    for position, each in enumerate(zip(reference.children, ours.children)):
        is_time = is_pending_entry and position == 2 or before in IDLE_TIMES and rule == "idle"
        if not same_but_for_times(*each, rule, is_time):
            return False
        before = each[0].text() if each[0].line[:1] == b"$" else None
    return True


def shape(reply):
    """A reply without its strings and numbers."""
    kind = reply.line[:1]
    if kind in b"*%~":
        return reply.line, [shape(child) for child in reply.children]
    return reply.line if kind in b"-_+" or reply.line == b"$-1" else kind


def leaves(reply):
    if reply.line[:1] in b"*%~":
        return [leaf for child in reply.children for leaf in leaves(child)]
    return [reply.raw]


def collated(reply):
    return [child.text().split(b"\0")[0] for child in reply.children]


def pairs(reply):
    raw = leaves(reply)
    return list(zip(raw[::2], raw[1::2]))


def greeting(reply):
    keys = [child.text() for child in reply.children[::2]]
    values = [child.raw for child in reply.children[1::2]]
    return [pair for pair in zip(keys, values) if pair[0] not in (b"server", b"version", b"id", b"modules")]


def databases(connection, count, version):
    """The contents of all keys of the first databases."""
    found = {}
    for number in range(count):
        database = b"%d" % number
        connection.call(b"SELECT", database)
        keys = [key.text() for key in connection.call(b"KEYS", b"*").children]
        kinds = [kind.text() for kind in connection.calls([b"TYPE", key] for key in keys)]
        # It may have expired since.
        keys = [(key, kind) for key, kind in zip(keys, kinds) if kind in WHOLE_VALUE]
        values = connection.calls([key if part == b"KEY" else part for part in WHOLE_VALUE[kind]] for key, kind in keys)
        encodings = connection.calls([b"OBJECT", b"ENCODING", key] for key, _ in keys)
        expire_times = connection.calls([b"PEXPIRETIME", key] for key, _ in keys)
        for (key, kind), value, encoding, expire_time in zip(keys, values, encodings, expire_times):
            found[number, key] = Content(kind, value, encoding, expire_time)
            if kind == b"hash" and version >= (7, 4) and value.children:
                fields = sorted(field.text() for field in value.children[::2])
                request = [b"HPEXPIRETIME", key, b"FIELDS", b"%d" % len(fields), *fields]
                found[number, key].field_times = connection.call(*request)
    return found


NO_TIMES = Reply(b"", b"")


class Content:
    """What is stored at a key. `field_times` are those of the fields of a hash, in the order of the fields' names."""

    def __init__(self, kind, value, encoding, expire_time, field_times=NO_TIMES):
        self.kind, self.value, self.encoding, self.expire_time = kind, value, encoding, expire_time
        self.field_times = field_times


def compare_contents(reference, ours, ordered, differences, remarks):
    """What differs between two contents of a key, as a pair of replies, or None."""
    if reference.kind != ours.kind:
        return Reply(reference.kind, b""), Reply(ours.kind, b"")
    rule = {b"set": "members", b"hash": "pairs", b"stream": "times"}.get(reference.kind, "")
    for request, rule, theirs, own in (
        (WHOLE_VALUE[reference.kind], rule, reference.value, ours.value),
        ([b"OBJECT", b"ENCODING"], "", reference.encoding, ours.encoding),
        ([b"PEXPIRETIME"], "near 2000", reference.expire_time, ours.expire_time),
        ([b"HPEXPIRETIME"], "near 2000", reference.field_times, ours.field_times),
    ):
        if theirs.raw == own.raw or matches(rule, theirs, own, ordered):
            continue
        if not differences.is_known(request + remarks, theirs, own):
            return theirs, own
    return None
