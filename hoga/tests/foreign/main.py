"""hoga among clients that nobody here wrote: scripts/foreign-clients runs it.

    main.py --hoga HOGA --kafka HOST:PORT --tool COMMAND

HOGA has the feature kafka, the Kafka has no topics yet, COMMAND runs a class of Kafka's own tools. The services of
docker-compose.yml run as processes; foreigners post what trades and what is nonsense, and read with schemas from the
registry. Then everything is stopped, and every reader has to have found every record of every topic, bytes equal, and
the Python reader what hoga finds in them.
"""

import argparse
import json
import pathlib
import random
import re
import sys
import tempfile
import urllib.request

from avro import Registry
from confluent_kafka import Producer as LibrdkafkaProducer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from examples import Examples
from forgeries import forge
from kafka import KafkaProducer
from kafka.partitioner.default import murmur2
import readers
import rules
from session import ROOT, Session, until

sys.path.append(str(ROOT / "schemas" / "tests"))
from foreign import as_shown  # noqa: E402

MEMBERS = [f"m-{number}" for number in range(6)]
ORDERS = 1_500
NONSENSE = 200
# Topics whose key decides the partition.
KEYED = {"orders", "accounts", "books", "executions", "ticks", "depth", "order-events", "journal", "candles"}
# Records that stand in every partition, or in their machine's, whatever their key.
EVERYWHERE = {"AssetListing", "InstrumentListing", "FeeSchedule", "PhaseChange", "RulesVersion", "Claim", "Clock"}
# Records that count and that `hoga tail` does not show: they tell of the log, not of what is traded.
OF_THE_LOG = {"Clock", "LogSettings"}

failures = []


def check(what, found, expected=True):
    good = found == expected
    shown = "" if good else f"\n    found    {str(found)[:600]}\n    expected {str(expected)[:600]}"
    print(f"  {'ok' if good else 'FAILED':<7} {what}{shown}", flush=True)
    if not good:
        failures.append(what)


