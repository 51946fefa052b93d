"""An order as holds sees it, and what it must hold (decisions 0011 and 0015)."""

from .common import MAX_COUNT, charge, notional

OPEN = ("PENDING", "NEW", "PARTIALLY_FILLED")


class Order:
    """`pending` are unanswered commands: (client id, AMEND | REDUCE | CANCEL, price, quantity)."""

    __slots__ = (
        "number", "account", "market", "client_id", "side", "type", "tif", "maker_ppm", "taker_ppm", "price",
        "quantity", "amount", "status", "filled", "filled_amount", "fee_exact", "charged", "held", "pending",
    )  # fmt: skip

    def __getstate__(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state):
        for name, value in zip(self.__slots__, state):
            setattr(self, name, value)

    def is_open(self):
        return self.status in OPEN

    def open_of(self, total):
        return max(total - self.filled, 0)

    def cancel_pending(self):
        return any(command[1] == "CANCEL" for command in self.pending)

    def amended(self):
        """(price, total) of each pending amend, the order's own where it names none."""
        own, total = self.price, self.quantity
        return [
            (own if price is None else price, total if quantity is None else quantity)
            for _, kind, price, quantity in self.pending
            if kind == "AMEND"
        ]

    def fee_for(self, value, ppm):
        """The fee of a fill of that notional."""
        return charge(self.fee_exact + value * ppm, self.market.quote_unit) - self.charged

    def need(self):
        """What it must hold; None beyond 64-bit counts."""
        if self.status not in OPEN:
            return 0
        if self.side == "SELL":
            total = self.quantity
            if self.pending:
                total = max([total] + [quantity for _, quantity in self.amended()])
            need = self.open_of(total)
            return need if need // self.market.base_unit <= MAX_COUNT else None
        if self.type == "MARKET":
            return self.amount - self.filled_amount - self.charged
        return self._need_of_limit_buy()

    def _need_of_limit_buy(self):
        value = self._most_notional()
        unit = self.market.quote_unit
        fee = self.fee_for(value, max(self.maker_ppm, self.taker_ppm))
        most = MAX_COUNT * unit
        if value > most or self.charged + fee > most or value + fee > most:
            return None
        return value + fee

    def _most_notional(self):
        price, now_open = self.price, self.open_of(self.quantity)
        amends = self.amended() if self.pending else ()
        if not amends:
            return notional(price, now_open)
        if len(amends) > 1:
            highest = max([price] + [amended for amended, _ in amends])
            return notional(highest, self.open_of(max([self.quantity] + [total for _, total in amends])))
        new_price, new_total = amends[0]
        new_open = self.open_of(new_total)
        value = max(notional(price, now_open), notional(new_price, new_open))
        if new_price < price and new_open > now_open:
            value = max(value, notional(price, now_open) + notional(new_price, new_open - now_open))
        return value

    def products_fit(self):
        """Whether the greatest total, and its notional at the highest price, fit 64-bit counts."""
        amends = self.amended() if self.pending else []
        totals = [total for _, total in amends] + ([self.quantity] if self.quantity is not None else [])
        prices = [price for price, _ in amends] + ([self.price] if self.price is not None else [])
        if totals and max(totals) // self.market.base_unit > MAX_COUNT:
            return False
        return not (totals and prices) or notional(max(prices), max(totals)) // self.market.quote_unit <= MAX_COUNT
