"""The command: `python -m hoga_checker check|dump|codes`; `scripts/checker` calls it."""

import argparse
import json
import os
import pickle
import sys
import time
from pathlib import Path

from . import dump
from .catalogue import Catalogue
from .check import Check
from .findings import CODES
from .rules import PROJECT, Rules, log_settings

EQUAL, DIFFERENT, NOT_COVERED, USAGE = 0, 1, 2, 3
TRIES, TRY_AGAIN_SECONDS = 20, 3


def main(arguments=None):
    """Runs the command; its exit code."""
    parser = argparse.ArgumentParser(prog="scripts/checker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="recompute a log and name what differs")
    source = check.add_mutually_exclusive_group(required=True)
    source.add_argument("--dump", help="a dump")
    source.add_argument("--kafka", metavar="HOST:PORT[,..]", help="a Kafka")
    check.add_argument("--topic-prefix", default="", help="what the topics' names begin with")
    check.add_argument("--client", metavar="FILE", help="JSON: settings of the Kafka client (kafka-python's names)")
    check.add_argument("--settings", metavar="FILE", help="the log's settings.json, where the log does not tell them")
    check.add_argument("--sent", metavar="FILE", help="what a producer sent, JSON lines")
    check.add_argument("--state", metavar="FILE", help="go on from this file, and leave the state there")
    check.add_argument("--drained", action="store_true", help="nothing writes any more: what is missing is lost")
    check.add_argument("--follow", type=float, metavar="SECONDS", help="a round every so often, until a finding")
    check.add_argument("--ask", action="store_true", help="a round for each line on stdin, `drained` for the last one")
    folder = commands.add_parser("dump", help="write a dump of an embedded log")
    folder.add_argument("--data-dir", required=True)
    folder.add_argument("--hoga", default="hoga", help="the command to read it with")
    folder.add_argument("out")
    commands.add_parser("codes", help="print every code and what it says")
    arguments = parser.parse_args(arguments)
    try:
        return globals()[f"_{arguments.command}"](arguments)
    except (dump.BadDump, OSError, LookupError, ValueError) as why:
        print(f"checker: {why}", file=sys.stderr)
        return USAGE


def _codes(_arguments):
    for code, meaning in CODES.items():
        print(f"{code:<14} {meaning}")
    return EQUAL


def _dump(arguments):
    dump.of_folder(arguments.hoga, arguments.data_dir, arguments.out)
    return EQUAL


def _open(arguments):
    if arguments.dump:
        return dump.Dump(arguments.dump)
    from .kafka_source import Kafka  # only here: dumps need no Kafka client

    client = json.loads(Path(arguments.client).read_text()) if arguments.client else {}
    topics = Catalogue(PROJECT / "docs" / "topics.md").topics
    source = Kafka(arguments.kafka, arguments.topic_prefix, topics, client)
    source.settings = log_settings(source.first("control"))
    return source


def _restore(arguments, source):
    if arguments.state and os.path.exists(arguments.state):
        with open(arguments.state, "rb") as file:
            check = pickle.load(file)  # a file of one's own, never one from elsewhere
        check.rules.findings.to(print)
        return check
    settings = dict(source.settings)
    if arguments.settings:
        settings.update(json.loads(Path(arguments.settings).read_text()))
    return Check(Rules(source.partitions, source.wall, settings))


def _store(arguments, check):
    if arguments.state:
        with open(arguments.state + ".new", "wb") as file:
            pickle.dump(check, file, protocol=5)
        os.replace(arguments.state + ".new", arguments.state)


def _check(arguments):
    source = _open(arguments)
    check = _restore(arguments, source)
    if arguments.ask:
        return _answer(arguments, source, check)
    while True:
        code = _round(arguments, source, check)
        _store(arguments, check)
        if arguments.follow is None or code == DIFFERENT:
            return code
        time.sleep(arguments.follow)


def _answer(arguments, source, check):
    """A round for each line that is asked; after what it says, one word for its end."""
    code = NOT_COVERED
    for line in sys.stdin:
        arguments.drained = line.strip() == "drained"
        code = _round_patiently(arguments, source, check)
        _store(arguments, check)
        print({EQUAL: "equal", NOT_COVERED: "not covered", DIFFERENT: "different"}[code], flush=True)
    return code


def _round_patiently(arguments, source, check):
    """A round; a broker that is away is waited for. What was read of it until then counts: each record was taken or not."""
    for attempt in range(TRIES):
        try:
            if attempt:
                source.reopen()
            return _round(arguments, source, check)
        except source.errors as why:
            if attempt == TRIES - 1:
                raise
            print(f"reading goes on: {why!r}", file=sys.stderr)
            time.sleep(TRY_AGAIN_SECONDS)


def _round(arguments, source, check):
    """Reads on to the end and says what it found."""
    began, before = time.monotonic(), check.records
    if arguments.sent:
        check.sent.follow(arguments.sent)
    check.rules.on_the_way = 0
    for record in source.records(check):
        check.take(*record)
    check.settle(arguments.drained)
    took = time.monotonic() - began
    rules, findings = check.rules, check.rules.findings.total()
    for what, count in rules.uncovered.items():
        print(f"not covered: {what}" + (f" ({count} times)" if count > 1 else ""))
    if rules.on_the_way:
        print(f"not covered: {rules.on_the_way} effects are on their way; read on, or --drained if nothing writes any more")
    print(f"{check.records - before} records in {took:.1f} s, {check.records} in all; {findings} findings")
    if findings:
        return DIFFERENT
    return NOT_COVERED if rules.uncovered or rules.on_the_way else EQUAL


if __name__ == "__main__":
    sys.exit(main())
