"""Plays rounds of requests against two servers at once."""

import itertools
import re
import time

from comparison import Differences, compare_contents, databases, leaves, matches, pairs, shape
from grammar import PRINTED, SESSIONS, WAITING_SESSION, Step, quoted
from servers import CLOSED, SILENT, Connection, Reply, request
from values import DATABASES

BRIEF_IS_OVER_SECONDS = 0.012
COMPARED_EVERY = 100
# Who has no reply after so long waits for others to write.
WAITING_SECONDS = 0.1
# Rules for which more is asked before the next request.
ASKS_AGAIN = ("whole scan", "eventually", "random", "popped", "fresh id", "fields expire")
# Rules that make the servers the same again, which is not possible within a transaction.
MAKES_EQUAL = ("popped", "fresh id", "fields expire")
SORTS = (b"SORT", b"SORT_RO")
LEAVES_NO_ERRNO = (b"ZADD", b"errno", b"not a number", b"a")
MEMBERS = {
    b"SRANDMEMBER": [b"SMEMBERS"],
    b"HRANDFIELD": [b"HGETALL"],
    b"ZRANDMEMBER": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"],
}
# For differences.toml: what a round has had, behind each request.
SORTED = b"(in a round with SORT)"
# The same where a client waits for streams.
STREAM_AWAITED = b"(in a round with a waiting XREAD)"
READS_OF_STREAMS = (b"XREAD", b"XREADGROUP")
# The same where integers may become a hash table before a string has made a listpack of them.
SETS_STORED = b"(in a round with stored sets of few integers)"
STORES_OF_SETS = (b"SUNIONSTORE", b"SDIFFSTORE")
EVENTS_END = b"the events end here"


class Difference(Exception):
    def __init__(self, position, reference, ours, what=None):
        self.position, self.reference, self.ours, self.what = position, reference, ours, what


