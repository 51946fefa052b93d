"""Everything is read again, with nobody at work: every reader has to find every record of every topic, bytes equal,
and the Python reader what hoga finds in them.

Topics are read several at a time, because readers mostly wait; they are judged one after the other.
"""

import re
from concurrent.futures import ThreadPoolExecutor

from checks import check
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from kafka.partitioner.default import murmur2
import readers
import rules
from session import shown_by_hoga

# Topics whose key decides the partition.
KEYED = {"orders", "accounts", "books", "executions", "ticks", "depth", "order-events", "journal", "candles"}
# Records that stand in every partition, or in their machine's, whatever their key.
EVERYWHERE = {"AssetListing", "InstrumentListing", "FeeSchedule", "PhaseChange", "RulesVersion", "Claim", "Clock"}
# Records that count and that `hoga tail` does not show: they tell of the log, not of what is traded.
OF_THE_LOG = {"Clock", "LogSettings"}
# The open inbox alone may hold what is no record; it is hoga's to judge, and is shown.
OPEN = "orders"
# Topics that a consumer group reads too.
BY_GROUP = ("orders", "executions")
AT_ONCE = 4


class Topic:
    """What everybody reads in a topic, and what hoga tells of it."""

    def __init__(self, scenario, name):
        session, brokers, tool = scenario.session, scenario.brokers, scenario.tool
        self.name = name
        self.bounds = session.bounds(name)
        self.records = readers.by_kafka_python(brokers, name)
        self.by_java = readers.by_console_consumer(tool, brokers, name, len(self.records))
        self.by_kcat = readers.by_kcat(brokers, name)
        self.by_group = None
        if name in BY_GROUP:
            self.by_group = readers.count_by_verifiable_consumer(tool, brokers, name, len(self.records))
        self.raw = session.tail(f"{name} --raw")
        self.accepted = session.tail(name)


class Audit:
    """The judgement."""

    def __init__(self, scenario):
        self.session, self.registry = scenario.session, scenario.registry
        self.unsequenced = rules.without_origin()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            self.topics = list(pool.map(lambda name: Topic(scenario, name), self.unsequenced))

    def run(self):
        for topic in self.topics:
            self.readers_agree(topic)
            self.decoded(topic)
        self.by_confluent(next(topic for topic in self.topics if topic.name == "executions"))
        self.hashed()

    @staticmethod
    def readers_agree(topic):
        name, bounds, records = topic.name, topic.bounds, topic.records
        offsets = {partition: [r[1] for r in records if r[0] == partition] for partition in bounds}
        expected = {partition: list(range(start, end)) for partition, (start, end) in bounds.items()}
        check(f"{name}: kafka-python reads the log's {len(records)} records", offsets, expected)
        check(f"{name}: there is something to read", len(records) > 0)
        check(f"{name}: Kafka's console consumer reads the same bytes", topic.by_java == records)
        check(f"{name}: kcat reads the same bytes", topic.by_kcat == records)
        if topic.by_group is not None:
            counted = {partition: (end - start, end) for partition, (start, end) in bounds.items() if end > start}
            check(f"{name}: VerifiableConsumer counts as many", topic.by_group, counted)

    def decoded(self, topic):
        name, partitions, unsequenced = topic.name, len(topic.bounds), self.unsequenced[topic.name]
        raw = {place(line): line for line in topic.raw}
        tables = {number: rules.Partition(unsequenced) for number in range(partitions)}
        mine, different, misplaced = [], [], []
        for partition, offset, key, value in topic.records:
            line = raw.pop((partition, offset), {})
            try:
                record = self.registry.decode(value)
            except ValueError:
                if name != OPEN or "malformed" not in line:
                    different.append((partition, offset, line))
                mine.append((partition, offset))
                continue
            shown = shown_by_hoga(self.registry.text(record.schema_id), record)
            if (line.get("kind"), line.get("origin"), line.get("record")) != (record.kind, shown.pop("origin"), shown):
                different.append((partition, offset, shown, line))
            if tables[partition].accepts(key, record) and record.kind not in OF_THE_LOG:
                mine.append((partition, offset))
            if name in KEYED and record.kind not in EVERYWHERE and not forged(record, unsequenced):
                if partition != (murmur2(key) & 0x7FFFFFFF) % partitions:
                    misplaced.append((partition, offset, key))
        check(f"{name}: decoded by the registry's schemas as hoga shows it", (different[:2], len(raw)), ([], 0))
        accepted = sorted(place(line) for line in topic.accepted)
        check(f"{name}: {len(mine)} accepted by the rules of docs/topics.md, as by hoga", mine, accepted)
        check(f"{name}: keys are where murmur2 sends them", misplaced[:2], [])
        dropped = {why: count for table in tables.values() for why, count in table.dropped.items() if count}
        if dropped:
            print(f"          dropped: {dropped}")

    def by_confluent(self, topic):
        deserialize = AvroDeserializer(SchemaRegistryClient({"url": self.registry.url}))
        context = SerializationContext(topic.name, MessageField.VALUE)
        found = [deserialize(value, context) for *_, value in topic.records]
        expected = [self.registry.decode(value).fields for *_, value in topic.records]
        check(f"{topic.name}: Confluent's deserializer reads it alike", found, expected)

    def hashed(self):
        """What `hoga hash` counts, and machines that equal the replay of topics with strangers' records among them."""
        counts = {topic.name: len(topic.accepted) for topic in self.topics}
        said = self.session.run("hash --state executions journal order-events depth candles")
        found = dict(re.findall(r"^([\w-]+) +(\d+) records", said, re.M))
        expected = {name: str(counts[name]) for name in ("executions", "journal", "order-events", "depth", "candles")}
        check("hoga hash counts what the Python reader accepted", found, expected)
        machines = re.search(r"^state +(\d+) machines live (\w+)  replay (\w+)$", said, re.M)
        check("each machine equals the replay of its input", bool(machines) and machines[2] == machines[3])


def forged(record, unsequenced):
    return record.origin is None and record.kind not in unsequenced


def place(line):
    return line["partition"], line["offset"]
