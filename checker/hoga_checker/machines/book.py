"""Matching: who trades with whom, at what price, in which order (docs/machines.md, decisions 0011 and 0013).

1. Price-time priority at the resting order's price; less quantity keeps a place, a new price or more loses it.
2. A trade is its execution, then the maker's leg, then the taker's.
3. One input brings at most about 4,096 effects: the rest waits in the symbol and later inputs drain it.
"""

from collections import deque

from .common import MAX_DECIMAL, MAX_TIME, Impossible, Instrument, charge, notional
from .side import Resting, Side

#: No step begins once so many effects are out.
_ROOM = 4096 - 4 - 4
_SNAPSHOT_LEVELS = 1000


class _Taker:
    """An order on its way through the other side."""

    __slots__ = ("order", "budget", "rests", "answered")

    def __init__(self, order, budget, rests, answered):
        self.order, self.budget, self.rests, self.answered = order, budget, rests, answered

    def __getstate__(self):
        return self.order, self.budget, self.rests, self.answered

    def __setstate__(self, state):
        self.order, self.budget, self.rests, self.answered = state


class Market:
    """One symbol: its book, what waits, its depth."""

    def __init__(self, instrument, time):
        self.instrument, self.day = instrument, instrument.day(time)
        self.phase, self.work, self.tasks = "CLOSED", None, deque()
        self.sides = {"BUY": Side(1), "SELL": Side(-1)}
        self.orders, self.priority = {}, 0
        self.sequence = self.updates = 0

    def is_busy(self):
        return self.work is not None or bool(self.tasks)


