"""The topic owners: which claims are valid, and what marks say (docs/decisions/0004, 0005, 0017).

1. A claim is valid only if it replaces the newest valid one; its offset is its epoch.
2. A mark counts only if its epoch was the newest when it was appended.
3. Where the beginning of owners is cut, claims from before it are taken as they are named: by claims that replace them,
   by marks, by copies.
"""

from .channels import KEPT


class Owners:
    """What is known of every machine's ownership."""

    def __init__(self, rules):
        self.rules = rules
        #: Of each (machine, partition) the newest epoch.
        self.newest = {}
        #: Valid claims by epoch: (machine, partition, replaces, process).
        self.claims = {}
        #: The newest mark that counts, and where it stands.
        self.marks = {}
        #: Where owners begins.
        self.start = 0

    def take(self, offset, kind, fields):
        """A record of owners."""
        if kind == "Claim":
            machine, partition, replaces, _, process = fields
            cut = replaces is not None and replaces < self.start
            if cut or self.newest.get((machine, partition)) == replaces:
                self.newest[machine, partition] = offset
                self.claims[offset] = (machine, partition, replaces, process)
        elif kind == "Mark":
            machine, partition, epoch, next_offset, outputs = fields
            before = self.marks.get((machine, partition))
            if epoch < self.start and self.newest.get((machine, partition), 0) < epoch:
                self.newest[machine, partition] = epoch
            if self.newest.get((machine, partition)) == epoch and (before is None or before[1] <= next_offset):
                self.marks[machine, partition] = (offset, next_offset, outputs)

    def marked(self, machine, partition):
        """All effects of the input before this offset are delivered."""
        mark = self.marks.get((machine, partition))
        return mark[1] if mark else 0

    def check_claims(self, partition, read_to):
        """Compares copied claims of a partition with those in owners, as far as that was read."""
        waiting = []
        for offset, (machine, number, replaces, epoch, process) in partition.claims:
            if epoch >= read_to:
                waiting.append((offset, (machine, number, replaces, epoch, process)))
            elif epoch >= self.start and not self._is_copy(epoch, machine, number, replaces, process):
                what = f"owners must hold a valid claim of {machine}/{number} by {process!r} at offset {epoch}"
                self.rules.findings.add("CLAIM", (partition.topic, partition.number, offset), what)
        partition.claims = waiting

    def _is_copy(self, epoch, machine, number, replaces, process):
        claim = self.claims.get(epoch)
        # Copies leave out what was replaced: their readers need the epoch alone.
        return claim is not None and claim[:2] + claim[3:] == (machine, number, process) and replaces in (None, claim[2])

    def check_marks(self, partitions, is_judged):
        """Compares the newest marks with what the outputs hold; `is_judged(machine, number, topic, output)`."""
        for (machine, number), (offset, _, outputs) in self.marks.items():
            for topic, output, count, at, value in outputs:
                partition = partitions[topic, output]
                channel = partition.channels.get((machine, number))
                wrong = _compare(channel, count, at, value)
                if wrong and is_judged(machine, number, topic, output):
                    place = ("owners", 0, offset)
                    self.rules.findings.add("MARK", place, f"of {machine}/{number} about {topic}/{output}: {wrong}")


def _compare(channel, count, at, value):
    if channel is None:
        return "no claim of it is there"
    if count == 0:
        return None
    if count > channel.number:
        return f"number {count} is said to be delivered, {channel.number} is the last there"
    if not channel.knows(count):
        return None
    slot = count % KEPT
    if channel.hashes[slot] != value:
        return f"the hash at number {count} must be {channel.hashes[slot]:016x}, not {value:016x}"
    if channel.offsets[slot] != at and at > channel.offsets[slot] >= 0:
        return None  # a later copy of the same record is what its owner knows of
    if channel.offsets[slot] != at:
        return f"number {count} stands at offset {channel.offsets[slot]}, not {at}"
    return None
