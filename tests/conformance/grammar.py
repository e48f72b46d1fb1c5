"""Reads grammar.txt and makes rounds of random requests with it."""

import os
import re

from values import BRIEF, EDGES, KINDS, ODD_KEYS, SYLLABLES, Generator

FOLDER = os.path.dirname(os.path.abspath(__file__))
COMMANDS_PER_ROUND = 500
SESSIONS = 3
# The last session sends only requests that may wait for others to write; it waits until then.
WAITING_SESSION = 2
# Of what these are asked for, a negative number too many would take them hours.
PICKS = (b"SRANDMEMBER", b"HRANDFIELD", b"ZRANDMEMBER")
# What large rounds set, small rounds and those between; nothing becomes a hash table in an ordered round.
LIMITS = {
    "list-max-listpack-size": ["-2", "-1", "4", "128"],
    "hash-max-listpack-entries": ["512", "128", "4"],
    "hash-max-listpack-value": ["64", "8"],
    "zset-max-listpack-entries": ["128", "4"],
    "zset-max-listpack-value": ["64", "8"],
    "set-max-intset-entries": ["512", "8"],
    "set-max-listpack-entries": ["128", "4"],
    "set-max-listpack-value": ["64", "8"],
    "stream-node-max-entries": ["100", "3", "0"],
    "stream-node-max-bytes": ["4096", "100", "0"],
    "hll-sparse-max-bytes": ["3000", "20"],
}


class Section:
    """A section of grammar.txt: rows that share keys, from some version of Redis on."""

    HEADER = re.compile(r"== (?P<name>[^,:]+)(, since (?P<since>\d+\.\d+))?(, (?P<waits>waiting))?(, (?P<private>private))?(: (?P<keys>.*))?$")

    def __init__(self, line):
        header = self.HEADER.match(line)
        assert header, f"grammar.txt: {line}"
        self.name = header["name"]
        self.since = tuple(int(part) for part in (header["since"] or "0.0").split("."))
        self.keys = [key.encode() for key in (header["keys"] or "").split()]
        self.waits = bool(header["waits"])
        self.private = bool(header["private"])
        self.rows = []


class Row:
    """A row of grammar.txt."""

    def __init__(self, line, section):
        self.section = section
        text, _, self.rule = (part.strip() for part in line.partition("=>"))
        weight, self.text = text.split(" ", 1)
        self.weight = int(weight)
        self.tokens = re.findall(r"\.\.\.\d*|[][()|]|[^][()|\s.]+", self.text)
        self.syntax = self._choice()
        assert not self.tokens, f"grammar.txt: {line}"

    def _choice(self):
        alternatives = [self._sequence()]
        while self.tokens and self.tokens[0] == "|":
            self.tokens.pop(0)
            alternatives.append(self._sequence())
        return alternatives

    def _sequence(self):
        items = []
        while self.tokens and self.tokens[0] not in "|])":
            token = self.tokens.pop(0)
            if token in ("[", "("):
                item = ("optional" if token == "[" else "one of", self._choice())
                closing = self.tokens.pop(0)
                assert closing == {"[": "]", "(": ")"}[token], self.text
            elif token.islower() and not token.startswith("'"):
                assert token in KINDS, f"grammar.txt: there is no kind of values called {token}"
                item = ("kind", token)
            else:
                item = ("literal", token.strip("'").encode())
            if self.tokens and self.tokens[0].startswith("..."):
                most = int(self.tokens.pop(0)[3:] or 0)
                item = (("repeated", item) if not most else ("many", (most, item)))
            items.append(item)
        return items

    def names(self):
        """The commands that this row makes; none if it is a row of what is no command."""
        what, item = self.syntax[0][0]
        first = [item] if what == "literal" else [words[0][1] for words in item] if what == "one of" else []
        return [name for name in first if isinstance(name, bytes)]

    def generate(self, random):
        return list(self._generated(random.choice(self.syntax), random))

    def _generated(self, items, random):
        for what, item in items:
            if what == "literal":
                yield item.lower() if random.random() < 0.05 else item
            elif what == "kind":
                value = KINDS[item](random)
                yield from value if isinstance(value, list) else [value]
            elif what == "repeated":
                for _ in range(random.choice([1, 1, 2, 3, 4])):
                    yield from self._generated([item], random)
            elif what == "many":
                for _ in range(random.randint(1, item[0])):
                    yield from self._generated([item[1]], random)
            elif what == "one of" or random.random() < 0.4:
                yield from self._generated(random.choice(item), random)


def read_grammar(version):
    """The sections that a server of this version knows."""
    sections = []
    with open(os.path.join(FOLDER, "grammar.txt")) as file:
        for line in file:
            line = line.strip()
            if line.startswith("== "):
                sections.append(Section(line))
            elif line and not line.startswith("#"):
                sections[-1].rows.append(Row(line, sections[-1]))
    return [section for section in sections if section.since <= version]


