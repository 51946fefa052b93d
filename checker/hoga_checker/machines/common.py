"""What the machines share: what an input is, what an effect is, and numbers.

Amounts, prices and quantities are whole counts of 10^-10 everywhere; a product of two is divided by `ONE`, which
goes without a rest because tick x lot is a whole number of minor units.
"""

import re

ONE = 10**10
MAX_DECIMAL = 10**38 - 1
#: What hoga keeps prices, quantities and amounts in: 64-bit counts of ticks, lots and minor units.
MAX_COUNT = 2**63 - 1
#: The last millisecond of the year 9999.
MAX_TIME = 253_402_300_799_999
DAY_MS = 86_400_000

ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,36}\Z").match
SYMBOL = re.compile(r"[A-Z0-9._/-]{1,24}\Z").match
ASSET = re.compile(r"[A-Z0-9.]{1,12}\Z").match
CLIENT_ID = re.compile(r"[!-~]{1,36}\Z").match


class Impossible(Exception):
    """An input that the machine must have stopped at; the text says what is wrong."""


class _Any:
    """Equals everything: stands for words, which the rules do not give."""

    def __eq__(self, other):
        return other is not None

    def __hash__(self):
        return 0

    def __repr__(self):
        return "(words)"

    def __reduce__(self):
        return "WORDS"


WORDS = _Any()


def dead_letter(topic, partition, offset, key, value):
    """The dead letter of a record, as an effect."""
    fields = (topic, partition, offset, WORDS, key[:256], (value or b"")[:4096])
    return ("dead-letters", "key", f"{topic}/{partition}", "DeadLetter", fields)


def notional(price, quantity):
    """Price x quantity in quote."""
    return price * quantity // ONE


class Instrument:
    """A listing with the minor units of its assets."""

    __slots__ = (
        "symbol", "base", "quote", "tick", "lot", "min_notional", "min_price", "max_price", "schedule", "offset_min",
        "base_unit", "quote_unit",
    )  # fmt: skip

    def __init__(self, listing, digits):
        (
            _, self.symbol, self.base, self.quote, self.tick, self.lot, self.min_notional, self.min_price,
            self.max_price, self.schedule, self.offset_min,
        ) = listing  # fmt: skip
        self.base_unit, self.quote_unit = 10 ** (10 - digits[self.base]), 10 ** (10 - digits[self.quote])

    def unit(self, side):
        """The minor unit that an order of that side pays with."""
        return self.quote_unit if side == "BUY" else self.base_unit

    def pays(self, side):
        """The asset that an order of that side pays with."""
        return self.quote if side == "BUY" else self.base

    def day(self, time):
        """The day of its zone."""
        return (time + self.offset_min * 60_000) // DAY_MS

    def day_end(self, day):
        """The first moment after that day of its zone."""
        return (day + 1) * DAY_MS - self.offset_min * 60_000

    def __getstate__(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state):
        for name, value in zip(self.__slots__, state):
            setattr(self, name, value)


def charge(exact, unit):
    """A fee: the exact sum of notional x ppm, rounded up once to the minor unit (decision 0011)."""
    return -(-exact // (1_000_000 * unit)) * unit
