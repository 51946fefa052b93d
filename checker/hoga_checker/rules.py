"""What the whole check shares: schemas, the catalogue, the settings of the log, findings, what is not covered.

1. Settings that shape effects come from the log (its dump, or a file that is given); one that is missing is not guessed.
"""

from pathlib import Path

from . import avro
from .catalogue import Catalogue
from .findings import Findings

#: The project that this folder stands in.
PROJECT = Path(__file__).resolve().parents[2]
#: The names of docs/configuration.md's fixed settings that machines are made with, and their defaults.
DEFAULTS = {
    "max_open_orders": 10_000,
    "max_client_ids": 20_000,
    "max_pending": 64,
    "depth_snapshot_every": 1_000,
    "candle_intervals_ms": [60_000, 900_000, 3_600_000, 86_400_000],
    "candle_lateness_ms": 2_000,
    "candle_kept_bars": 64,
    "utc_offset_min": 540,
}


def log_settings(value, project=PROJECT):
    """The settings that a LogSettings record tells; none if the value is another record, or None."""
    catalogue = Catalogue(project / "docs" / "topics.md")
    schemas, origin = avro.load(project / "schemas" / "avro")
    if value is None or catalogue.kinds.get(int.from_bytes(value[1:5], "big")) != "LogSettings":
        return {}
    _, at = origin(value, 5)
    schema = schemas["LogSettings"]
    settings = dict(zip(schema.fields, schema.decode(value, at)))["settings"]
    return {name: list(v) if isinstance(v, tuple) else v for name, v in zip(schema.parts["settings"], settings)}


class Rules:
    """One log's rules."""

    def __init__(self, partitions, wall, settings, project=PROJECT):
        self.catalogue = Catalogue(project / "docs" / "topics.md")
        self._load(project)
        #: How many partitions each topic has.
        self.partitions = dict(partitions)
        missing = set(self.catalogue.topics) - set(self.partitions)
        if missing:
            raise ValueError(f"the log has no topic {', '.join(sorted(missing))}")
        self.wall = wall
        unknown = set(settings) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"the checker does not know the settings {', '.join(sorted(unknown))}")
        self.settings = {**DEFAULTS, **settings}
        self.findings = Findings(print)
        #: What could not be judged, each once.
        self.uncovered = {}
        #: Effects and records whose other side has not come yet, as of the last round.
        self.on_the_way = 0
        self._keys = {}

    def _load(self, project):
        self.schemas, self._origin = avro.load(project / "schemas" / "avro")
        self._decoders = {number: kind for number, kind in self.catalogue.kinds.items() if kind in self.schemas}

    def __getstate__(self):
        loaded = ("schemas", "_origin", "_decoders")
        return {name: value for name, value in self.__dict__.items() if name not in loaded}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._load(PROJECT)

    def not_covered(self, what):
        """Notes what could not be judged."""
        self.uncovered[what] = self.uncovered.get(what, 0) + 1

    def open(self, value):
        """(kind, origin, where the content begins, schema id) of a value's framing; raises Torn."""
        if value is None:
            raise avro.Torn("a tombstone")
        if len(value) < 6 or value[0] != 0:
            raise avro.Torn(f"{len(value)} bytes without the framing 0 and a schema id")
        number = int.from_bytes(value[1:5], "big")
        kind = self._decoders.get(number)
        if kind is None:
            raise avro.Torn(f"schema id {number} is not known")
        origin, at = self._origin(value, 5)
        return kind, origin, at, number

    def partition_of(self, topic, key):
        """The partition of a key."""
        place = self._keys.get(key)
        if place is None:
            if len(self._keys) >= 1_000_000:
                self._keys.clear()
            place = self._keys[key] = murmur2(key.encode()) & 0x7FFFFFFF
        return place % self.partitions[topic]


def murmur2(data):
    """MurmurHash2 with Kafka's seed, as Java's default partitioner has it."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
