"""Readers that share no code with hoga, nor with each other: kafka-python, Kafka's own console consumer, kcat.

Each gives all records of a topic as `(partition, offset, key, value)` in bytes, sorted; None is null.
"""

import json
import re
import subprocess

from kafka import KafkaConsumer, TopicPartition

# Longer than any of them takes: only against hanging.
PATIENCE_S = 300
# What the console consumer is told to write for null; no record holds it.
NULL = "null-9b1d5f0c"
ESCAPE = re.compile(rb"\\x([0-9A-F]{2})")


def by_kafka_python(brokers, topic):
    consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends, records = consumer.end_offsets(partitions), []
    while any(consumer.position(at) < ends[at] for at in partitions):
        for at, batch in consumer.poll(timeout_ms=1000).items():
            records += [(at.partition, r.offset, r.key, r.value) for r in batch if r.offset < ends[at]]
    consumer.close()
    return sorted(records, key=lambda record: record[:2])


def by_console_consumer(tool, brokers, topic, count):
    """Ends after `count` records. It writes what is not printable as \\xNN, a tab too, which therefore separates."""
    if count == 0:
        return []
    bytes_class = "org.apache.kafka.common.serialization.BytesDeserializer"
    properties = ["print.partition=true", "print.offset=true", "print.key=true", "key.separator=\t", f"null.literal={NULL}"]
    args = ["--bootstrap-server", brokers, "--topic", topic, "--from-beginning", "--max-messages", str(count)]
    args += ["--key-deserializer", bytes_class, "--value-deserializer", bytes_class]
    args += [arg for each in properties for arg in ("--property", each)]
    out = run([*tool, "org.apache.kafka.tools.consumer.ConsoleConsumer", *args])
    return sorted((parsed(line) for line in out.splitlines()), key=lambda record: record[:2])


def parsed(line):
    partition, offset, key, value = line.split(b"\t")
    return int(partition.removeprefix(b"Partition:")), int(offset.removeprefix(b"Offset:")), plain(key), plain(value)


def plain(text):
    return None if text == NULL.encode() else ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text)


def by_kcat(brokers, topic):
    """Its lengths tell where key and value end: -1 is null."""
    out = run(["kcat", "-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %o %K %S %k%s"])
    records, at = [], 0
    while at < len(out):
        head = re.compile(rb"(\d+) (\d+) (-?\d+) (-?\d+) ").match(out, at)
        partition, offset, key_len, value_len = (int(number) for number in head.groups())
        key_end = head.end() + max(key_len, 0)
        at = key_end + max(value_len, 0)
        key = None if key_len < 0 else out[head.end() : key_end]
        records.append((partition, offset, key, None if value_len < 0 else out[key_end:at]))
    return sorted(records, key=lambda record: record[:2])


def count_by_verifiable_consumer(tool, brokers, topic, count):
    """How many records of each partition Kafka's VerifiableConsumer saw, and how far, until it had `count`."""
    if count == 0:
        return {}
    args = ["--bootstrap-server", brokers, "--topic", topic, "--group-id", f"verify-{topic}"]
    args += ["--reset-policy", "earliest", "--max-messages", str(count)]
    out = run([*tool, "org.apache.kafka.tools.VerifiableConsumer", *args])
    seen = {}
    for line in out.decode().splitlines():
        event = json.loads(line)
        if event["name"] == "records_consumed":
            for part in event["partitions"]:
                number, _ = seen.get(part["partition"], (0, None))
                seen[part["partition"]] = number + part["count"], part["maxOffset"] + 1
    return seen


def run(command, **how):
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout
