"""What the acceptance scripts share: the command on one log, brokers, the recorded flow, and the table of figures.

Deadlines stand in these scripts and not in tests: they say something about a machine, tests about the program.
"""

import argparse
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("HOGA_TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
MBO = DATA / "es_2023-12-25_mbo.csv"
LOBSTER = DATA / "amzn_2021-04-12_lobster_messages.csv"
WORKLOAD = DATA / "matching_workload.bin.zst"

# A whole set of faults as plans of `hoga chaos`: every fail point, 50 kills, 10 late wakers, 60 schedules of frames, a
# broker killed 5 times and paused 3 times. In stretches with topics of their own, because what a round costs grows
# with what they hold.
BROKER_FAULTS = "broker-kill=5,broker-pause=3,broker-restart=2,frames=10"
FAULTS = ("point=30", "kill=10,late=5,frames=25", BROKER_FAULTS, "kill=10,late=5,frames=25")
# Orders a second: what two cores can do beside the faults, the brokers and the checker.
FAULTS_RATE = 120

rows = []
failures = []


def figure(point, what, value, good=True):
    rows.append((point, what, str(value), "" if good else "FAILED"))
    print(f"{point:<10} {what:<52} {value}{'' if good else '   FAILED'}", flush=True)
    if not good:
        failures.append(f"{point}: {what}: {value}")


def end_in_order_when_asked():
    """Ctrl-C and SIGTERM interrupt, so that what was started is stopped; in the background of a script too, where
    Ctrl-C is ignored unless a program says otherwise."""
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)


class TookTooLong(RuntimeError):
    """A command was asked to end because its time was over."""


def run_in_order(command, seconds):
    """Runs what has children of its own, shows what it says as it says it, and gives its exit code and all that was
    said. One that takes longer, or whose wait is interrupted, is asked to end and waited for."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    late = threading.Timer(seconds, process.terminate)
    late.start()
    said = []
    try:
        for line in process.stdout:
            print("  " + line, end="", flush=True)
            said.append(line)
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        in_time = late.is_alive()
        late.cancel()
    if not in_time:
        raise TookTooLong(f"{' '.join(map(str, command[:2]))}: not done within {seconds:.0f} s")
    return code, "".join(said)


def chaos_command(binary, brokers, plan, folder, totals, *flags):
    """`hoga chaos` with this plan on these brokers, its data in this folder, its totals added to this file."""
    command = [binary, "chaos", "--plan", plan, "--kafka", brokers.addresses, "--brokers-dir", brokers.folder]
    return [*command, "--scripts", ROOT / "scripts", "--data-dir", folder, "--totals", totals, *flags]


def percentiles(milliseconds):
    """P50, P99 (nearest rank) and the most, in seconds."""
    ordered = sorted(milliseconds)
    rank = lambda percent: ordered[max(0, -(-len(ordered) * percent // 100) - 1)] / 1_000
    return rank(50), rank(99), ordered[-1] / 1_000


def table():
    """All figures, as Markdown."""
    print("\n| point | figure | value |\n| --- | --- | --- |")
    for point, what, value, failed in rows:
        print(f"| {point} | {what} | {value}{failed and ' ' + failed} |")


def run_points(points, flags, **options):
    """Runs the points that the command line names, or all: each is a function of what it is given, see Given."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(points))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="keep the data folders")
    for name, (default, help) in options.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{help} (default {default})")
    asked = parser.parse_args()
    if not MBO.exists():
        sys.exit(f"{DATA}: the recorded flow is not there; set HOGA_TEST_DATA")
    end_in_order_when_asked()
    given = Given(build(*flags), pathlib.Path(tempfile.mkdtemp(prefix="hoga-accept-")), asked)
    print(f"seed {asked.seed}")
    for name in asked.only or points:
        try:
            points[name](given)
        except (RuntimeError, subprocess.SubprocessError, OSError) as error:
            figure(name, "went wrong", error, good=False)
    if asked.keep or failures:
        print(f"data folders: {given.work}")
    else:
        shutil.rmtree(given.work)
    table()
    return 1 if failures else 0


class Given:
    """What a point is given: the command, a folder for its data, the options, the seed's chance."""

    def __init__(self, binary, work, options):
        self.binary, self.work, self.options = binary, work, options
        self.chance = random.Random(options.seed)

    def embedded(self, name):
        """The command on a data folder of this name."""
        return Hoga(self.binary, self.work / name)


class Hoga:
    """The command on one log: a data folder, or topics on a Kafka with the folder beside them."""

    def __init__(self, binary, folder, kafka=None, prefix=""):
        self.binary, self.folder, self.prefix = binary, folder, prefix
        self.flags = ["--data-dir", str(folder)]
        if kafka:
            self.flags += ["--kafka", kafka, "--topic-prefix", prefix]
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("HOGA_")}

    def start(self, *args, **options):
        command = [self.binary, *map(str, args), *self.flags]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=self.env, text=True, **(pipes | options))

    def run(self, *args, deadline):
        """Its output and how long it took; an error or a missed deadline ends the run of this script's point."""
        began = time.monotonic()
        process = self.start(*args)
        try:
            out, err = process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise RuntimeError(f"hoga {' '.join(map(str, args))}: not done within {deadline} s\n{out}{err}") from None
        if process.returncode != 0:
            raise RuntimeError(f"hoga {' '.join(map(str, args))}: exit code {process.returncode}\n{out}{err}")
        return out, time.monotonic() - began

    def hashes(self):
        """What two runs are compared by. How settlement interleaves with later commands may differ, and so may the
        order of journal entries and order events; what was traded and what everybody has in the end may not."""
        out, _ = self.run("hash", "executions", "--balances", deadline=60)
        return out


