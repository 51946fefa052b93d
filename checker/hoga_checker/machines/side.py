"""One side of a book: price levels, best first, each a queue of resting orders."""

from bisect import bisect_left, insort
from collections import OrderedDict


class Resting:
    """An order in the book, or on its way through it."""

    __slots__ = (
        "number", "account", "side", "price", "open", "filled", "fee_exact", "charged", "maker_ppm", "taker_ppm", "smp",
        "post_only", "day", "priority",
    )  # fmt: skip

    def __getstate__(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state):
        for name, value in zip(self.__slots__, state):
            setattr(self, name, value)

    def reaches(self, price):
        """Whether its limit lets it trade at `price`; without a limit any."""
        if self.price is None:
            return True
        return price <= self.price if self.side == "BUY" else price >= self.price


class Level:
    """What rests at a price: the queue and the sum of what is open."""

    __slots__ = ("queue", "total")

    def __init__(self):
        self.queue, self.total = OrderedDict(), 0

    def __getstate__(self):
        return self.queue, self.total

    def __setstate__(self, state):
        self.queue, self.total = state


class Side:
    """`ranks` are the prices in order, the worst first, so that the best is taken off the end."""

    def __init__(self, sign):
        #: 1 where the highest price is the best (bids), else -1.
        self.sign = sign
        self.ranks, self.levels = [], {}

    def best_price(self):
        """The best price, or None."""
        return self.ranks[-1] * self.sign if self.ranks else None

    def best(self):
        """The order that trades first, or None."""
        if not self.ranks:
            return None
        queue = self.levels[self.ranks[-1] * self.sign].queue
        return queue[next(iter(queue))]

    def add(self, order):
        """Puts it at the end of its price's queue."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = Level()
            insort(self.ranks, order.price * self.sign)
        level.queue[order.number] = order
        level.total += order.open

    def lessen(self, order, by):
        """Takes so much off an order that keeps its place; what has nothing open leaves."""
        level = self.levels[order.price]
        order.open -= by
        level.total -= by
        if order.open == 0:
            self._leave(level, order)

    def remove(self, order):
        """Takes it out; its `open` stays as it was."""
        level = self.levels[order.price]
        level.total -= order.open
        self._leave(level, order)

    def _leave(self, level, order):
        del level.queue[order.number]
        if not level.queue:
            del self.levels[order.price]
            del self.ranks[bisect_left(self.ranks, order.price * self.sign)]

    def prices(self):
        """All prices, the best first."""
        return [rank * self.sign for rank in reversed(self.ranks)]

    def orders(self):
        """All orders, first to trade first."""
        return [order for price in self.prices() for order in self.levels[price].queue.values()]
