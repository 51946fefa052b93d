"""hoga among clients that nobody here wrote: scripts/foreign-clients runs it.

    main.py --hoga HOGA --kafka HOST:PORT --tool COMMAND

HOGA has the feature kafka, the Kafka has no topics yet, COMMAND runs a class of Kafka's own tools. The services of
docker-compose.yml run as processes; foreigners post what trades and what is nonsense, and read with schemas from the
registry (scenario.py). Then everything is stopped and read again by everybody (audit.py).
"""

import argparse
import pathlib
import signal
import sys
import tempfile

from audit import Audit
import checks
from checks import check
from scenario import Scenario


def run(options, folder):
    scenario = Scenario(options, folder)
    try:
        for step in [
            scenario.start,
            scenario.open_market,
            scenario.deposits_of_python,
            # The book is empty: these two trade with each other.
            scenario.orders_of_python,
            scenario.orders_while_processes_change,
            scenario.ticks_of_python,
            scenario.nonsense,
            scenario.orders_of_confluent,
            scenario.forgeries,
            scenario.what_a_process_serves,
            scenario.end,
        ]:
            print(step.__name__.replace("_", " "), flush=True)
            step()
        for name in ("keys.sh", "first.sh"):
            check(f"docs/kafka.md: {name}", bool(scenario.examples.shell(name).strip()))
        check("every example of docs/kafka.md was run", scenario.examples.unused, set())
        print("reading everything again", flush=True)
        Audit(scenario).run()
    except Exception:
        scenario.session.tell()
        raise
    finally:
        scenario.session.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hoga", required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--tool", required=True)
    # Told to end, it takes its processes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="hoga-foreign-") as folder:
        run(parser.parse_args(), pathlib.Path(folder))
    if checks.failed:
        sys.exit(f"{len(checks.failed)} checks failed: {'; '.join(checks.failed)}")
    print("foreign clients: all checks passed")


if __name__ == "__main__":
    main()
