"""What docs/topics.md says: topics, schema ids, who may write what without an origin, and the machines.

1. The page is the rule: an id, a writer or a machine that it does not name does not exist.
2. A page that cannot be understood is an error, never an empty rule.
"""

import re
from pathlib import Path


class Topic:
    """One topic: the records that may stand in it, and those that may without an origin."""

    def __init__(self, name):
        self.name = name
        self.records, self.unsequenced = set(), set()


class Catalogue:
    """The page, read."""

    def __init__(self, page):
        text = Path(page).read_text()
        self.topics, self.kinds, self.inputs, self.outputs, self.timed = {}, {}, {}, {}, set()
        for name, section in re.findall(r"^### (\S+)\n(.*?)(?=^##)", text, re.M | re.S):
            self._topic(name, section)
        machines = text.split("\n## Machines\n")[1]
        for row in _rows(machines):
            machine, read, written, time = row
            self.inputs[machine] = read
            self.outputs[machine] = tuple(written.split(", "))
            if time == "clock records":
                self.timed.add(machine)
        if len(self.topics) < 13 or len(self.kinds) < 28 or len(self.inputs) < 6:
            raise ValueError(f"{page} lists {len(self.topics)} topics and {len(self.kinds)} records: it has changed")
        self.reader = {topic: machine for machine, topic in self.inputs.items()}

    def _topic(self, name, section):
        topic = self.topics[name] = Topic(name)
        for record, number, writer in _rows(section):
            kind = re.match(r"\[(\w+)\]", record).group(1)
            self.kinds[int(number)] = kind
            topic.records.add(kind)
            if writer != "nobody" and "copy" not in record:
                topic.unsequenced.add(kind)

    def clock_output(self, machine):
        """Where a recorded log's clock goes on to: the topic that the next machine reads (docs/decisions/0002)."""
        return {"admission": "accounts", "holds": "books", "matching": "executions"}.get(machine)


def _rows(section):
    """The cells of a table's rows, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