class Brokers:
    """A Kafka of its own for one point, with flags of scripts/kafka; stopped at the end."""

    def __init__(self, folder, count, *flags):
        self.folder, self.count, self.flags = folder, count, flags

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for node in range(1, self.count + 1):
            self.signal(node, signal.SIGCONT)
        subprocess.run([ROOT / "scripts/kafka", "stop", "--dir", self.folder], check=True)

    def start(self):
        """Starts those that do not run, and waits until they take requests."""
        command = [ROOT / "scripts/kafka", "start", "--dir", self.folder, "--port", "free"]
        command += ["--brokers", str(self.count), *self.flags]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        self.addresses = ran.stdout.strip().split("=", 1)[1]

    def signal(self, node, number):
        """Sends a signal to a broker, if it runs."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(int((self.folder / str(node) / "pid").read_text()), number)


def demo(point, hoga, seconds_at_most, deadline=60):
    """Runs the demo twice: the second time it goes on from what the first left."""
    out, seconds = hoga.run("demo", deadline=deadline)
    what = f"200,000 orders, whole command, s (at most {seconds_at_most})"
    figure(point, what, f"{seconds:.1f}", seconds <= seconds_at_most)
    for line in out.splitlines():
        found = re.match(r"(orders|fills|orders/s|memory|order → execution [^:]*)[: ]\s*(.*)", line)
        if found:
            figure(point, found[1], found[2].strip())
    figure(point, "all checks of the demo", "passed", "all checks passed" in out)
    out, seconds = hoga.run("demo", deadline=deadline)
    figure(point, "second run goes on, s", f"{seconds:.1f}", out.startswith("going on from"))


def mbo(point, hoga, deadline=120):
    """Plays the CME file and checks its fills against the exchange's own."""
    out, seconds = hoga.run("feed", MBO, "--check-fills", deadline=deadline)
    share = float(out.strip().splitlines()[-1].split()[0])
    figure(point, "feed with its checks, s", f"{seconds:.1f}")
    figure(point, "equal fills, % (at least 99.3)", share, share >= 99.3)
    figure(point, "invented", re.search(r"invented +(\d+)", out)[1], re.search(r"invented +0\b", out) is not None)
    figure(point, "executions of the naive book", "the same", "makes the same trades" in out)
    audit(point, hoga)


def lobster(point, hoga, deadline=120):
    """Plays the AMZN file."""
    out, seconds = hoga.run("feed", LOBSTER, "--check-fills", deadline=deadline)
    figure(point, "feed, s", f"{seconds:.1f}")
    figure(point, "trades and volume", re.search(r"trades +(.*)", out)[1])
    figure(point, "executions of the naive book", "the same", "makes the same trades" in out)
    audit(point, hoga)


def workload(point, hoga, deadline=300):
    """Plays the first 200,000 commands of the matching workload."""
    out, seconds = hoga.run("feed", WORKLOAD, "--limit", 200_000, "--check-fills", deadline=deadline)
    found = re.search(r"trades +(.*)", out)[1]
    figure(point, "feed, s", f"{seconds:.1f}")
    figure(point, "trades (8,239) and volume (73,499)", found, found.startswith("8239, volume 73499"))
    audit(point, hoga)


def audit(point, hoga):
    """Replay hash = live hash, held = the holds of open orders (both by hash --state), the ledger sums to zero, and what
    was written is what its input gives."""
    out, _ = hoga.run("hash", "--state", deadline=300)
    figure(point, "replay hash = live hash, held = open holds", out.strip().splitlines()[-1].split()[-1])
    hoga.run("balances", deadline=60)
    figure(point, "ledger sums to zero", "yes")
    out, _ = hoga.run("reconcile", deadline=300)
    figure(point, "hoga reconcile", "all equal", out.endswith("all equal\n"))


def kill(point, fresh, expected, seconds, rounds, chance):
    """Kills feeds at a random moment of their time; run again, they must come to what was expected."""
    equal = 0
    for _ in range(rounds):
        while not killed_midway(hoga := fresh(), chance.uniform(0.02, seconds)):
            shutil.rmtree(hoga.folder, ignore_errors=True)
        hoga.run("feed", MBO, deadline=120)
        equal += hoga.hashes() == expected
        shutil.rmtree(hoga.folder, ignore_errors=True)
    figure(point, f"of {rounds} kill -9 in the feed, equal after resuming", equal, equal == rounds)


def killed_midway(hoga, after):
    """Whether a feed was still at work when it was killed."""
    process = hoga.start("feed", MBO)
    time.sleep(after)
    at_work = process.poll() is None
    process.kill()
    process.communicate()
    return at_work


def build(*flags):
    """The command, built; flags are cargo's."""
    began = time.monotonic()
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "hoga", *flags], cwd=ROOT, check=True)
    figure("build", " ".join(["cargo build --release -p hoga", *flags]) + ", s", f"{time.monotonic() - began:.0f}")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str((ROOT / target / "release" / "hoga").resolve())
