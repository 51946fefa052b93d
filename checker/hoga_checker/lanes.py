"""A lane is one channel seen from both ends: what a machine's input must cause, and what stands in the topic.

1. Both sides are in order of number, so the n-th effect meets the n-th accepted record.
2. Where they differ, causes tell which side is missing: an effect whose cause the topic has passed is lost, a record
   whose cause the machine has passed without it is invented.
3. One fault makes one finding, then both sides go on in step.
"""

from collections import deque

_MONEY = {"fee", "maker_fee", "taker_fee"}
_CODES = {
    "PlaceOrder": "COMMAND", "AmendOrder": "COMMAND", "ReduceOrder": "COMMAND", "CancelOrder": "COMMAND",
    "AssetListing": "LISTING", "InstrumentListing": "LISTING", "FeeSchedule": "LISTING", "PhaseChange": "LISTING",
    "RulesVersion": "LISTING", "DeadLetter": "DEAD_LETTER", "HeldOrder": "HOLD", "HeldAmend": "HOLD",
    "HeldCancel": "HOLD", "SettlementLeg": "SETTLEMENT", "BookAnswer": "SETTLEMENT", "Execution": "TRADE",
    "DepthUpdate": "DEPTH", "OrderEvent": "EVENT", "CommandRefused": "EVENT", "JournalEntry": "JOURNAL",
    "Candle": "CANDLE", "Clock": "CLOCK",
}  # fmt: skip


class Lane:
    """`due` are effects (cause, key, kind, fields), `come` records (cause, key, kind, fields, offset)."""

    __slots__ = ("rules", "machine", "topic", "partition", "due", "come", "met_cause", "met", "judged")

    def __init__(self, rules, machine, topic, partition):
        self.rules, self.machine, self.topic, self.partition = rules, machine, topic, partition
        self.due, self.come = deque(), deque()
        #: What met last: its cause, and the effects of that cause so far.
        self.met_cause, self.met = -1, []
        #: False where its partition's beginning is cut, or it waits for a record that is lost.
        self.judged = True

    def __getstate__(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state):
        for name, value in zip(self.__slots__, state):
            setattr(self, name, value)

    def expect(self, effect):
        """An effect is due."""
        if self.judged:
            self.due.append(effect)
            if self.come:
                self.settle()

    def arrive(self, record):
        """An accepted record has come."""
        if not self.judged or self.machine.derailed is not None:
            return
        due = self.due
        if due and not self.come:
            effect = due[0]
            if effect == record[:4]:
                due.popleft()
                self._meet(record)
                return
        self.come.append(record)
        self.settle()

    def settle(self):
        """Lets both sides meet as far as they can."""
        due, come = self.due, self.come
        while due and come:
            effect, record = due[0], come[0]
            if record[3] is None:  # torn, as was told: it counts for what is due
                self._meet(due.popleft() + (come.popleft()[4],))
            elif effect == record[:4]:
                due.popleft()
                come.popleft()
                self._meet(record)
            elif record[0] < effect[0]:
                self._invented(come.popleft())
            elif record[0] > effect[0]:
                self._lost(due.popleft(), record[4])
            else:
                self._differ(effect, record)

    def passed(self, next_offset):
        """The machine has applied its input before `next_offset`: what came for it and is not due is invented."""
        while self.come and not self.due and self.come[0][0] < next_offset:
            self._invented(self.come.popleft())

    def missing(self, next_offset, where):
        """What of the input before `next_offset` must have come and has not."""
        while self.due and self.due[0][0] < next_offset:
            self._lost(self.due.popleft(), None, where)

    def give_up(self):
        """Nothing of it can be judged any more."""
        self.judged = False
        self.due.clear()
        self.come.clear()

    def describe(self, effect):
        """An effect in words."""
        return f"{effect[2]} of {effect[1]!r} by {self._cause(effect[0])}"

    def _meet(self, record):
        if record[0] == self.met_cause:
            self.met.append(record[1:4])
        else:
            self.met_cause, self.met = record[0], [record[1:4]]

    def _place(self, offset):
        return self.topic, self.partition, offset

    def _cause(self, cause):
        return f"{self.machine.name} for {self.machine.topic}/{self.machine.partition}@{cause}"

    def _invented(self, record):
        cause, key, kind, fields, offset = record
        twice = cause == self.met_cause and (key, kind, fields) in self.met
        code = "CAUSE_TWICE" if twice else "INVENTED"
        what = "stands under a number before" if twice else "did not cause it"
        self._add(cause, code, offset, f"{kind} of {key!r}: {self._cause(cause)} {what}")

    def _lost(self, effect, offset, where="the next record there is of a later cause"):
        cause, key, kind, fields = effect
        what = f"{self.describe(effect)} must be there: {self._show(kind, fields)}; {where}"
        self._add(cause, "LOST", offset, what)

    def _differ(self, effect, record):
        """Equal causes, other content."""
        cause = effect[0]
        for at, later in enumerate(self.due):
            if at and later[0] == cause and later == record[:4]:
                self._lost(self.due.popleft(), record[4], "the effect behind it has come")
                return
        if record[1:4] in self.met and self.met_cause == cause:
            self._invented(self.come.popleft())
            return
        self.due.popleft()
        self.come.popleft()
        self._meet((cause,) + effect[1:])
        _, key, kind, fields = effect
        if kind != record[2]:
            self._add(cause, "LOST", record[4], f"{self.describe(effect)} must be there, not a {record[2]}")
        elif key != record[1]:
            self._add(cause, "PARTITION", record[4], f"the key must be {key!r}, not {record[1]!r}")
        else:
            self._name_fields(kind, fields, record, cause)

    def _name_fields(self, kind, due, record, cause):
        names = self.rules.schemas[kind].fields
        wrong = [n for n, name in enumerate(names) if due[n] != record[3][n]]
        words = ", ".join(f"{names[n]} must be {show(due[n])}, not {show(record[3][n])}" for n in wrong)
        code = self._code(kind, {names[n] for n in wrong}, due, record[3])
        self._add(cause, code, record[4], f"{kind} of {record[1]!r} by {self._cause(cause)}: {words}")

    @staticmethod
    def _code(kind, wrong, due, come):
        if kind == "JournalEntry" and wrong == {"postings"}:
            return _posting_code(due[-1], come[-1])
        if wrong & {"held"} and not wrong & {"event", "status"}:
            return "HOLD"
        if kind == "OrderEvent" and wrong == {"fill"} and due[-1] and come[-1] and due[-1][:-1] == come[-1][:-1]:
            return "FEE"
        if wrong <= _MONEY:
            return "FEE"
        return _CODES.get(kind, "EVENT")

    def _show(self, kind, fields):
        names = self.rules.schemas[kind].fields
        shown = ", ".join(f"{name} {show(value)}" for name, value in zip(names, fields) if value is not None)
        return shown[:400]

    def _add(self, cause, code, offset, what):
        self.machine.find(cause, code, self._place(offset), what)


def _posting_code(due, come):
    sums = {}
    for _, asset, amount, _ in come:
        sums[asset] = sums.get(asset, 0) + amount
    if any(sums.values()):
        return "UNBALANCED"
    return "BALANCE" if [line[:3] for line in due] == [line[:3] for line in come] else "JOURNAL"


def show(value):
    """A field's value for people; decimals cannot be told from other whole numbers and stay counts of 10^-10."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