def spoil(arguments, random):
    """A request that is wrong in some way: too short, too long, out of order, of another kind."""
    position = random.randrange(1, len(arguments) + 1)
    how = random.choice(["drop", "add", "repeat", "replace", "swap"])
    if how == "drop" and len(arguments) > 1:
        del arguments[position - 1 if position > 1 else -1]
    elif how == "add":
        more = [random.choice(EDGES), random.choice(SYLLABLES), b"NX", b"GET", b"EX", b"BIT", b"COUNT", b"WITHSCORES"]
        arguments.insert(position, random.choice(more))
    elif how == "repeat":
        arguments.append(arguments[-1])
    elif how == "replace" and position < len(arguments):
        arguments[position] = random.choice(EDGES)
    elif len(arguments) > 2:
        arguments[1], arguments[-1] = arguments[-1], arguments[1]


class Step:
    """A request: which session sends it, its arguments, how the replies are compared, whether to wait afterwards."""

    def __init__(self, session, arguments, rule, waits):
        self.session, self.arguments, self.rule, self.waits = session, arguments, rule, waits
        self.name = arguments[0].upper()

    def __str__(self):
        wait = "   (then a pause)" if self.waits else ""
        return f"{self.session + 1}> " + " ".join(quoted(argument) for argument in self.arguments) + wait


def quoted(data):
    """As redis-cli takes and prints it."""
    text = "".join(QUOTED[byte] for byte in data)
    return text if re.fullmatch(r"[\w.:+#-]+", text) else f'"{text}"'


PRINTED = [chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256)]
PRINTED[ord("\n")], PRINTED[ord("\r")] = "\\n", "\\r"
QUOTED = [f"\\{chr(byte)}" if byte in b'"\\' else text for byte, text in enumerate(PRINTED)]


class Round:
    """Requests, the limits of encodings while they run, and whether the order of small collections is compared."""

    def __init__(self, steps, limits, ordered):
        self.steps, self.limits, self.ordered = steps, limits, ordered


def make_round(sections, seed, number, only=()):
    generator = Generator(f"{seed}/{number}")
    ordered = generator.random() < 0.3
    limits = {name: generator.choice(values) for name, values in LIMITS.items()}
    if ordered:
        for name in limits:
            if name.startswith(("hash-max", "set-max")):
                limits[name] = "1000000"
    sections = theme(sections, generator, only)
    common_keys = [key for section in sections for key in section.keys if not section.private]
    rows = [row for section in sections for row in section.rows]
    # Two requests of three are those of the types.
    of_types = sum(row.weight for row in rows if row.section.keys)
    others = sum(row.weight for row in rows if not row.section.keys)
    weights = [row.weight * (2 * others if row.section.keys else of_types) for row in rows]
    steps, session, brief_in_transaction = [], 0, [False] * SESSIONS
    for _ in range(COMMANDS_PER_ROUND):
        if generator.random() < 0.15:
            session = generator.randrange(WAITING_SESSION)
        row = generator.choices(rows, weights)[0]
        private = row.section.private
        own_key = row.section.keys and generator.random() < 0.85 or private
        generator.keys = row.section.keys if own_key else common_keys or ODD_KEYS
        generator.odd_keys = [] if private else ODD_KEYS + EDGES
        arguments = row.generate(generator)
        # Redis 7.0 sets the name also if something else is wrong with HELLO, later versions do not.
        # Nor are scores where all are to be the same.
        exempt = b"SETNAME" in arguments or private and arguments[0].upper() == b"ZADD"
        if generator.random() < 0.08 and not exempt:
            spoil(arguments, generator)
        restrain(arguments)
        if ordered and arguments[0].upper() == b"SPOP" and len(arguments) > 2:
            # To take many out, Redis may build what is left anew, in another order.
            continue
        waiting = row.section.waits
        # The clock makes the id wherever it is the star.
        rule = "fresh id" if arguments[0].upper() == b"XADD" and b"*" in arguments[2:] else row.rule
        step = Step(WAITING_SESSION if waiting else session, arguments, rule, waits=may_be_brief(arguments))
        # What is queued now starts to run at EXEC.
        if step.waits:
            brief_in_transaction[session] = True
        elif step.name == b"EXEC":
            step.waits, brief_in_transaction[session] = brief_in_transaction[session], False
        steps.append(step)
    return Round(steps, limits, ordered)


def theme(sections, generator, only):
    """A few of the types, seldom all, and what all keys have in common."""
    types = [section for section in sections if section.keys]
    types = [section for section in types if section.rows]
    names = sorted({section.name for section in types})
    if only:
        names = only
    elif generator.random() < 0.8:
        names = generator.sample(names, generator.choice([1, 1, 2, 3]))
    return [section for section in sections if not section.keys or section.name in names]


def restrain(arguments):
    if arguments[0].upper() in PICKS:
        for position, argument in enumerate(arguments[2:], 2):
            # The greatest of them are refused.
            if len(argument) > 4 and argument.startswith(b"-") and len(argument) < 19:
                arguments[position] = b"-7"


def may_be_brief(arguments):
    upper = [argument.upper() for argument in arguments]
    before = upper[1:2] if upper[0] in (b"PSETEX", b"PEXPIRE") else [b"PX"]
    return any(first in before and second in BRIEF for first, second in zip(upper[1:], upper[2:]))
