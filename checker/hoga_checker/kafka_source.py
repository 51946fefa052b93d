"""The topics of a real Kafka, read with kafka-python: a client that is neither hoga's nor librdkafka.

1. A round reads every partition to the end that it had when the round began; `owners` had its end told first, so that
   what marks say has been read.
2. A partition that is far ahead of what it is compared with waits, so that memory stays bounded.
3. A consumer that gives nothing although there is more is replaced: after a broker was away it may never go on.
"""

import time

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError

_FAR, _NEAR, _BATCH, _TRIES = 20_000, 5_000, 5_000, 30
_QUIET_SECONDS = 10


class Kafka:
    """One log on a Kafka."""

    #: What passes: a broker that is away or moves.
    errors = (KafkaError,)

    def __init__(self, servers, prefix, topics, client):
        self.prefix = prefix
        self._client = dict(client, bootstrap_servers=servers.split(","))
        self._consumer = self._open()
        found = {topic: self._consumer.partitions_for_topic(prefix + topic) for topic in topics}
        missing = [prefix + topic for topic, numbers in found.items() if not numbers]
        if missing:
            raise LookupError(f"{servers} has no topic {', '.join(missing)}")
        self.partitions = {topic: len(numbers) for topic, numbers in found.items()}
        self.wall = self._is_wall()

        # All of them, always: the client knows the leaders of assigned topics only.
        self._places = [TopicPartition(prefix + t, number) for t, count in self.partitions.items() for number in range(count)]
        self._consumer.assign(self._places)

    def _open(self):
        return KafkaConsumer(
            **self._client, group_id=None, enable_auto_commit=False, auto_offset_reset="none", check_crcs=True,
            fetch_max_bytes=16 << 20, max_partition_fetch_bytes=2 << 20,
        )  # fmt: skip

    def _is_wall(self):
        admin = KafkaAdminClient(**self._client)
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, self.prefix + "accounts")
            return "LogAppendTime" in repr(admin.describe_configs([resource]))
        finally:
            admin.close()

    def first(self, topic):
        """The value of the first record of a topic's first partition; None if there is none."""
        place, consumer = TopicPartition(self.prefix + topic, 0), self._open()
        try:
            consumer.assign([place])
            if consumer.end_offsets([place])[place] <= consumer.beginning_offsets([place])[place]:
                return None
            consumer.seek_to_beginning(place)
            for _ in range(_TRIES):
                for records in consumer.poll(timeout_ms=1000, max_records=1).values():
                    return records[0].value
            raise LookupError(f"{place.topic}: its first record does not come")
        finally:
            consumer.close()

    def records(self, check):
        """The records of one round, (topic, partition, offset, time, key, value)."""
        ends = self._ends()
        starts = self._consumer.beginning_offsets(list(ends))
        left = {}
        for place, end in ends.items():
            topic = place.topic[len(self.prefix) :]
            partition = check.partitions[topic, place.partition]
            at = partition.next_offset or 0
            if starts[place] > at:
                at = starts[place]
                check.begins_at(topic, place.partition, at)
            if at < end:
                left[place] = (topic, at, end)
            self._consumer.seek(place, at)
        self._consumer.pause(*self._places)
        self._consumer.resume(*left)
        yield from self._read(left, check)

    def _ends(self):
        owners = TopicPartition(self.prefix + "owners", 0)
        ends = self._consumer.end_offsets([owners])
        return {**ends, **self._consumer.end_offsets([place for place in self._places if place != owners])}

    def _read(self, left, check):
        paused, heard = set(), time.monotonic()
        at = {place: start for place, (_, start, _) in left.items()}
        while left:
            came = self._consumer.poll(timeout_ms=1000, max_records=_BATCH)
            if came:
                heard = time.monotonic()
            elif time.monotonic() - heard > _QUIET_SECONDS:
                self._replace(at, paused)
                heard = time.monotonic()
            for place, records in came.items():
                if place not in left:
                    continue
                topic, _, end = left[place]
                for record in records:
                    if record.offset >= end:
                        break
                    yield topic, place.partition, record.offset, record.timestamp, record.key or b"", record.value
                at[place] = self._consumer.position(place)
                if at[place] >= end:
                    del left[place], at[place]
                    self._consumer.pause(place)
            self._hold_back(left, paused, check)

    def reopen(self):
        """Begins anew with Kafka; each round begins at positions of its own."""
        self._consumer.close()
        self._consumer = self._open()
        self._consumer.assign(self._places)

    def _replace(self, at, paused):
        self.reopen()
        self._consumer.pause(*(place for place in self._places if place not in at or place in paused))
        for place in self._places:
            # One without a position is an error, also while it is paused; each round begins with positions of its own.
            self._consumer.seek(place, at.get(place, 0))

    def _hold_back(self, left, paused, check):
        for place, (topic, _, _) in left.items():
            waits = max(check.backlog(topic, place.partition), check.pending(topic, place.partition))
            if place in paused and waits < _NEAR:
                paused.discard(place)
                self._consumer.resume(place)
            elif place not in paused and waits > _FAR:
                paused.add(place)
                self._consumer.pause(place)
        if paused and paused.issuperset(left):
            self._consumer.resume(*paused)
            paused.clear()

    def close(self):
        """Lets the broker go."""
        self._consumer.close()