class Player:
    def __init__(self, reference, ours, version, *more_differences, trace=False):
        self.servers = (reference, ours)
        self.reference_version = reference.version()
        self.version = min(version, self.reference_version)
        self.differences = Differences(self.reference_version, *more_differences)
        self.trace = trace
        self.admin = [Connection(server.port) for server in self.servers]
        for admin in self.admin:
            admin.call(b"CONFIG", b"SET", b"notify-keyspace-events", b"EAnm")
        self.events = []
        self.sessions = []

    def play(self, round, steps=None):
        """Plays the round, or only these steps of it. Raises `Difference` at the first one."""
        steps = round.steps if steps is None else steps
        self.ordered = round.ordered and (7, 2) <= self.reference_version < (7, 4)
        self.remarks = [SORTED] if any(step.name in SORTS for step in steps) else []
        if any(step.session == WAITING_SESSION and step.name in READS_OF_STREAMS for step in steps):
            self.remarks.append(STREAM_AWAITED)
        integers, members = (int(round.limits[f"set-max-{name}-entries"]) for name in ("intset", "listpack"))
        if integers < members and any(step.name in STORES_OF_SETS for step in steps):
            self.remarks.append(SETS_STORED)
        self._prepare(round)
        try:
            self._play(steps)
        finally:
            for connections in [*self.sessions, self.events]:
                for connection in connections:
                    connection.close()

    def _play(self, steps):
        start = compared = 0
        while start < len(steps):
            end = start + 1
            # What one session sends in a row goes out at once, as far as nothing has to be waited for.
            while end < len(steps) and end < start + 16 and self._together(steps[end - 1], steps[end]):
                end += 1
            self._run(steps, start, end)
            if steps[end - 1].waits:
                self._let_expire()
            start = end
            if start >= compared + COMPARED_EVERY:
                compared = start
                self._compare_all(start - 1)
        self._call_back(len(steps) - 1)
        self._compare_all(len(steps) - 1)

    def _together(self, first, second):
        return (
            first.session == second.session != WAITING_SESSION
            and not first.waits
            and first.rule not in ASKS_AGAIN
            and second.rule not in MAKES_EQUAL
            and second.name not in SORTS
        )

    def _prepare(self, round):
        for admin in self.admin:
            admin.call(b"FLUSHALL")
        for name, value in round.limits.items():
            replies = [admin.call(b"CONFIG", b"SET", name.encode(), value.encode()) for admin in self.admin]
            # An older reference does not know all of them.
            if replies[0].line == b"+OK" != replies[1].line:
                raise Difference(0, *replies, what=f"CONFIG SET {name} {value}")
        self.sessions = [[Connection(server.port) for server in self.servers] for _ in range(SESSIONS)]
        for connections, admin in zip(zip(*self.sessions), self.admin):
            for connection in connections:
                connection.id = connection.call(b"CLIENT", b"ID").text()
                connection.admin = admin
        self.queues = [None] * SESSIONS
        self.waiting = None
        for session in self.sessions[1:2] if len(round.steps) % 2 else self.sessions[1:]:
            for connection in session:
                connection.call(b"HELLO", b"3")
        self.events = [Connection(server.port) for server in self.servers]
        for connection in self.events:
            connection.call(b"PSUBSCRIBE", b"__key*__:*", EVENTS_END)
            connection.read()

    def _run(self, steps, start, end):
        session = steps[start].session
        connections = self.sessions[session]
        if session == WAITING_SESSION:
            self._call_back(start - 1)
        sent = [step for step in steps[start:end] if not self._is_left_out(step)]
        if steps[start].name in SORTS:
            self._reset_errno(session, sent)
        data = b"".join(request(step.arguments) for step in sent)
        for connection in connections:
            connection.send(data)
        if session == WAITING_SESSION:
            self.waiting = sent[0] if sent else None
            self._let_it_wait(connections)
            return
        for number, step in enumerate(sent):
            position = steps.index(step, start) if step in steps else start
            replies = [self._read(connection, step) for connection in connections]
            self._show(step, replies)
            if not self._same(step, *replies, connections):
                # The rest must not still run when the next round begins.
                for connection in connections:
                    for _ in sent[number + 1 :]:
                        self._read(connection, step)
                raise Difference(position, *replies)
            self._follow_transaction(step, replies[0])

    def _reset_errno(self, session, sent):
        """Redis takes an errno from some command before for that of an element of SORT. One command leaves none."""
        if self.queues[session] is None:
            for admin in self.admin:
                admin.call(*LEAVES_NO_ERRNO)
        else:
            # It has to come within the transaction.
            sent.insert(0, Step(session, list(LEAVES_NO_ERRNO), rule="", waits=False))

    def _let_expire(self):
        time.sleep(BRIEF_IS_OVER_SECONDS)
        # What has expired is removed by being seen. What is written over it is a new key only then.
        for admin in self.admin:
            for database in range(DATABASES):
                admin.calls([[b"SELECT", b"%d" % database], [b"SCAN", b"0", b"COUNT", b"1000"]])

    def _is_left_out(self, step):
        if step.rule in MAKES_EQUAL and self.queues[step.session] is not None:
            return True
        return self.differences.is_avoided(step.arguments)

    def _show(self, step, replies):
        if self.trace:
            print(step, *(f"   {show(reply)}" for reply in replies), sep="\n")

    def _let_it_wait(self, connections):
        """Until both servers have read the request that is left to wait, and all that it may wait for."""
        if self.waiting:
            for connection in connections:
                deadline = time.monotonic() + 5
                while time.monotonic() < deadline and not connection.has_input():
                    flags = connection.admin.call(b"CLIENT", b"LIST", b"ID", connection.id).raw
                    if b" flags=b" in flags:
                        break

    def _call_back(self, position):
        """Ends the waiting of the session that is left to wait, and compares what it got."""
        if not self.waiting:
            return
        step, self.waiting = self.waiting, None
        connections = self.sessions[WAITING_SESSION]
        replies = [self._read(connection, step, seconds=0.02) for connection in connections]
        self._show(step, replies)
        if not self._same(step, *replies, connections):
            raise Difference(position, *replies, what=f"the reply to {step}, which was left to wait")

    def _read(self, connection, step, seconds=WAITING_SECONDS):
        """The reply. Who waits for ever is called back."""
        while not connection.has_input(seconds):
            connection.admin.call(b"CLIENT", b"UNBLOCK", connection.id)
            if seconds > 30:
                return SILENT
            seconds *= 4
        return connection.read()

    def _follow_transaction(self, step, reply):
        if reply.line == b"+QUEUED":
            self.queues[step.session].append(step)
        elif step.name == b"MULTI" and reply.line == b"+OK":
            self.queues[step.session] = []
        elif step.name in (b"EXEC", b"DISCARD", b"RESET") and not reply.line.startswith(b"-ERR wrong number"):
            self.queues[step.session] = None

    def _same(self, step, reference, ours, connections=None):
        """Without `connections` they are replies within a transaction, about which nothing can be asked."""
        if step.name == b"EXEC" and len(reference.children) == len(ours.children) > 0 and connections:
            queue = self.queues[step.session]
            return all(self._same(*each) for each in zip(queue, reference.children, ours.children))
        if connections and not is_error(reference, ours):
            if step.rule == "whole scan" and len(reference.children) == len(ours.children) == 2:
                found = [whole_scan(*each, step) for each in zip(connections, (reference, ours))]
                return found[0] == found[1] or self.differences.is_known(step.arguments, reference, ours)
            if step.rule == "eventually":
                return reference.raw == ours.raw or become_same(connections, step)
            if step.rule == "random" and self.queues[step.session] is None:
                return same_picks(step, reference, ours, connections)
            if step.rule == "popped":
                return remove_both(step, reference, ours, connections)
            if step.rule == "fields expire":
                return reference.raw == ours.raw and have_expired(connections, step.arguments[1])
            if step.rule == "fresh id":
                return forget_fresh(step, reference, ours, connections)
        rule = sorting_rule(step) if step.name in SORTS else step.rule
        if reference.raw == ours.raw or matches(rule, reference, ours, self.ordered):
            return True
        if not connections and step.rule in ("whole scan", "eventually") and reference.line[:1] == ours.line[:1] != b"-":
            # Within a transaction it is but one step of an iteration.
            return True
        return self.differences.is_known(step.arguments + self.remarks, reference, ours)

    def _compare_all(self, position):
        self._compare_states(position)
        self._compare_events(position)

    def _compare_states(self, position):
        states = [databases(admin, DATABASES, self.version) for admin in self.admin]
        for place in sorted(set(states[0]) | set(states[1])):
            reference, ours = (each.get(place) for each in states)
            what = f"key {quoted(place[1])} of database {place[0]}"
            if not reference or not ours:
                texts = [Reply(b"there" if each else b"missing", b"") for each in (reference, ours)]
                raise Difference(position, *texts, what=what)
            if different := compare_contents(reference, ours, self.ordered, self.differences, self.remarks):
                raise Difference(position, *different, what=what)

    def _compare_events(self, position):
        for admin in self.admin:
            admin.call(b"PUBLISH", EVENTS_END, b"")
        both = [
            [event for event in events(connection) if not self.differences.is_ignored(b" ".join([event, *self.remarks]))]
            for connection in self.events
        ]
        if both[0] != both[1]:
            first = next((i for i, each in enumerate(zip(*both)) if each[0] != each[1]), min(map(len, both)))
            texts = [Reply(b", ".join(each[first : first + 4]) or b"none", b"") for each in both]
            raise Difference(position, *texts, what="keyspace events, from the first that differs")


