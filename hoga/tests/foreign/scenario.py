"""What happens while the exchange is up: foreigners post what trades and what is nonsense, processes come and die."""

import json
import random
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from avro import Registry
from checks import check
from confluent_kafka import Producer as LibrdkafkaProducer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from examples import Examples
from forgeries import forge
from kafka import KafkaProducer
import readers
from session import Session

SYMBOLS = ["KRW-BTC", "KRW-BTC2"]
MEMBERS = [f"m-{number}" for number in range(6)]
FUNDS = {"KRW": 100_000_000_000, "BTC": 1_000}
ORDERS = 1_500
TICKS = 50
NONSENSE = 200


def now():
    return datetime.now(timezone.utc)


class Scenario:
    """The steps, in the order in which main.py takes them."""

    def __init__(self, options, folder):
        self.brokers, self.tool = options.kafka, options.tool.split()
        self.session = Session(options.hoga, self.brokers, folder)
        self.folder, self.until = folder, self.session.until

    def start(self):
        check("hoga topics create, as in docker-compose.yml", self.session.run_service("topics"), 0)
        registry = self.session.start_service("registry")
        self.exchange = self.session.start_service("hoga")
        self.registry = Registry(f"http://{registry.address}")
        self.examples = Examples(self.brokers, registry.address, self.folder)
        self.producer = KafkaProducer(bootstrap_servers=self.brokers, acks="all")

    def open_market(self):
        """What needs nothing of each other at once: a command waits for its outcome more than it works."""
        for lines in [
            [
                "list-asset KRW --digits 0",
                "list-asset BTC --digits 8",
                "set-fees standard --maker-ppm 200 --taker-ppm 500",
            ],
            [
                f"list-instrument {symbol} --base BTC --quote KRW --tick 1000 --lot 0.001 --fees standard"
                for symbol in SYMBOLS
            ],
            [f"set-phase {symbol} OPEN" for symbol in SYMBOLS]
            + ["deposit alice KRW 1000000000", "deposit bob BTC 10", "deposit carol BTC 10"],
        ]:
            with ThreadPoolExecutor(len(lines)) as pool:
                list(pool.map(self.session.run, lines))

    def deposits_of_python(self):
        """An operator's program writes to `accounts` by schema, as docs/topics.md allows it."""
        for member in MEMBERS:
            for asset, amount in FUNDS.items():
                deposit = {
                    "origin": None,
                    "account": member,
                    "client_id": f"from-python-{asset}",
                    "valid_until": now() + timedelta(minutes=5),
                    "asset": asset,
                    "amount": Decimal(amount),
                }
                self.send("accounts", member, "accounts-hoga.Deposit", deposit)
        entries = {(member, f"from-python-{asset}") for member in MEMBERS for asset in FUNDS}
        self.until("the deposits are in the journal", lambda: entries <= self.booked())
        check("a Python operator's deposits are booked", True)

    def booked(self):
        return {(line["key"], line["record"].get("client_id")) for line in self.session.tail("journal")}

    def ticks_of_python(self):
        """A feed of an outside venue; it also makes candles."""
        tick = {"origin": None, "symbol": "KRW-BTC", "venue": "elsewhere", "taker_side": "BUY"}
        for number in range(1, TICKS + 1):
            numbers = {"venue_sequence": number, "price": Decimal(95_000_000 + number), "quantity": Decimal("0.01")}
            times = {"venue_time": now(), "receive_time": now()}
            self.send("ticks", "KRW-BTC", "ticks-hoga.Tick", tick | numbers | times)
        by_ticks = self.until("candles of the ticks", lambda: self.candles_of("tick-candles"))
        check("a Python feed's ticks make candles", {candle["open"] for candle in by_ticks}, {"95000001"})

    def candles_of(self, machine):
        return [line["record"] for line in self.session.tail("candles") if line["origin"]["machine"] == machine]

    def send(self, topic, key, subject, fields):
        self.producer.send(topic, key=key.encode(), value=self.registry.encode(subject, fields)).get(30)

    def orders_of_python(self):
        """docs/kafka.md's producer places two orders that trade; its consumer reads what became of them."""
        price = "95500000"
        ids = {}
        for account, side in (("bob", "SELL"), ("alice", "BUY")):
            ids[account] = self.examples.python("producer.py", account, "KRW-BTC", side, price, "0.004").strip()
            wanted = {"NEW", "FILLED"} if side == "BUY" else {"NEW"}
            self.until(f"{account}'s order is {wanted}", lambda: wanted <= self.statuses(account, ids[account]))
        self.until("bob's order is FILLED", lambda: "FILLED" in self.statuses("bob", ids["bob"]))
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

    def orders_while_processes_change(self):
        """Another process takes all machines over, is killed at work, and the first goes on: claims of three epochs."""
        second = self.session.start_service("hoga")
        self.until("the second process runs all machines", lambda: self.running(second) == self.machines(second))
        self.session.run("produce", self.orders(ORDERS // 2))
        with self.session.begin("produce") as posting:
            posting.stdin.write(self.orders(ORDERS - ORDERS // 2))
            posting.stdin.close()
            second.kill()
        check("orders are taken while their owner is killed", posting.returncode, 0)
        self.until("the first process runs all machines", lambda: self.running(self.exchange) == self.machines(self.exchange))
        check("the first process goes on where the killed one was", True)

    @staticmethod
    def orders(count, chance=random.Random(4)):
        lines = [
            {
                "action": "place",
                "account": chance.choice(MEMBERS),
                "symbol": chance.choice(SYMBOLS),
                "side": chance.choice(["BUY", "SELL"]),
                "type": "LIMIT",
                "price": str(94_990_000 + 1000 * chance.randrange(10)),
                "quantity": f"0.{chance.randrange(1, 100):03}",
            }
            for _ in range(count)
        ]
        return "".join(json.dumps(line) + "\n" for line in lines)

    def machines(self, service):
        return len(re.findall(r'^hoga_machine_phase\{.*phase="running"\}', self.metrics(service), re.M))

    def running(self, service):
        return len(re.findall(r'^hoga_machine_phase\{.*phase="running"\} 1$', self.metrics(service), re.M))

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
        events = self.until("carol's order has an event", lambda: self.session.tail("order-events --key carol"))
        check("an order by Confluent's serializer and librdkafka is taken", events[0]["record"]["event"], "PENDING")

    def order(self, account, side, price):
        example = self.registry.decode(self.any_order).fields
        changed = {"account": account, "client_order_id": "by-confluent", "symbol": "KRW-BTC", "side": side}
        return example | changed | {"price": Decimal(price), "valid_until": now() + timedelta(minutes=1)}

    @property
    def any_order(self):
        """An order whose other fields do."""
        return next(value for *_, value in readers.by_kafka_python(self.brokers, "orders") if value[:1] == b"\0")

    def nonsense(self):
        """VerifiableProducer knows nothing of hoga: it writes numbers into the open inbox."""
        name = "org.apache.kafka.tools.VerifiableProducer"
        args = ["--bootstrap-server", self.brokers, "--topic", "orders", "--max-messages", str(NONSENSE)]
        sent = [json.loads(line) for line in readers.run([*self.tool, name, *args]).decode().splitlines()]
        check("VerifiableProducer's records are acknowledged", sent[-1].get("acked"), NONSENSE)
        self.until("dead letters", lambda: len(self.dead_letters()) >= NONSENSE)
        expected = sorted(event["value"] for event in sent if event["name"] == "producer_send_success")
        letters = self.dead_letters()
        check("each becomes a dead letter", sorted(letter["value"] for letter in letters), expected)
        check("with the place of its record", {letter["topic"] for letter in letters}, {"orders"})
        check("and no machine stops", self.running(self.exchange), self.machines(self.exchange))

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
        labels = rf'machine="candles",partition="{partition}"'
        alarm = re.compile(rf"^hoga_machine_forged_records_total\{{{labels}\}} [1-9]\d*$", re.M)
        self.until("the forgeries are an alarm of candles", lambda: alarm.search(self.metrics(self.exchange)))
        check("forged executions are not accepted", len(self.session.tail("executions")), before)

    def metrics(self, service):
        with urllib.request.urlopen(f"http://{service.address}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def what_a_process_serves(self):
        served = Registry(f"http://{self.exchange.address}").get("/subjects")
        check("hoga run serves the same schemas", served, self.registry.get("/subjects"))
        lags = re.compile(r"^hoga_kafka_reader_lag_records\{.*\} (\d+)$", re.M)
        # Owners' signs of life and clocks go on, so that a reader may be a few records behind at any moment.
        self.until("its readers keep up", lambda: all(int(lag) < 20 for lag in lags.findall(self.metrics(self.exchange))))
        counts = dict(re.findall(r"^(hoga_kafka_\w+) (\d+)$", self.metrics(self.exchange), re.M))
        written, answered = counts["hoga_kafka_written_records_total"], counts["hoga_kafka_round_trip_us_count"]
        check("/metrics counts records written, and their round trips", int(written) > 0 and int(answered) > 0)

    def end(self):
        check("the exchange ends cleanly", self.exchange.stop(), 0)
