"""What a producer says that it sent: ok, failed or unknown, one JSON object a line.

`{"account": .., "client_order_id": .., "valid_until": .., "outcome": "ok|failed|unknown", "value_hex": ..}`; the value
may be left out, and is compared if it is there. A later line about the same command replaces an earlier one.

1. Ok: it is in `orders`, and once the log is drained it had exactly one outcome. Failed: it is not there.
2. Unknown: it may be there once or not at all. However often it is there, it takes effect at most once.
"""

import json
import os


class Sent:
    """The side file and what was seen of it."""

    def __init__(self, rules):
        self.rules, self.path, self.read_to, self.line = rules, None, 0, 0
        #: (account, client id) -> [valid until, outcome, value, where in orders, order numbers, line].
        self.commands = {}
        #: What came before its line was read: (account, client id) -> [(place, value)], order numbers.
        self.early, self.numbers = {}, {}
        self.active = False
        #: Whether the beginning of a partition of orders is cut: what is not found may have stood there.
        self.orders_cut = False

    def follow(self, path):
        """Reads what the file has more than before; only whole lines."""
        self.active = True
        if path != self.path:
            self.path, self.read_to, self.line = path, 0, 0
        with open(path, "rb") as file:
            file.seek(self.read_to)
            for line in file.read(os.path.getsize(path) - self.read_to).splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break
                self.read_to += len(line)
                self.line += 1
                self._line(line)

    def _line(self, line):
        try:
            said = json.loads(line)
            name = (said["account"], said["client_order_id"])
            outcome = said["outcome"]
            value = bytes.fromhex(said["value_hex"]) if "value_hex" in said else None
        except (ValueError, KeyError, TypeError) as why:
            raise ValueError(f"{self.path}, line {self.line}: {why!r}") from None
        if outcome not in ("ok", "failed", "unknown"):
            raise ValueError(f"{self.path}, line {self.line}: outcome {outcome!r}")
        before = self.commands.get(name)
        places = before[3] if before else []
        self.commands[name] = [said.get("valid_until"), outcome, value, places, self.line]
        for place, seen in self.early.pop(name, ()):
            self._compare(name, place, seen)

    def see(self, topic, number, offset, kind, fields, value):
        """A record of orders or order-events."""
        if not self.active or fields is None:
            return
        if topic == "orders":
            if kind == "Clock":
                return
            name, place = (fields[0], fields[1]), (topic, number, offset)
            if name in self.commands:
                self._compare(name, place, value)
            else:
                self.early.setdefault(name, []).append((place, value))
        elif kind == "OrderEvent" and fields[1] is not None and (fields[5] == "REJECTED" or fields[5] == "PENDING"):
            numbers = self.numbers.setdefault((fields[0], fields[2]), [])
            if fields[1] not in numbers:
                numbers.append(fields[1])

    def _compare(self, name, place, value):
        command = self.commands[name]
        command[3].append(place)
        if command[2] is not None and command[2] != value:
            self.rules.findings.add("SENT_CHANGED", place, f"{name[0]}'s {name[1]} must be as in line {command[4]}")

    def settle(self, drained):
        """Judges every command of the file as far as the log was read."""
        for name, (_, outcome, _, places, line) in self.commands.items():
            account, client_id = name
            where = f"sent line {line}"
            numbers = self.numbers.get(name, ())
            if outcome == "failed" and places:
                self._once(name, "SENT_FAILED", places[0], f"{account}'s {client_id} failed ({where}) and must not be there")
            if outcome == "ok" and not places and not self.orders_cut:
                self._once(name, "SENT_LOST", where, f"{account}'s {client_id} must be in orders")
            if len(numbers) > 1:
                self._once(name, "SENT_TWICE", where, f"{account}'s {client_id} must be one order, not {numbers}")

    def _once(self, name, code, place, what):
        told = self.__dict__.setdefault("told", set())
        if (name, code) not in told:
            told.add((name, code))
            self.rules.findings.add(code, place, what)
