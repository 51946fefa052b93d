"""Which records of a partition count, by the rules of docs/topics.md alone: claims, epochs, numbers, hashes.

Who may write without origin is read from that page's tables, as a foreign reader would learn it.
"""

import pathlib
import re

import xxhash

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "topics.md"
ROW = re.compile(r"\| \[(\w+)\]\([^)]*\) \| \d+ \| (.*) \|")


def without_origin():
    """For each topic the kinds of record that count there without origin."""
    found = {}
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        topic, _, rows = section.partition("\n")
        found[topic.strip()] = {kind for kind, who in ROW.findall(rows) if who != "nobody"}
    assert "PlaceOrder" in found["orders"] and not found["journal"], "docs/topics.md has another form"
    return found


class Partition:
    """The channels of one partition, as far as it was read."""

    def __init__(self, unsequenced):
        self.unsequenced = unsequenced
        self.epochs, self.numbers, self.hashes = {}, {}, {}
        self.dropped = {"claim": 0, "stale": 0, "repeat": 0, "ahead": 0, "forged": 0}

    def accepts(self, key, record):
        """Whether the next record of the partition counts."""
        why = self.verdict(key or b"", record)
        if why:
            self.dropped[why] += 1
        return why is None

    def verdict(self, key, record):
        if record.origin is None:
            return self.without_origin(record)
        channel = record.origin["machine"], record.origin["partition"]
        epoch, number = record.origin["epoch"], record.origin["number"]
        claimed, last = self.epochs.get(channel, -1), self.numbers.get(channel, 0)
        if epoch > claimed:
            return "forged"
        if epoch < claimed:
            return "stale"
        if number <= last:
            return "repeat"
        if number > last + 1:
            return "ahead"
        expected = self.hash_after(self.hashes.get(channel, 0), key, record)
        found = int.from_bytes(record.origin["hash"], "big")
        assert found == expected, f"{channel} number {number}: the hash is {found:016x}, not {expected:016x}"
        self.numbers[channel], self.hashes[channel] = number, expected
        return None

    def without_origin(self, record):
        if record.kind == "Claim" and "Claim" not in self.unsequenced:
            channel = record.fields["machine"], record.fields["partition"]
            self.epochs[channel] = max(self.epochs.get(channel, -1), record.fields["epoch"])
            return "claim"
        return None if record.kind in self.unsequenced else "forged"

    @staticmethod
    def hash_after(previous, key, record):
        head = record.schema_id.to_bytes(4, "little") + record.origin["cause"].to_bytes(8, "little")
        head += len(key).to_bytes(4, "little")
        return xxhash.xxh3_64_intdigest(head + key + record.content, seed=previous)
