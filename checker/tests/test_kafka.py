"""A history on a real Kafka (HOGA_KAFKA as `scripts/kafka start` prints it) is read by its own client and passes.

Without HOGA_KAFKA it is skipped and says so; with CI=true it fails.
"""

import io
import os
import sys
import tempfile
import unittest
import uuid
from collections import namedtuple
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from hoga_checker import __main__ as command
from hoga_checker import kafka_source
from kafka.errors import KafkaError
from tests.history import History

SERVERS = os.environ.get("HOGA_KAFKA")
PLACE = namedtuple("Place", "topic partition")("orders", 0)
RECORDED = Path(__file__).resolve().parents[1] / "histories" / "recorded.jsonl.xz"


def post(prefix, rows, partitions, make):
    """Appends raw records, with their times, into topics that are made first."""
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient, NewTopic

    if make:
        admin = KafkaAdminClient(bootstrap_servers=SERVERS)
        config = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
        admin.create_topics([NewTopic(prefix + topic, count, 1, topic_configs=config) for topic, count in partitions.items()])
        admin.close()
    producer = KafkaProducer(bootstrap_servers=SERVERS, acks="all", max_in_flight_requests_per_connection=1)
    for topic, partition, _, time, key, value in rows:
        producer.send(prefix + topic, value, key, partition=partition, timestamp_ms=time)
    producer.flush()
    producer.close()


class OnKafka(unittest.TestCase):
    def setUp(self):
        if not SERVERS:
            self.assertNotEqual("true", os.environ.get("CI"), "HOGA_KAFKA is not set")
            print("HOGA_KAFKA is not set: the checker's Kafka client is not tested", file=sys.stderr)
            self.skipTest("no Kafka")

    def check(self, prefix, *more):
        """The exit code and what was printed."""
        arguments = ["check", "--kafka", SERVERS, "--topic-prefix", prefix, *more]
        out = io.StringIO()
        with redirect_stdout(out):
            code = command.main(arguments)
        return code, out.getvalue()

    def test_a_history_is_read_in_two_rounds_and_a_torn_record_is_named(self):
        history = History(RECORDED)
        rows, prefix = history.records(), f"check-{uuid.uuid4().hex[:8]}-"
        half = len(rows) // 2
        with tempfile.TemporaryDirectory() as folder:
            state = ("--state", f"{folder}/state")
            post(prefix, rows[:half], history.head["partitions"], make=True)
            code, out = self.check(prefix, *state)
            self.assertEqual(command.NOT_COVERED, code, out)
            post(prefix, rows[half:], history.head["partitions"], make=False)
            code, out = self.check(prefix, *state, "--drained")
            self.assertEqual(command.EQUAL, code, out)
            self.assertIn(f"{len(rows)} in all", out)
            post(prefix, [("journal", 0, 0, 0, b"", b"torn")], {}, make=False)
            code, out = self.check(prefix, *state, "--drained")
            self.assertEqual(command.DIFFERENT, code, out)
            self.assertTrue(out.startswith("TORN journal/0@"), out)


class Consumer:
    """As kafka-python's: of one partition with records 0 to 9, or one that gives nothing."""

    def __init__(self, gives):
        self.gives, self.at, self.closed = gives, 0, False

    def poll(self, **_):
        if not self.gives or self.at == 10:
            return {}
        self.at += 5
        return {PLACE: [SimpleNamespace(offset=n, timestamp=0, key=b"", value=b"") for n in range(self.at - 5, self.at)]}

    def position(self, _):
        return self.at

    def seek(self, _, offset):
        self.at = offset

    def close(self):
        self.closed = True

    def assign(self, *_):
        pass

    pause = resume = assign


class Stuck(unittest.TestCase):
    def test_a_consumer_that_gives_nothing_is_replaced_and_nothing_is_read_twice(self):
        source = kafka_source.Kafka.__new__(kafka_source.Kafka)
        source._consumer, source._places = Consumer(gives=True), [PLACE]
        first, fresh = source._consumer, Consumer(gives=True)
        source._open = lambda: fresh
        check = SimpleNamespace(backlog=lambda *_: 0, pending=lambda *_: 0)
        read = []
        with mock.patch.object(kafka_source, "_QUIET_SECONDS", -1):
            for record in source._read({PLACE: ("orders", 0, 10)}, check):
                read.append(record[2])
                first.gives = False
        self.assertEqual(list(range(10)), read)
        self.assertTrue(first.closed and source._consumer is fresh)

    def test_a_broker_that_is_away_is_waited_for(self):
        source = mock.Mock(errors=(KafkaError,))
        rounds = [KafkaError("away"), KafkaError("away"), command.EQUAL]
        with mock.patch.object(command, "_round", side_effect=rounds), mock.patch.object(command, "TRY_AGAIN_SECONDS", 0):
            self.assertEqual(command.EQUAL, command._round_patiently(None, source, None))
        self.assertEqual(2, source.reopen.call_count)