class Scenario:
    """What happens while the exchange is up."""

    def __init__(self, options, folder):
        self.brokers, self.tool = options.kafka, options.tool.split()
        self.session = Session(options.hoga, self.brokers, folder)
        self.folder = folder

    def start(self):
        check("hoga topics create, as in docker-compose.yml", self.session.run_service("topics"), 0)
        registry = self.session.start_service("registry")
        self.exchange = self.session.start_service("hoga")
        self.registry = Registry(f"http://{registry.address}")
        self.examples = Examples(self.brokers, registry.address, self.folder)
        self.producer = KafkaProducer(bootstrap_servers=self.brokers, acks="all")

    def open_market(self):
        for line in [
            "list-asset KRW --digits 0",
            "list-asset BTC --digits 8",
            "set-fees standard --maker-ppm 200 --taker-ppm 500",
            "list-instrument KRW-BTC --base BTC --quote KRW --tick 1000 --lot 0.001 --fees standard",
            "list-instrument KRW-BTC2 --base BTC --quote KRW --tick 1000 --lot 0.001 --fees standard",
            "set-phase KRW-BTC OPEN",
            "set-phase KRW-BTC2 OPEN",
            *[f"deposit {member} {what}" for member in MEMBERS for what in ("KRW 100000000000", "BTC 1000")],
            "deposit alice KRW 1000000000",
            "deposit bob BTC 10",
            "deposit carol BTC 10",
        ]:
            self.session.run(line)

    def orders_of_hoga(self):
        chance = random.Random(4)
        lines = [
            {
                "action": "place",
                "account": chance.choice(MEMBERS),
                "symbol": chance.choice(["KRW-BTC", "KRW-BTC2"]),
                "side": chance.choice(["BUY", "SELL"]),
                "type": "LIMIT",
                "price": str(94_990_000 + 1000 * chance.randrange(10)),
                "quantity": f"0.{chance.randrange(1, 100):03}",
            }
            for _ in range(ORDERS)
        ]
        self.session.run("produce", "".join(json.dumps(line) + "\n" for line in lines))

    def orders_of_python(self):
        """docs/kafka.md's producer places two orders that trade; its consumer reads what became of them."""
        price = "95500000"
        ids = {}
        for account, side in (("bob", "SELL"), ("alice", "BUY")):
            ids[account] = self.examples.python("producer.py", account, "KRW-BTC", side, price, "0.004").strip()
            wanted = {"NEW", "FILLED"} if side == "BUY" else {"NEW"}
            until(f"{account}'s order is {wanted}", lambda: wanted <= self.statuses(account, ids[account]))
        until("bob's order is FILLED", lambda: "FILLED" in self.statuses("bob", ids["bob"]))
        traded = [trade for trade in self.consumed("executions") if trade["maker_account"] == "bob"]
        check("a Python producer's order trades with another's", len(traded), 1)
        trade = traded[0]
        check("and a Python consumer reads the execution", (trade["taker_account"], trade["price"]), ("alice", price))

    def statuses(self, account, client_order_id):
        events = self.consumed("order-events")
        return {
            event["status"]
            for event in events
            if event["account"] == account and event.get("client_order_id") == client_order_id
        }

    def consumed(self, topic):
        """What the page's consumer prints: the record's name and its fields as JSON."""
        lines = self.examples.python("consumer.py", topic).splitlines()
        return [json.loads(line.partition(" ")[2]) for line in lines]

    def orders_of_confluent(self):
        """Confluent's clients: the registry's and librdkafka's."""
        client = SchemaRegistryClient({"url": self.registry.url})
        schema = client.get_latest_version("orders-hoga.PlaceOrder").schema.schema_str
        strategy = {"subject.name.strategy": topic_record_subject_name_strategy, "auto.register.schemas": False}
        serialize = AvroSerializer(client, schema, conf=strategy)
        value = serialize(
            self.order("carol", "SELL", "95400000"), SerializationContext("orders", MessageField.VALUE)
        )
        producer = LibrdkafkaProducer({"bootstrap.servers": self.brokers, "partitioner": "murmur2_random"})
        producer.produce("orders", key="carol", value=value)
        producer.flush(30)
        events = until("carol's order has an event", lambda: self.session.tail("order-events --key carol"))
        check("an order by Confluent's serializer and librdkafka is taken", events[0]["record"]["event"], "PENDING")

    def order(self, account, side, price):
        example = self.registry.decode(self.any_order).fields
        changed = {"account": account, "client_order_id": "by-confluent", "symbol": "KRW-BTC", "side": side}
        return example | changed | {"price": type(example["price"])(price)}

    @property
    def any_order(self):
        """A recent order, whose other fields do."""
        orders = [value for *_, value in readers.by_kafka_python(self.brokers, "orders") if value[:1] == b"\0"]
        return max(orders, key=lambda value: self.registry.decode(value).fields["valid_until"])

    def nonsense(self):
        """Records of a program that knows nothing of hoga."""
        name = "org.apache.kafka.tools.VerifiableProducer"
        args = ["--bootstrap-server", self.brokers, "--topic", "orders", "--max-messages", str(NONSENSE)]
        out = readers.run([*self.tool, name, *args]).decode().splitlines()
        sent = [json.loads(line) for line in out]
        check("VerifiableProducer's records are acknowledged", sent[-1].get("acked"), NONSENSE)
        letters = until("dead letters", lambda: self.dead_letters() if len(self.dead_letters()) >= NONSENSE else None)
        expected = sorted(event["value"] for event in sent if event["name"] == "producer_send_success")
        check("each becomes a dead letter", sorted(letter["value"] for letter in letters), expected)
        check("with the place of its record", {letter["topic"] for letter in letters}, {"orders"})

    def dead_letters(self):
        return [line["record"] for line in self.session.tail("dead-letters")]

    def forgeries(self):
        records = readers.by_kafka_python(self.brokers, "executions")
        partition = next(p for p, _, _, value in records if self.registry.decode(value).kind == "Execution")
        real = [(key, value) for p, _, key, value in records if p == partition]
        real = [(key, value) for key, value in real if self.registry.decode(value).kind == "Execution"]
        before = len(self.session.tail("executions"))
        for key, value in forge(self.registry, real).values():
            self.producer.send("executions", key=key, value=value, partition=partition).get(30)
        alarm = re.compile(rf'hoga_machine_forged_records_total{{machine="candles",partition="{partition}"}} ([1-9]\d*)$', re.M)
        until("the forgeries are an alarm of candles", lambda: alarm.search(self.metrics()))
        check("forged executions are not accepted", len(self.session.tail("executions")), before)

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.exchange.address}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def registries_agree(self):
        check("hoga run serves the same schemas", Registry(f"http://{self.exchange.address}").get("/subjects"), self.registry.get("/subjects"))


