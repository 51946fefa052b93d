"""hoga at work on a Kafka: the services of docker-compose.yml as processes, and its other commands.

A service keeps its command line, its settings and its healthcheck; only addresses are this test's, and its data folder.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

from compose_spec import PyOptions

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "schemas" / "tests"))
from foreign import as_shown  # noqa: E402

# Against hanging; nothing takes as long.
PATIENCE_S = 120


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def shown_by_hoga(schema, record):
    """A record's fields in the form of hoga's JSON."""
    return as_shown(schema, record.kind, record.fields, {})


class Service:
    """A running service of the compose file."""

    def __init__(self, name, process, spec, address, said):
        self.name, self.process, self.spec, self.address, self.said = name, process, spec, address, said
        self.wanted = True

    def check(self):
        """It runs as long as it is wanted."""
        if self.wanted and self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with exit code {self.process.returncode}")

    def healthy(self):
        port = re.compile(r"(?<=/dev/tcp/127\.0\.0\.1/)\d+")
        test = [port.sub(self.address.rpartition(":")[2], part) for part in self.spec["healthcheck"]["test"][1:]]
        return subprocess.run(test, capture_output=True).returncode == 0

    def kill(self):
        """No chance to hand anything over."""
        self.wanted = False
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self):
        """Its exit code after SIGTERM."""
        self.wanted = False
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


class Session:
    """hoga on a Kafka, its data in a folder of its own."""

    def __init__(self, hoga, brokers, folder):
        self.hoga, self.brokers, self.folder = hoga, brokers, folder
        compose = PyOptions(apply_merge=True).from_yaml((ROOT / "docker-compose.yml").read_text())
        self.specs = compose.to_dict()["services"]
        self.services = []
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("HOGA_")}

    def command(self, spec):
        """A service's settings and its address, if it has one."""
        settings, address = {"HOGA_DATA_DIR": str(self.folder / "data")}, None
        for key, value in spec["environment"].items():
            settings[key] = str(value)
        if "HOGA_KAFKA" in settings:
            settings["HOGA_KAFKA"] = self.brokers
        if "HOGA_HTTP" in settings:
            settings["HOGA_HTTP"] = address = f"127.0.0.1:{free_port()}"
        return [self.hoga, *spec["command"]], self.env | settings, address

    def run_service(self, name):
        """One that ends: its exit code."""
        command, env, _ = self.command(self.specs[name])
        return subprocess.run(command, env=env, timeout=PATIENCE_S, stdout=subprocess.DEVNULL).returncode

    def start_service(self, name):
        """One that stays, once it is healthy."""
        spec = self.specs[name]
        command, env, address = self.command(spec)
        said = self.folder / f"{name}-{len(self.services)}.log"
        with said.open("wb") as out:
            process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
        service = Service(name, process, spec, address, said)
        self.services.append(service)
        self.until(f"{name} is healthy", service.healthy)
        return service

    def until(self, what, check):
        """Waits until `check` gives something; that. Ends at once when a service has."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := check():
                return found
            for service in self.services:
                service.check()
            time.sleep(0.1)
        raise RuntimeError(f"not within {PATIENCE_S} s: {what}")

    def tell(self):
        """What the services said last, for whoever looks for what went wrong."""
        for service in self.services:
            print(f"--- {service.name}, {service.address}:", flush=True)
            print("".join(service.said.read_text(errors="replace").splitlines(keepends=True)[-20:]), flush=True)

    def run(self, line, text=None):
        """A command's output; RuntimeError if it does not end well."""
        how = {"input": text, "capture_output": True, "text": True, "timeout": PATIENCE_S}
        done = subprocess.run([self.hoga, *line.split()], env=self.settings, **how)
        if done.returncode != 0:
            raise RuntimeError(f"hoga {line}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def begin(self, line):
        """A command whose input comes while it runs."""
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
        return subprocess.Popen([self.hoga, *line.split()], env=self.settings, **how)

    @property
    def settings(self):
        """Those of a command beside the services."""
        return self.env | {"HOGA_KAFKA": self.brokers, "HOGA_DATA_DIR": str(self.folder / "data")}

    def tail(self, what):
        """The lines of `hoga tail`."""
        return [json.loads(line) for line in self.run(f"tail {what}").splitlines()]

    def bounds(self, topic):
        """Start and end of each partition, as the log has them."""
        rows = re.findall(r"^ +(\d+) +(\d+) +(\d+) +\d+$", self.run(f"topics {topic}"), re.M)
        return {int(partition): (int(start), int(end)) for partition, start, end in rows}

    def end(self):
        """Nothing is left behind, however the test ended."""
        for service in self.services:
            if service.process.poll() is None:
                service.process.kill()
                service.process.wait()
