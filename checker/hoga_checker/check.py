"""The whole check: what is read goes through acceptance, machines and lanes; what is left open is judged at a round's end.

1. Records of a partition come in order; in which order partitions come makes no difference.
2. Its state can be stored and goes on later; nothing is read twice.
"""

from .channels import KEPT, Partition
from .owners import Owners
from .runs import Run
from .sent import Sent


class Check:
    """Everything that is known of one log."""

    def __init__(self, rules):
        self.rules = rules
        self.partitions = {
            (topic, number): Partition(rules, topic, number)
            for topic in rules.catalogue.topics
            for number in range(rules.partitions[topic])
        }
        self.runs = {
            (machine, number): Run(rules, machine, number)
            for machine, topic in rules.catalogue.inputs.items()
            for number in range(rules.partitions[topic])
        }
        self._readers = {(run.topic, run.partition): run for run in self.runs.values()}
        self.owners = Owners(rules)
        self.sent = Sent(rules)
        self.records = 0

    def take(self, topic, number, offset, time, key, value):
        """A raw record."""
        self.records += 1
        partition = self.partitions[topic, number]
        if partition.next_offset is None and offset > 0:
            self.begins_at(topic, number, offset)
        accepted = partition.accept(offset, time, key, value)
        if accepted is None:
            return
        kind, origin, fields = accepted
        if origin is not None:
            lane = self.runs[origin[0], origin[1]].lanes[topic, number]
            lane.arrive((origin[3], key.decode("utf-8", "replace"), kind, fields, offset))
        elif topic == "accounts" and kind != "Clock" and self.rules.partition_of(topic, fields[0]) != number:
            self.rules.findings.add("PARTITION", (topic, number, offset), f"account {fields[0]} belongs elsewhere")
        run = self._readers.get((topic, number))
        if run is not None:
            if fields is None and topic != "orders":
                run.derail(f"{run.name}/{run.partition} behind the torn offset {offset} of its input", offset)
            run.apply(offset, time, key, value, kind, fields)
        if topic == "owners":
            self.owners.take(offset, kind, fields)
        elif topic == "orders" or topic == "order-events":
            self.sent.see(topic, number, offset, kind, fields, value)

    def begins_at(self, topic, number, offset):
        """A partition was cut: what stood before this offset is not known, nor how much of what is due."""
        partition = self.partitions[topic, number]
        before = partition.next_offset or 0
        self.rules.not_covered(f"{topic}/{number} from offset {before} to {offset}: it was cut")
        partition.next_offset, partition.cut = offset, True
        if topic == "owners":
            self.owners.start = offset
        if topic == "orders":
            self.sent.orders_cut = True
        reader = self._readers.get((topic, number))
        if reader is not None:
            reader.derail(f"{reader.name}/{reader.partition}, whose input's beginning is cut,", before)
        for run in self.runs.values():
            if (topic, number) in run.lanes:
                run.lanes[topic, number].give_up()

    def backlog(self, topic, number):
        """Accepted records of a partition that wait for the machines' inputs to be read."""
        return sum(len(run.lanes[topic, number].come) for run in self.runs.values() if (topic, number) in run.lanes)

    def pending(self, topic, number):
        """Effects of a partition's reader that wait for their records to be read."""
        run = self._readers.get((topic, number))
        return sum(len(lane.due) for lane in run.lanes.values()) if run else 0

    def settle(self, drained):
        """Judges what can be judged now. `drained`: nothing writes and all machines have read their input."""
        owners_end = self.partitions["owners", 0].next_offset or 0
        for partition in self.partitions.values():
            self.owners.check_claims(partition, owners_end)
        self._lost_numbers(drained)
        for run in self.runs.values():
            self._settle_run(run, drained)
        self.owners.check_marks(self.partitions, lambda *channel: self.runs[channel[:2]].lanes[channel[2:]].judged)
        self.sent.settle(drained)
        if drained and not self.rules.uncovered:
            self._trial_balance()

    def _lost_numbers(self, drained):
        """Channels that wait for a number which will not come: one finding each, and what hangs on it is given up."""
        for (topic, number), partition in self.partitions.items():
            for (machine, source), channel in partition.channels.items():
                if not channel.ahead:
                    continue
                mark = self.owners.marks.get((machine, source))
                counts = {(t, p): count for t, p, count, _, _ in mark[2]} if mark else {}
                if drained or counts.get((topic, number), 0) > channel.number:
                    self._lost_number(partition, machine, source, channel)

    def _lost_number(self, partition, machine, source, channel):
        topic, number, missing = partition.topic, partition.number, channel.number + 1
        lane = self.runs[machine, source].lanes[topic, number]
        first = min(channel.ahead)
        due = f": {lane.describe(lane.due[0])}" if lane.due else ""
        if first == missing:
            code, what = "OUT_OF_ORDER", f"stands before its predecessor and must stand again behind it{due}"
        else:
            code, what = "LOST", f"must stand before number {first}{due}"
        place = (topic, number, channel.ahead[first])
        self.rules.findings.add(code, place, f"number {missing} of {machine}/{source} {what}")
        self.rules.not_covered(f"{topic}/{number} behind number {missing} of {machine}/{source}")
        channel.ahead.clear()
        lane.give_up()
        reader = self._readers.get((topic, number))
        if reader is not None:
            since = channel.offsets[channel.number % KEPT] + 1
            reader.derail(f"{reader.name}/{reader.partition} since offset {since} of its input", since)

    def _settle_run(self, run, drained):
        marked = self.owners.marked(run.name, run.partition)
        for lane in run.lanes.values():
            lane.passed(run.next_offset)
            lane.missing(run.next_offset if drained else marked, "nothing more has come" if drained else "a mark says so")
            if lane.come and drained:
                lane.passed(lane.come[-1][0] + 1)
            if lane.due or lane.come:
                self.rules.on_the_way += len(lane.due) + len(lane.come)
        run.tell()

    def _trial_balance(self):
        sums = {}
        for (name, _), run in self.runs.items():
            for asset, totals in run.machine.totals().items() if name == "holds" else ():
                sums[asset] = [a + b for a, b in zip(sums.get(asset, (0, 0, 0, 0)), totals)]
        for asset, (members, clearing, fees, external) in sums.items():
            if members + clearing + fees + external or clearing or fees < 0:
                what = f"members {members}, clearing {clearing}, fees {fees}, external {external}: must sum to 0, clearing be 0"
                self.rules.findings.add("TRIAL", asset, what)
