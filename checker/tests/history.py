"""A history that faults can be planted into: a dump, taken apart, changed, and put together again.

What is changed gets the right running hashes behind it, unless a fault is just that: so only the checker's own
computation can notice.
"""

import functools
import pickle
import struct

import xxhash
from hoga_checker import dump
from hoga_checker.avro import Torn
from hoga_checker.check import Check
from hoga_checker.rules import PROJECT, Rules
from tests import encode


class Entry:
    """A raw record, decoded if it is one."""

    def __init__(self, history, topic, partition, time, key, value):
        self.history, self.topic, self.partition = history, topic, partition
        self.time, self.key, self.value = time, key, value
        self.kind = self.origin = self.fields = None
        try:
            self.kind, self.origin, at, self.number = history.rules.open(value)
            self.fields = history.rules.schemas[self.kind].decode(value, at)
        except Torn:
            pass

    def copy(self):
        return Entry(self.history, self.topic, self.partition, self.time, self.key, self.value)

    def get(self, name):
        return self.fields[self.history.rules.schemas[self.kind].fields.index(name)]

    def set(self, **changes):
        """Other fields; the value follows."""
        names = self.history.rules.schemas[self.kind].fields
        fields = list(self.fields)
        for name, value in changes.items():
            fields[names.index(name)] = value
        self.fields = tuple(fields)
        return self.write()

    def set_origin(self, **changes):
        names = ("machine", "partition", "epoch", "cause", "number", "hash")
        values = dict(zip(names, self.origin)) | changes
        self.origin = tuple(values.values())
        return self.write()

    def write(self):
        body = encode.origin(self.origin) + encode.content(self.kind, self.fields)
        self.value = b"\0" + self.number.to_bytes(4, "big") + body
        return self

    @property
    def channel(self):
        return self.origin[:2] if self.origin else None

    @property
    def offset(self):
        return self.history.place(self)[1]


@functools.cache
def _load(path):
    source = dump.Dump(path)
    return source, Rules(source.partitions, source.wall, source.settings), list(source.records(None))


class History:
    """All records, by topic and partition."""

    def __init__(self, path):
        source, self.rules, rows = _load(path)
        self.head = {"partitions": source.partitions, "settings": source.settings}
        self.parts = {(t, p): [] for t, count in source.partitions.items() for p in range(count)}
        #: Offsets that are skipped: (topic, partition, index) from which on all are one more.
        self.skips = []
        #: How many records are cut from the beginning of each (topic, partition).
        self.cuts = {}
        for topic, partition, _, time, key, value in rows:
            self.parts[topic, partition].append(Entry(self, topic, partition, time, key, value))

    def all(self, topic, kind=None, /, **fields):
        """The accepted-looking records of a topic, kind and field values, in order."""
        for (name, _), entries in sorted(self.parts.items()):
            for entry in entries if name == topic else ():
                if kind in (None, entry.kind) and entry.fields is not None:
                    if all(entry.get(field) == value for field, value in fields.items()):
                        yield entry

    def one(self, topic, kind=None, /, where=lambda entry: True, last=False, **fields):
        """The first (or last) such record; it must be there."""
        found = [entry for entry in self.all(topic, kind, **fields) if where(entry)]
        assert found, f"the history has no {kind} in {topic} with {fields}"
        return found[-1] if last else found[0]

    def place(self, entry):
        entries = self.parts[entry.topic, entry.partition]
        return entries, next(at for at, other in enumerate(entries) if other is entry)

    def last_of_channel(self, entry):
        """The last record of its channel there."""
        return [other for other in self.parts[entry.topic, entry.partition] if other.channel == entry.channel][-1]

    def append(self, like, **origin):
        """A copy of a record behind all others of its partition, with the next number of its channel."""
        last = self.last_of_channel(like)
        entry = self.append_raw(like)
        entry.set_origin(**{"epoch": last.origin[2], "cause": last.origin[3], "number": last.origin[4] + 1} | origin)
        return entry

    def append_raw(self, like):
        """A copy of a record behind all others of its partition, at their time."""
        entry = like.copy()
        entries = self.parts[like.topic, like.partition]
        entry.time = entries[-1].time
        entries.append(entry)
        return entry

    def rehash(self, entry):
        """Right hashes for the channel of a record, from its first number on."""
        running = {0: 0}
        for other in self.parts[entry.topic, entry.partition]:
            if other.channel != entry.channel:
                continue
            number, cause = other.origin[4], other.origin[3]
            if number - 1 in running:
                body = encode.content(other.kind, other.fields)
                head = struct.pack("<IQI", other.number, cause, len(other.key))
                running[number] = xxhash.xxh3_64_intdigest(head + other.key + body, running[number - 1])
                other.set_origin(hash=running[number])
        self._remark(entry)
        return entry

    def _remark(self, entry):
        """Marks are true of the new hashes."""
        hashes = {other.origin[4]: other.origin[5] for other in self.parts[entry.topic, entry.partition] if other.channel == entry.channel}
        for mark in self.all("owners", "Mark", machine=entry.origin[0], partition=entry.origin[1]):
            outputs = [
                (t, p, n, at, hashes.get(n, h)) if (t, p) == (entry.topic, entry.partition) else (t, p, n, at, h)
                for t, p, n, at, h in mark.get("outputs")
            ]
            mark.set(outputs=tuple(outputs))

    def lose(self, entry):
        """The record is not there; a harmless repeat of its predecessor stands in its place, so that no offset moves."""
        entries, at = self.place(entry)
        before = [other for other in entries[:at] if other.channel == entry.channel][-1]
        entries[at] = before.copy()
        entries[at].time = entry.time

    def records(self):
        """As a dump's source gives them: in the order of time."""
        rows = []
        for (topic, partition), entries in self.parts.items():
            newest, more = 0, 0
            for at, entry in enumerate(entries):
                newest = max(newest, entry.time)
                more += (topic, partition, at) in self.skips
                if at < self.cuts.get((topic, partition), 0):
                    continue
                rows.append((newest, (topic, partition, at + more, entry.time, entry.key, entry.value)))
        return [row for _, row in sorted(rows, key=lambda row: row[0])]

    def check(self, sent=None, drained=True, cut_at=()):
        """What the checker says: codes in order, lines, whether all was covered. `cut_at`: rounds end there."""
        lines = []
        check = Check(Rules(self.head["partitions"], self.rules.wall, self.head["settings"], PROJECT))
        check.rules.findings.to(lines.append)
        if sent is not None:
            check.sent.follow(sent)
        for (topic, partition), count in self.cuts.items():
            if count:
                check.begins_at(topic, partition, count)
        for at, row in enumerate(self.records()):
            if at in cut_at:
                check = reopened(check, lines)
            check.take(*row)
        check.rules.on_the_way = 0
        check.settle(drained)
        covered = not check.rules.uncovered and not check.rules.on_the_way
        return [line.split()[0] for line in lines], lines, covered


def reopened(check, lines):
    """As stored and read again after a round."""
    check.settle(drained=False)
    check = pickle.loads(pickle.dumps(check, protocol=5))
    check.rules.findings.to(lines.append)
    return check