class Audit:
    """Everything is read again, with nobody at work."""

    def __init__(self, scenario):
        self.session, self.registry = scenario.session, scenario.registry
        self.brokers, self.tool = scenario.brokers, scenario.tool
        self.unsequenced = rules.without_origin()
        self.everything = {}

    def topic(self, topic):
        bounds = self.session.bounds(topic)
        records = readers.by_kafka_python(self.brokers, topic)
        self.everything[topic] = records
        offsets = {partition: [r[1] for r in records if r[0] == partition] for partition in bounds}
        expected = {partition: list(range(start, end)) for partition, (start, end) in bounds.items()}
        check(f"{topic}: kafka-python reads the log's {len(records)} records", offsets, expected)
        by_java = readers.by_console_consumer(self.tool, self.brokers, topic, len(records))
        check(f"{topic}: Kafka's console consumer reads the same bytes", by_java == records)
        check(f"{topic}: kcat reads the same bytes", by_kcat(self.brokers, topic), records)
        seen = readers.count_by_verifiable_consumer(self.tool, self.brokers, topic, len(records))
        counted = {partition: (end - start, end) for partition, (start, end) in bounds.items() if end > start}
        check(f"{topic}: VerifiableConsumer counts as many", seen, counted)
        self.decoded(topic, records, len(bounds))

    def decoded(self, topic, records, partitions):
        raw = {place(line): line for line in self.session.tail(f"{topic} --raw")}
        accepted = [place(line) for line in self.session.tail(topic)]
        tables = {number: rules.Partition(self.unsequenced[topic]) for number in range(partitions)}
        mine, different, misplaced = [], [], []
        for partition, offset, key, value in records:
            line = raw.pop((partition, offset), {})
            try:
                record = self.registry.decode(value)
            except ValueError:
                # The open inbox alone holds what is no record; it is hoga's to judge, and is shown.
                if topic != "orders" or "malformed" not in line:
                    different.append((partition, offset, line))
                mine.append((partition, offset))
                continue
            shown = as_shown(self.registry.text(record.schema_id), record.kind, record.fields, {})
            if (line.get("kind"), shown.pop("origin"), shown) != (record.kind, line.get("origin"), line.get("record")):
                different.append((partition, offset, shown, line))
            if tables[partition].accepts(key, record) and record.kind not in OF_THE_LOG:
                mine.append((partition, offset))
            if topic in KEYED and record.kind not in EVERYWHERE and not forged(record, self.unsequenced[topic]):
                if partition != (murmur2(key) & 0x7FFFFFFF) % partitions:
                    misplaced.append((partition, offset, key))
        check(f"{topic}: decoded by the registry's schemas as hoga shows it", (different[:2], len(raw)), ([], 0))
        check(f"{topic}: {len(mine)} accepted by the rules of docs/topics.md, as by hoga", mine, sorted(accepted))
        check(f"{topic}: keys are where murmur2 sends them", misplaced[:2], [])
        dropped = {why: count for table in tables.values() for why, count in table.dropped.items() if count}
        if dropped:
            print(f"          dropped: {dropped}")

    def by_confluent(self):
        deserialize = AvroDeserializer(SchemaRegistryClient({"url": self.registry.url}))
        context = SerializationContext("executions", MessageField.VALUE)
        values = [value for *_, value in self.everything["executions"]]
        found = [deserialize(value, context) for value in values]
        check("Confluent's deserializer reads executions alike", found, [self.registry.decode(v).fields for v in values])


def by_kcat(brokers, topic):
    return readers.by_kcat(brokers, topic)


def forged(record, unsequenced):
    return record.origin is None and record.kind not in unsequenced


def place(line):
    return line["partition"], line["offset"]


def run(options, folder):
    scenario = Scenario(options, folder)
    try:
        for step in [
            scenario.start,
            scenario.open_market,
            # The book is empty: these two trade with each other.
            scenario.orders_of_python,
            scenario.orders_of_hoga,
            scenario.nonsense,
            scenario.orders_of_confluent,
            scenario.forgeries,
            scenario.registries_agree,
        ]:
            print(step.__name__.replace("_", " "), flush=True)
            step()
        for name in ("keys.sh", "first.sh"):
            check(f"docs/kafka.md: {name}", bool(scenario.examples.shell(name).strip()))
        check("the exchange ends cleanly", scenario.exchange.stop(), 0)
        audit = Audit(scenario)
        for topic in audit.unsequenced:
            audit.topic(topic)
        audit.by_confluent()
        check("every example of docs/kafka.md was run", scenario.examples.unused, set())
    finally:
        scenario.session.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hoga", required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--tool", required=True)
    with tempfile.TemporaryDirectory(prefix="hoga-foreign-") as folder:
        run(parser.parse_args(), pathlib.Path(folder))
    if failures:
        sys.exit(f"{len(failures)} checks failed: {'; '.join(failures)}")
    print("foreign clients: all checks passed")


if __name__ == "__main__":
    main()
