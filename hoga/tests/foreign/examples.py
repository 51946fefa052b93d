"""The examples of docs/kafka.md, run as they stand there, with this test's addresses in place of the page's."""

import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "kafka.md"
BLOCK = re.compile(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", re.S)
KAFKA, REGISTRY = "127.0.0.1:9092", "127.0.0.1:8081"
PATIENCE_S = 120


class Examples:
    """Every block of the page that has a name."""

    def __init__(self, brokers, registry, folder):
        self.folder = folder
        self.blocks = {}
        for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            self.blocks[name] = text.replace(KAFKA, brokers).replace(REGISTRY, registry)
        self.unused = set(self.blocks)

    def python(self, name, *args):
        """What a Python program prints."""
        program = self.folder / name
        program.write_text(self.block(name))
        return self.run([sys.executable, str(program), *args])

    def shell(self, name):
        """What a block of commands prints."""
        return self.run(["bash", "-euo", "pipefail", "-c", self.block(name)])

    def block(self, name):
        self.unused.discard(name)
        return self.blocks[name]

    @staticmethod
    def run(command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr}")
        return done.stdout
