"""What every reader must accept of a partition: claims, epochs, numbers, running hashes (docs/topics.md).

Reads raw records; gives those that count, and names those that cannot be.

1. The numbers of a channel are accepted 1, 2, 3, each once; a lower epoch than the highest claim is dropped.
2. A repeat must be of the same bytes as what was accepted: the hashes of the last `KEPT` numbers are remembered.
3. After a finding it goes on with what the record says, so that one fault makes one finding here.

Left out on purpose: whether a record was due; that is `pipeline.py`.
"""

import struct
from array import array

import xxhash

from .avro import Torn

#: Hashes and offsets remembered of each channel: as far back as repeats are compared and marks are checked.
KEPT = 1 << 16
_HEAD = struct.Struct("<IQI").pack
_xxh3 = xxhash.xxh3_64_intdigest


class Channel:
    """How far one channel of a partition has been accepted."""

    __slots__ = ("epoch", "claimed", "number", "hash", "hashes", "offsets", "ahead")

    def __init__(self):
        #: The newest epoch, and whether its claim was read: where a partition's beginning is cut it may be gone.
        self.epoch, self.claimed = None, False
        self.number = self.hash = 0
        self.hashes, self.offsets = array("Q", [0]), array("q", [-1])
        #: Offsets of records that came ahead of their predecessor and have not come again, by number.
        self.ahead = {}

    def remember(self, number, value, offset):
        """Notes an accepted record."""
        self.number, self.hash = number, value
        if number < KEPT and len(self.hashes) == number:
            self.hashes.append(value)
            self.offsets.append(offset)
        else:
            while len(self.hashes) < KEPT:
                self.hashes.append(0)
                self.offsets.append(-1)
            self.hashes[number % KEPT], self.offsets[number % KEPT] = value, offset

    def knows(self, number):
        """Whether hash and offset of that number are remembered."""
        return self.number - KEPT < number <= self.number and self.offsets[number % KEPT] >= 0

    def __getstate__(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state):
        for name, value in zip(self.__slots__, state):
            setattr(self, name, value)