def sorting_rule(step):
    """How replies of SORT are compared where the order has gaps, as Redis's way to sort is not a stable one.

    By a pattern without a `*` elements are left as they are, and those of a set are in no order. What ALPHA compares may
    be the same for many.
    """
    arguments = [argument.upper() for argument in step.arguments]
    patterns = [second for first, second in zip(arguments, arguments[1:]) if first == b"BY"]
    if not patterns or b"ALPHA" not in arguments and all(b"*" in pattern for pattern in patterns):
        return step.rule
    return "random" if b"LIMIT" in arguments else "unordered"


def is_error(reference, ours):
    return reference.line[:1] == b"-" or ours.line[:1] == b"-"


def events(connection):
    """The keyspace events since they were last asked for, but for expiry, which has a time of its own.

    SORT looks up keys in the order of a hash table.
    """
    found = []
    while True:
        message = connection.read()
        if message in (CLOSED, SILENT):
            return found + [message.raw]
        channel, text = message.children[2].text(), message.children[3].text()
        if channel == EVENTS_END:
            return [event for _, run in itertools.groupby(found, missed_key) for event in sorted_if_missed(run)]
        if not channel.endswith((b":expired", b":hexpired")):
            found.append(channel + b" " + text)


def missed_key(event):
    return event.split(b" ")[0].endswith(b":keymiss")


