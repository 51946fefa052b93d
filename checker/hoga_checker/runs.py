"""One partition of one machine: its time, its input, and the lanes that its effects must come out of.

1. Time is that of decision 0003: never back, at most 5 s past the last clock that counted.
2. A recorded log's clock goes on to the partition of the same number before the other effects (decision 0002).
3. After an input at which hoga must have stopped, or that is not known, nothing of the machine is judged any more.
"""

from . import machines
from .lanes import Lane
from .machines.common import Impossible

_AHEAD_MS, _TOLERANCE_MS, _CLOCK_MS = 5_000, 1_000, 1_000
_MOST_FINDINGS = 1_000


class Run:
    """A machine that runs along with hoga's."""

    def __init__(self, rules, name, partition):
        self.rules, self.name, self.partition = rules, name, partition
        self.topic = rules.catalogue.inputs[name]
        self.machine = machines.make(name, partition, rules.settings)
        self.lanes = {}
        for topic in rules.catalogue.outputs[name]:
            for number in range(rules.partitions[topic]):
                self.lanes[topic, number] = Lane(rules, self, topic, number)
        self.timed = name in rules.catalogue.timed
        self.now = self.last_clock = 0
        self.passed_on = None
        self.next_offset = 0
        #: Why it is no longer judged.
        self.derailed = None
        #: What was found in this round: (cause, code, place, what).
        self.findings = []

    def apply(self, offset, append_time, key, value, kind, fields):
        """An accepted record of its input."""
        self.next_offset = offset + 1
        if self.derailed is not None:
            return
        time = self._time(append_time, kind, fields) if self.timed else append_time
        effects = []
        try:
            self.machine.apply((offset, time, append_time, key, value, kind, fields), effects)
        except Impossible as why:
            place = (self.topic, self.partition, offset)
            self.find(offset, "IMPOSSIBLE", place, f"{self.name} must stop at this {kind}: {why}")
            self.derail(f"{self.name}/{self.partition} behind its input offset {offset}", offset + 1)
            return
        if kind == "Clock" and not self.rules.wall:
            self._pass_on(offset, time)
        lanes, partitions = self.lanes, self.rules.partitions
        for topic, route, effect_key, effect_kind, effect_fields in effects:
            effect = (offset, effect_key, effect_kind, effect_fields)
            if route == "key":
                lanes[topic, self.rules.partition_of(topic, effect_key)].expect(effect)
            else:
                for number in range(partitions[topic]):
                    lanes[topic, number].expect(effect)

    def _time(self, append_time, kind, fields):
        if kind == "Clock" and abs(fields[0] - append_time) <= _TOLERANCE_MS:
            self.last_clock = max(self.last_clock, fields[0])
        self.now = max(self.now, min(append_time, self.last_clock + _AHEAD_MS))
        return self.now

    def _pass_on(self, offset, time):
        topic = self.rules.catalogue.clock_output(self.name)
        lane = self.lanes.get((topic, self.partition))
        if lane is not None and (self.passed_on is None or time >= self.passed_on + _CLOCK_MS):
            self.passed_on = time
            lane.expect((offset, "", "Clock", (time,)))

    def find(self, cause, code, place, what):
        """A finding about this machine's input at `cause`: told at the end of the round, see `derail`."""
        if self.derailed is not None:
            return
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append((cause, code, place, what))
        else:
            self.rules.not_covered(f"{self.name}/{self.partition}: more findings than {_MOST_FINDINGS} in a round")

    def tell(self):
        """Tells what was found."""
        for _, code, place, what in self.findings:
            self.rules.findings.add(code, place, what)
        self.findings.clear()

    def derail(self, why, since):
        """Judges nothing of it from input offset `since` on: what was found there follows from what is missing."""
        if self.derailed is None:
            self.derailed = why
            self.rules.not_covered(f"what {why} did")
        self.findings = [finding for finding in self.findings if finding[0] < since]
        for lane in self.lanes.values():
            lane.due.clear()
            lane.come.clear()