class Partition:
    """One partition's acceptance."""

    def __init__(self, rules, topic, number):
        self.rules, self.topic, self.number = rules, topic, number
        self.spec = rules.catalogue.topics[topic]
        self.open_inbox = topic == "orders"
        self.next_offset, self.last_time = None, 0
        self.channels = {}
        #: Copied claims since they were last compared with owners: (offset, fields).
        self.claims = []
        #: Whether its beginning is not there: then a channel begins with what comes first.
        self.cut = False
        self.counts = {"accepted": 0, "claims": 0, "stale": 0, "repeats": 0, "ahead": 0}

    def _find(self, code, offset, what):
        self.rules.findings.add(code, (self.topic, self.number, offset), what)

    def accept(self, offset, time, key, value):
        """(kind, origin, fields) of a record that counts, else None; fields None: malformed, in `orders`, or torn."""
        if offset != self.next_offset:
            self._gap(offset)
        self.next_offset = offset + 1
        if time < self.last_time:
            if self.rules.wall:
                self._find("TIME_BACK", offset, f"append time {time} behind one of {self.last_time}")
        else:
            self.last_time = time
        try:
            kind, origin, at, schema_id = self.rules.open(value)
        except Torn as why:
            return self._torn(offset, why)
        if origin is None:
            return self._unsequenced(kind, offset, value, at)
        return self._numbered(kind, schema_id, origin, offset, key, value, at)

    def _gap(self, offset):
        if self.next_offset is None:
            return
        if offset > self.next_offset:
            self._find("OFFSETS", offset, f"offset {self.next_offset} must follow")
        else:
            self._find("OFFSETS", offset, f"offset {offset} again or back, {self.next_offset} must follow")

    def _torn(self, offset, why):
        if self.open_inbox:
            return "malformed", None, None
        self._find("TORN", offset, f"must be a record of this topic: {why}")
        return None

    def _decode(self, kind, offset, value, at):
        try:
            return self.rules.schemas[kind].decode(value, at)
        except Torn as why:
            self._torn(offset, f"{kind}: {why}")
            return None

    def _unsequenced(self, kind, offset, value, at):
        if kind == "Claim" and self.topic != "owners":
            return self._claim(offset, value, at)
        if kind not in self.spec.unsequenced:
            if self.open_inbox:
                return "malformed", None, None
            self._find("FORGED", offset, f"a {kind} needs an origin here")
            return None
        fields = self._decode(kind, offset, value, at)
        if fields is None:
            return ("malformed", None, None) if self.open_inbox else None
        self.counts["accepted"] += 1
        return kind, None, fields

    def _claim(self, offset, value, at):
        fields = self._decode("Claim", offset, value, at)
        if fields is None:
            return None
        machine, partition, _, epoch, _ = fields
        if epoch is None or self.topic not in self.rules.catalogue.outputs.get(machine, ()):
            self._find("FORGED", offset, f"{machine}/{partition} copies no such claim here")
            return None
        channel = self.channels.get((machine, partition))
        if channel is None:
            channel = self.channels[machine, partition] = Channel()
        if channel.epoch is None or epoch > channel.epoch:
            channel.epoch, channel.claimed = epoch, True
        self.counts["claims"] += 1
        self.claims.append((offset, fields))
        return None

    def _numbered(self, kind, schema_id, origin, offset, key, value, at):
        machine, partition, epoch, cause, number, stated = origin
        channel = self.channels.get((machine, partition))
        if self.cut and (channel is None or channel.number == 0):
            channel = self._adopt(machine, partition, epoch, number, stated)
        elif self.cut and channel is not None and not channel.claimed:
            channel.epoch = max(channel.epoch, epoch)
        if channel is None or epoch > channel.epoch:
            if self.open_inbox:
                return "malformed", None, None
            self._find("FORGED", offset, f"{kind} of {machine}/{partition} epoch {epoch}, which no claim announced here")
            return None
        if epoch < channel.epoch:
            self.counts["stale"] += 1
            return None
        body = _HEAD(schema_id, cause, len(key)) + key + value[at:]
        last = channel.number
        if number <= last:
            self._repeat(channel, number, body, stated, offset)
            return None
        if number > last + 1:
            self.counts["ahead"] += 1
            channel.ahead.setdefault(number, offset)
            return None
        fields = self._decode(kind, offset, value, at)
        expected = _xxh3(body, channel.hash)
        if expected != stated and fields is not None:
            self._find(
                "HASH", offset, f"number {number} of {machine}/{partition} must hash to {expected:016x}, not {stated:016x}"
            )
        channel.remember(number, stated, offset)
        if channel.ahead:
            channel.ahead.pop(number, None)
        self.counts["accepted"] += 1
        return kind, origin, fields

    def _adopt(self, machine, partition, epoch, number, stated):
        """The first record of a channel whose beginning is cut: it and what is behind it can be judged."""
        channel = self.channels.setdefault((machine, partition), Channel())
        if not channel.claimed:
            channel.epoch = max(epoch, channel.epoch or 0)
        if number > 1:
            channel.remember(number, stated, -1)
        return channel

    def _repeat(self, channel, number, body, stated, offset):
        self.counts["repeats"] += 1
        if number < 1 or not channel.knows(number):
            return
        before = channel.hashes[(number - 1) % KEPT] if number > 1 else 0
        if stated != channel.hashes[number % KEPT]:
            self._find(
                "OTHER_BYTES",
                offset,
                f"number {number} must be as at offset {channel.offsets[number % KEPT]}: hash "
                f"{channel.hashes[number % KEPT]:016x}, not {stated:016x}",
            )
        elif (number == 1 or channel.knows(number - 1)) and _xxh3(body, before) != stated:
            self._find(
                "OTHER_BYTES", offset, f"number {number} must have the bytes of offset {channel.offsets[number % KEPT]}"
            )
