"""The machines, computed from docs/machines.md and the decision records: what each input must cause."""

from .admission import Admission
from .book import Matching
from .candles import Candles
from .control import Control
from .holds import Holds


def make(machine, partition, settings):
    """The machine of that name for one partition of its input."""
    match machine:
        case "admission":
            return Admission(partition)
        case "control":
            return Control(partition)
        case "holds":
            return Holds(partition, settings)
        case "matching":
            return Matching(partition, settings)
        case "candles":
            return Candles("EXECUTIONS", settings)
        case "tick-candles":
            return Candles("TICKS", settings)
    raise ValueError(f"the checker does not know the machine {machine}")