def sorted_if_missed(run):
    run = list(run)
    return sorted(run) if missed_key(run[0]) else run


def whole_scan(connection, reply, step):
    """All elements of the iteration that begins with this reply."""
    found = set()
    cursor_at = 1 if step.name == b"SCAN" else 2
    if step.arguments[cursor_at] != b"0":
        # What a cursor means is each server's own affair.
        return reply.line
    in_pairs = step.name in (b"HSCAN", b"ZSCAN") and b"NOVALUES" not in [each.upper() for each in step.arguments]
    for _ in range(100000):
        cursor, elements = reply.children
        found.update(pairs(elements) if in_pairs else leaves(elements))
        if cursor.text() == b"0":
            return found
        arguments = step.arguments[:cursor_at] + [cursor.text()] + step.arguments[cursor_at + 1 :]
        reply = connection.call(*arguments)
        if len(reply.children) != 2:
            return reply.raw
    return "an iteration without an end"


def become_same(connections, step):
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        reference, ours = (connection.call(*step.arguments) for connection in connections)
        if reference.raw == ours.raw:
            return True
        time.sleep(0.005)
    return False


def have_expired(connections, key):
    """Waits until as many fields are left: they count until they are found to be expired."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        time.sleep(BRIEF_IS_OVER_SECONDS)
        reference, ours = (connection.calls([[b"HLEN", key], [b"TYPE", key]]) for connection in connections)
        if all(each[0].raw == each[1].raw for each in zip(reference, ours)):
            return True
    return False


def same_picks(step, reference, ours, connections):
    """As many, all of them there, and where no element is to come twice, none does."""
    if shape(reference) != shape(ours):
        return False
    if step.name not in MEMBERS or reference.line in (b"$-1", b"_") or len(step.arguments) < 2:
        return reference.raw == ours.raw
    name, *rest = MEMBERS[step.name]
    there = [connection.call(name, step.arguments[1], *rest) for connection in connections][1]
    with_pairs = len(step.arguments) == 4
    picked = pairs(ours) if with_pairs else leaves(ours)
    allowed = set(pairs(there) if with_pairs else leaves(there))
    distinct = len(step.arguments) > 2 and not step.arguments[2].startswith(b"-")
    return set(picked) <= allowed and (not distinct or len(set(picked)) == len(picked))


def remove_both(step, reference, ours, connections):
    """Takes out of each server what the other has taken out at random."""
    if shape(reference) != shape(ours):
        return False
    if step.name != b"SPOP" or reference.line in (b"$-1", b"_"):
        return reference.raw == ours.raw
    popped = [{Reply(raw, raw.split(b"\r\n")[0]).text() for raw in leaves(reply)} for reply in (reference, ours)]
    for connection, own, other in zip(connections, popped, reversed(popped)):
        if (rest := sorted(other - own)) and connection.call(b"SREM", step.arguments[1], *rest).line != b":%d" % len(rest):
            return False
    return len(popped[0]) == len(popped[1])


def forget_fresh(step, reference, ours, connections):
    forms = [re.fullmatch(rb"\d{13}-\d+", reply.text()) is not None for reply in (reference, ours)]
    if all(forms):
        for connection in connections:
            connection.call(b"DEL", step.arguments[1])
    return all(forms) or reference.raw == ours.raw


def show(reply):
    text = "".join(PRINTED[byte] for byte in reply.raw[:600])
    return text if len(reply.raw) <= 600 else f"{text}... ({len(reply.raw)} bytes)"