class Matching:
    """One partition of books."""

    def __init__(self, partition, settings):
        self.partition, self.snapshot_every = partition, max(settings["depth_snapshot_every"], 1)
        self.digits, self.markets, self.busy, self.trades = {}, {}, set(), 0
        #: When the first symbol's day ends.
        self.next_day = MAX_TIME
        # Of one apply, or of one symbol's work within it:
        self._market = self._effects = self._asked = None
        self._time = self._weight = self._bound = 0
        self._touched = set()

    def apply(self, entry, effects):
        self._time, self._effects = entry[1], effects
        kind, fields = entry[5], entry[6]
        if self._time >= self.next_day:
            self._end_days()
        for symbol in sorted(self.busy):
            if len(effects) >= _ROOM:
                break
            self._run(self.markets[symbol])
        if kind in ("HeldOrder", "HeldAmend", "HeldCancel"):
            self._held(kind, fields)
        elif kind == "PhaseChange":
            market = self.markets.get(fields[1])
            if market is None:
                raise Impossible(f"a phase of {fields[1]}, which is not listed here")
            self._submit(market, ("enter", None, fields[2]))
        elif kind == "AssetListing":
            if self.digits.setdefault(fields[1], fields[2]) != fields[2]:
                raise Impossible(f"asset {fields[1]} cannot change its digits")
        elif kind == "InstrumentListing":
            self._list(fields)
        elif kind not in ("RulesVersion", "FeeSchedule", "Clock"):
            raise Impossible(f"matching reads no {kind}")
        self._effects = self._market = None

    def _end_days(self):
        for market in self.markets.values():
            day = market.instrument.day(self._time)
            if day > market.day:
                market.day = day
                market.tasks.append(("end_day", None, None))
                self.busy.add(market.instrument.symbol)
        self._find_next_day()

    def _find_next_day(self):
        self.next_day = min(market.instrument.day_end(market.day) for market in self.markets.values())

    def _list(self, fields):
        instrument = Instrument(fields, self.digits)
        market = self.markets.get(instrument.symbol)
        if market is None:
            self.markets[instrument.symbol] = Market(instrument, self._time)
        else:
            market.day = max(market.day, instrument.day(self._time))
            market.instrument = instrument
        self._find_next_day()

    def _held(self, kind, fields):
        number, name = fields[:2]
        symbol = fields[2] if kind == "HeldOrder" else fields[3]
        market = self.markets.get(symbol)
        if market is not None:
            asked = None if kind == "HeldOrder" else fields[2]
            return self._submit(market, (kind, asked, fields))
        if kind == "HeldOrder":
            price, quantity, amount = fields[8:11]
            leaves = quantity if quantity is not None else amount or 0
            answer = (name, number, None, symbol, "REJECTED", "UNKNOWN_SYMBOL", price, quantity, leaves)
        else:
            answer = (name, number, fields[2], symbol, "REFUSED", "UNKNOWN_SYMBOL", None, None, 0)
        self._effects.append(("accounts", "key", name, "BookAnswer", answer))

    def _submit(self, market, task):
        market.tasks.append(task)
        self._run(market)

    def _run(self, market):
        """Does what is to be done in a symbol, as far as there is room, then tells its depth."""
        effects = self._effects
        self._market, self._weight, self._bound = market, 0, max(_ROOM - len(effects), 0)
        self._touched.clear()
        was = market.phase
        if market.work is not None:
            self._asked = None
            self._go_on(market.work)
        while market.work is None and market.tasks and self._weight < self._bound:
            kind, self._asked, what = market.tasks.popleft()
            match kind:
                case "HeldOrder":
                    self._place(what)
                case "HeldAmend":
                    self._amend(what)
                case "HeldCancel":
                    self._cancel(what)
                case "enter":
                    self._enter(what)
                case "end_day":
                    self._expire()
        self._tell_depth(was != "OPEN" and market.phase == "OPEN")
        symbol = market.instrument.symbol
        if market.is_busy():
            self.busy.add(symbol)
        else:
            self.busy.discard(symbol)

    def _go_on(self, work):
        if work == "uncross":
            self._uncross()
        elif work == "expire":
            self._expire()
        else:
            self._take(work)

    # Commands.

    def _place(self, fields):
        number, name, _, side, _, tif, post_only, smp, price, quantity, amount, maker_ppm, taker_ppm = fields
        market = self._market
        if number in market.orders:
            raise Impossible(f"order {number} came twice")
        order = Resting()
        order.number, order.account, order.side, order.price = number, name, side, price
        order.open, order.filled, order.fee_exact, order.charged = quantity or 0, 0, 0, 0
        order.maker_ppm, order.taker_ppm, order.smp, order.post_only = maker_ppm, taker_ppm, smp, post_only
        order.day, order.priority = tif == "DAY", 0
        rests = price is not None and tif in ("GTC", "DAY")
        taker = _Taker(order, amount if quantity is None else None, rests, False)
        phase = market.phase
        if not (phase == "OPEN" or (phase == "PRE_OPEN" and rests)):
            return self._answer_taker(taker, "REJECTED", "PHASE")
        if post_only and self._would_trade(order):
            return self._answer_taker(taker, "REJECTED", "WOULD_TRADE")
        if phase == "PRE_OPEN":
            self._rest(order)
            return self._answer(order, "ACCEPTED", None)
        if tif == "FOK" and not self._fillable(order, amount):
            return self._answer_taker(taker, "EXPIRED", "NOT_FILLABLE")
        self._take(taker)

    def _find_to_change(self, number, name):
        order = self._market.orders.get(number)
        if order is None:
            return self._refuse(number, name, "NOT_OPEN", 0)
        if order.account != name:
            raise Impossible(f"order {number} belongs to {order.account}")
        if self._market.phase not in ("OPEN", "PRE_OPEN"):
            return self._refuse(number, name, "PHASE", order.open)
        return order

    def _amend(self, fields):
        number, name, _, _, price, total, reduce_by = fields
        order = self._find_to_change(number, name)
        if order is None:
            return
        if reduce_by is not None:
            return self._reduce(order, reduce_by)
        market, now_open = self._market, order.open
        new_price = order.price if price is None else price
        new_open = now_open if total is None else total - order.filled
        if new_open <= 0:
            self._remove(order)
            return self._answer(order, "CANCELED", "AMENDED_TO_FILLED")
        side = market.sides[order.side]
        if new_price == order.price and new_open <= now_open:
            self._touched.add((order.side, order.price))
            side.lessen(order, now_open - new_open)
            return self._answer(order, "AMENDED", None)
        if order.post_only:
            best = market.sides["SELL" if order.side == "BUY" else "BUY"].best_price()
            if best is not None and (best <= new_price if order.side == "BUY" else best >= new_price):
                return self._refuse(number, name, "WOULD_TRADE", now_open)
        self._remove(order)
        order.price, order.open = new_price, new_open
        self._answer(order, "AMENDED", None)
        if market.phase == "OPEN":
            self._take(_Taker(order, None, True, True))
        else:
            self._rest(order)

    def _reduce(self, order, by):
        if by >= order.open:
            self._remove(order)
            return self._answer(order, "CANCELED", "REQUESTED")
        self._touched.add((order.side, order.price))
        self._market.sides[order.side].lessen(order, by)
        self._answer(order, "AMENDED", None)

    def _cancel(self, fields):
        number, name = fields[:2]
        order = self._market.orders.get(number)
        if order is None:
            return self._refuse(number, name, "NOT_OPEN", 0)
        if order.account != name:
            raise Impossible(f"order {number} belongs to {order.account}")
        self._remove(order)
        self._answer(order, "CANCELED", "REQUESTED")

    def _enter(self, phase):
        market = self._market
        if phase == "OPEN" and market.phase != "OPEN":
            self._uncross()
        else:
            market.phase = phase
            if phase == "CLOSED":
                self._expire()

    def _expire(self):
        market = self._market
        market.work = "expire"
        for side in ("BUY", "SELL"):
            for order in market.sides[side].orders():
                if order.day:
                    if self._weight >= self._bound:
                        return
                    self._remove(order)
                    self._answer(order, "EXPIRED", "DAY_END")
        # Without room nothing is known to be done.
        if self._weight < self._bound:
            market.work = None

    # Trading.

    def _would_trade(self, order):
        best = self._market.sides["SELL" if order.side == "BUY" else "BUY"].best_price()
        return best is not None and order.reaches(best)

    def _rest(self, order):
        market = self._market
        market.priority += 1
        order.priority = market.priority
        market.sides[order.side].add(order)
        market.orders[order.number] = order
        self._touched.add((order.side, order.price))

    def _remove(self, order):
        self._touched.add((order.side, order.price))
        self._market.sides[order.side].remove(order)
        del self._market.orders[order.number]

    def _fill(self, order, quantity, value, ppm):
        """Books a fill of a resting order; its fee."""
        self._touched.add((order.side, order.price))
        order.filled += quantity
        fee = self._charge(order, value, ppm)
        self._market.sides[order.side].lessen(order, quantity)
        if order.open == 0:
            del self._market.orders[order.number]
        return fee

    def _charge(self, order, value, ppm):
        order.fee_exact += value * ppm
        charged = charge(order.fee_exact, self._market.instrument.quote_unit)
        fee, order.charged = charged - order.charged, charged
        return fee

    def _wants(self, taker, price):
        """How much of what rests at that price the order wants."""
        if taker.budget is None:
            return taker.order.open
        lot, unit = self._market.instrument.lot, self._market.instrument.quote_unit
        order, value = taker.order, notional(price, lot)
        can, cannot = 0, taker.budget // value + 1
        while cannot - can > 1:
            middle = (can + cannot) // 2
            cost = middle * value
            cost += charge(order.fee_exact + cost * order.taker_ppm, unit) - order.charged
            can, cannot = (middle, cannot) if cost <= taker.budget else (can, middle)
        return can * lot

    def _take(self, taker):
        """An order takes until it is filled, closed, or meets nothing more."""
        market, order = self._market, taker.order
        other = market.sides["SELL" if order.side == "BUY" else "BUY"]
        market.work = None
        while True:
            if self._weight >= self._bound:
                market.work = taker
                return
            maker = other.best()
            if maker is None or not order.reaches(maker.price):
                reason = "NO_LIQUIDITY"
                break
            wants = self._wants(taker, maker.price)
            if wants == 0:
                reason = "AMOUNT_SPENT"
                break
            if maker.account == order.account and order.smp != "NONE":
                if self._prevent(taker, maker):
                    return
            elif self._trade(taker, maker, min(wants, maker.open), other):
                return
        if reason == "NO_LIQUIDITY" and taker.rests:
            self._rest(order)
            if not taker.answered:
                self._answer(order, "ACCEPTED", None)
        else:
            self._answer_taker(taker, "EXPIRED", reason)

    def _trade(self, taker, maker, quantity, other):
        """One trade; whether the taker is done."""
        order, price = taker.order, maker.price
        value = notional(price, quantity)
        maker_fee = self._fill(maker, quantity, value, maker.maker_ppm)
        taker_fee = self._charge(order, value, order.taker_ppm)
        order.filled += quantity
        taker.answered = True
        if taker.budget is None:
            order.open -= quantity
            leaves = order.open
        else:
            taker.budget -= value + taker_fee
            best = other.best_price()
            spent = taker.budget == 0 or (best is not None and self._wants(taker, best) == 0)
            leaves = 0 if spent else taker.budget
        self._report(price, quantity, order.side, maker, maker_fee, maker.open, order, taker_fee, leaves)
        return leaves == 0

    def _report(self, price, quantity, side, maker, maker_fee, maker_leaves, taker, taker_fee, taker_leaves):
        self.trades += 1
        trade = self.partition << 48 | self.trades
        symbol, effects = self._market.instrument.symbol, self._effects
        self._weight += 3
        effects.append((
            "executions", "key", symbol, "Execution",
            (symbol, trade, self._time, price, quantity, side, maker.number, taker.number, maker.account,
             taker.account, maker_fee, taker_fee),
        ))  # fmt: skip
        opposite = "SELL" if side == "BUY" else "BUY"
        effects.append((
            "accounts", "key", maker.account, "SettlementLeg",
            (maker.account, maker.number, symbol, trade, opposite, "MAKER", price, quantity, maker_fee, maker_leaves),
        ))  # fmt: skip
        effects.append((
            "accounts", "key", taker.account, "SettlementLeg",
            (taker.account, taker.number, symbol, trade, side, "TAKER", price, quantity, taker_fee, taker_leaves),
        ))  # fmt: skip

    def _prevent(self, taker, maker):
        """The order meets its own account's; whether it is done."""
        order, mode = taker.order, taker.order.smp
        if mode == "DECREMENT" and taker.budget is not None:
            mode = "CANCEL_NEWEST"
        if mode in ("CANCEL_OLDEST", "CANCEL_BOTH"):
            self._remove(maker)
            self._answer(maker, "CANCELED", "SELF_MATCH")
        if mode in ("CANCEL_NEWEST", "CANCEL_BOTH"):
            self._answer_taker(taker, "CANCELED", "SELF_MATCH")
            return True
        if mode == "DECREMENT":
            by = min(maker.open, order.open)
            self._decrement(maker, by)
            if by == order.open:
                self._answer_taker(taker, "CANCELED", "SELF_MATCH")
                return True
            order.open -= by
            self._answer_taker(taker, "DECREMENTED", "SELF_MATCH")
        return False

    def _decrement(self, order, by):
        if by == order.open:
            self._remove(order)
            self._answer(order, "CANCELED", "SELF_MATCH")
        else:
            self._touched.add((order.side, order.price))
            self._market.sides[order.side].lessen(order, by)
            self._answer(order, "DECREMENTED", "SELF_MATCH")

    def _uncross(self):
        """A crossed book trades before it opens: the newer order takes at the older one's price."""
        market = self._market
        market.work = "uncross"
        while self._weight < self._bound:
            bid, ask = market.sides["BUY"].best(), market.sides["SELL"].best()
            if bid is None or ask is None or bid.price < ask.price:
                market.phase, market.work = "OPEN", None
                return
            older, newer = (bid, ask) if bid.priority < ask.priority else (ask, bid)
            by = min(older.open, newer.open)
            mode = newer.smp if older.account == newer.account else "NONE"
            if mode == "NONE":
                price, value = older.price, notional(older.price, by)
                maker_fee = self._fill(older, by, value, older.maker_ppm)
                taker_fee = self._fill(newer, by, value, newer.taker_ppm)
                self._report(price, by, newer.side, older, maker_fee, older.open, newer, taker_fee, newer.open)
            elif mode == "DECREMENT":
                self._decrement(older, by)
                self._decrement(newer, by)
            else:
                if mode != "CANCEL_NEWEST":
                    self._remove(older)
                    self._answer(older, "CANCELED", "SELF_MATCH")
                if mode != "CANCEL_OLDEST":
                    self._remove(newer)
                    self._answer(newer, "CANCELED", "SELF_MATCH")

    def _fillable(self, order, amount):
        """Whether a fill-or-kill order can be filled whole, and for its amount; own orders are no liquidity."""
        side = self._market.sides["SELL" if order.side == "BUY" else "BUY"]
        missing, value = order.open, 0
        for price in side.prices():
            if not missing or not order.reaches(price):
                break
            for resting in side.levels[price].queue.values():
                if not missing:
                    break
                if resting.account == order.account and order.smp != "NONE":
                    if order.smp != "CANCEL_OLDEST":
                        return False
                    continue
                part = min(missing, resting.open)
                missing -= part
                value += notional(price, part)
        if missing or amount is None:
            return not missing
        if order.side == "SELL":
            return value >= amount
        return value + charge(value * order.taker_ppm, self._market.instrument.quote_unit) <= amount

    # What is told.

    def _put_answer(self, name, number, outcome, reason, price, total, leaves):
        asked, self._asked = self._asked, None
        self._weight += 1
        fields = (name, number, asked, self._market.instrument.symbol, outcome, reason, price, total, leaves)
        self._effects.append(("accounts", "key", name, "BookAnswer", fields))

    def _answer(self, order, outcome, reason):
        total = order.filled + order.open
        self._put_answer(order.account, order.number, outcome, reason, order.price, total, order.open)

    def _answer_taker(self, taker, outcome, reason):
        order = taker.order
        if taker.budget is None:
            return self._answer(order, outcome, reason)
        self._put_answer(order.account, order.number, outcome, reason, None, None, taker.budget)

    def _refuse(self, number, name, reason, leaves):
        self._put_answer(name, number, "REFUSED", reason, None, None, leaves)

    def _tell_depth(self, opened):
        market = self._market
        if self._touched:
            levels = {"BUY": [], "SELL": []}
            for side, price in self._touched:
                levels[side].append(price)
            market.updates += 1
            self._put_depth(False, sorted(levels["BUY"], reverse=True), sorted(levels["SELL"]))
        if opened or market.updates >= self.snapshot_every:
            market.updates = 0
            best = (market.sides[side].prices()[:_SNAPSHOT_LEVELS] for side in ("BUY", "SELL"))
            self._put_depth(True, *best)

    def _put_depth(self, snapshot, bids, asks):
        market = self._market
        market.sequence += 1
        symbol = market.instrument.symbol
        sides = (_levels(market.sides["BUY"], bids), _levels(market.sides["SELL"], asks))
        fields = (symbol, market.sequence, self._time, snapshot) + sides
        self._effects.append(("depth", "key", symbol, "DepthUpdate", fields))


def _levels(side, prices):
    levels = []
    for price in prices:
        level = side.levels.get(price)
        levels.append((price, min(level.total, MAX_DECIMAL), len(level.queue)) if level else (price, 0, 0))
    return tuple(levels)
