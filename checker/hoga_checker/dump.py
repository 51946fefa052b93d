"""Dumps: a log's raw records as a file, so that a history can be kept, sent and planted.

Format: JSON lines, `.gz` or `.xz` by the name. The first line is the head:
`{"hoga_dump": 1, "time": "wall"|"recorded", "partitions": {topic: count}, "settings": {...}}`, and where partitions are
cut `"starts": {topic: [offset of each partition]}`; each further line is a record: `{"topic", "partition", "offset", "time", "key_hex", "value_hex"}`, a tombstone's value null. Records of a
partition stand in their order; between partitions any order is right, that of time needs the least memory.
"""

import gzip
import heapq
import json
import lzma
import re
import subprocess
import tempfile
from pathlib import Path


class BadDump(Exception):
    """The file is no dump; the text says where and why."""


def open_text(path, mode):
    """A text file, compressed as its name says."""
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(Path(path).suffix, open)
    return opener(path, mode + "t", encoding="utf-8")


class Dump:
    """Reads a dump."""

    #: What passes: nothing of a file.
    errors = ()

    def __init__(self, path):
        self.path = path
        self._file = open_text(path, "r")
        try:
            head = json.loads(self._file.readline())
            if head.pop("hoga_dump") != 1:
                raise ValueError("another version of the format")
            self.wall, self.partitions = head["time"] == "wall", head["partitions"]
            self.settings, self.starts = head["settings"], head.get("starts", {})
        except (ValueError, KeyError, TypeError, AttributeError, lzma.LZMAError, OSError) as why:
            raise BadDump(f"{path}, line 1: no head of a dump: {why!r}") from None

    def records(self, check):
        """All records: (topic, partition, offset, time, key, value)."""
        for topic, starts in self.starts.items() if check else ():
            for partition, start in enumerate(starts):
                if start > 0:
                    check.begins_at(topic, partition, start)
        unhex = bytes.fromhex
        for number, line in enumerate(self._file, 2):
            try:
                record = json.loads(line)
                value = record["value_hex"]
                yield (
                    record["topic"], record["partition"], record["offset"], record["time"], unhex(record["key_hex"]),
                    None if value is None else unhex(value),
                )  # fmt: skip
            except (ValueError, KeyError, TypeError) as why:
                raise BadDump(f"{self.path}, line {number}: no record of a dump: {why!r}") from None


def write(path, head, records):
    """Writes a dump; records as dictionaries."""
    with open_text(path, "w") as file:
        for line in (head, *records):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def of_folder(hoga, folder, out):
    """Dumps hoga's embedded log, read with `hoga tail --raw --bytes`."""
    folder = Path(folder)
    layout = [line.split() for line in (folder / "log" / "layout").read_text().splitlines()]
    counts = {line[1]: int(line[2]) for line in layout if line[0] == "partitions"}
    mode = next(line[1] for line in layout if line[0] == "time")
    settings = json.loads((folder / "settings.json").read_text())
    starts = {topic: _starts(hoga, folder, topic) for topic in counts}
    starts = {topic: offsets for topic, offsets in starts.items() if any(offsets)}
    head = {"hoga_dump": 1, "time": mode, "partitions": counts, "settings": settings, "starts": starts}
    with tempfile.TemporaryDirectory() as place, open_text(out, "w") as file:
        file.write(json.dumps(head) + "\n")
        parts = []
        for topic in counts:
            part = Path(place) / topic
            with open(part, "w") as lines:
                command = [hoga, "tail", topic, "--raw", "--bytes", "--data-dir", str(folder)]
                subprocess.run(command, check=True, stdout=lines)
            parts.append(_by_time(part))
        file.writelines(line for _, line in heapq.merge(*parts, key=lambda timed: timed[0]))


def _starts(hoga, folder, topic):
    """Where each partition begins, by the table that `hoga topics TOPIC` ends with."""
    command = [hoga, "topics", topic, "--data-dir", str(folder)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    _, _, table = said.partition("PARTITION")
    return [int(line.split()[1]) for line in table.splitlines()[1:]]


def _by_time(part):
    """Lines with the greatest time so far: what a reader in the order of time would have come to."""
    time = re.compile(r'"time":(-?\d+)').search
    newest = 0
    with open(part) as lines:
        for line in lines:
            newest = max(newest, int(time(line).group(1)))
            yield newest, line
