"""Holds: accounts, what they own, and what their open orders may still cost (docs/machines.md).

1. Every check is made in the order of `Reason`; the first reason against a command is its answer.
2. A settlement leg and an answer of the book are computed again from the order; one that says otherwise is
   `Impossible`: hoga stops there.
3. Balances are kept per account and asset; the partition's CLEARING, FEES and EXTERNAL with them.
"""

from .common import MAX_COUNT, WORDS, Impossible, Instrument, charge, notional
from .order import OPEN, Order
from .window import COPY, Strangers, Window

_USES = {"AmendOrder": "AMEND", "ReduceOrder": "REDUCE", "CancelOrder": "CANCEL"}


class _Refused(Exception):
    """Carries the reason."""


class Account:
    """A member's account: `[total, held]` of each asset, its client ids, how many orders are open."""

    __slots__ = ("name", "balances", "window", "open_orders")

    def __init__(self, name, window):
        self.name, self.balances, self.window, self.open_orders = name, {}, window, 0

    def __getstate__(self):
        return self.name, self.balances, self.window, self.open_orders

    def __setstate__(self, state):
        self.name, self.balances, self.window, self.open_orders = state

    def balance(self, asset):
        """[total, held], made at its first use."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = [0, 0]
        return balance


class Holds:
    """One partition of accounts."""

    def __init__(self, partition, settings):
        self.partition, self.settings = partition, settings
        self.digits, self.schedules, self.markets = {}, {}, {}
        self.accounts, self.orders, self.strangers = {}, {}, Strangers()
        self.numbered = self.entries = 0
        #: CLEARING, FEES and EXTERNAL of each asset.
        self.ledger = {}
        self.time = 0
        self._handlers = {
            "PlaceOrder": self._place, "AmendOrder": self._on_order, "ReduceOrder": self._on_order,
            "CancelOrder": self._on_order, "SettlementLeg": self._settle, "BookAnswer": self._answer,
            "Deposit": self._deposit, "Withdrawal": self._withdraw, "AssetListing": self._list_asset,
            "InstrumentListing": self._list, "FeeSchedule": self._schedule, "RulesVersion": self._rules,
            "Clock": lambda *_: None, "PhaseChange": lambda *_: None,
        }  # fmt: skip

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_handlers"}

    def __setstate__(self, state):
        self.__init__(state["partition"], state["settings"])
        self.__dict__.update(state)

    def apply(self, entry, effects):
        kind = entry[5]
        handler = self._handlers.get(kind)
        if handler is None:
            raise Impossible(f"holds reads no {kind}")
        self.time = entry[1]
        handler(kind, entry[6], entry[2], effects)

    # What the operator lists.

    def _list_asset(self, _kind, fields, _append_time, _effects):
        _, asset, digits = fields
        if self.digits.setdefault(asset, digits) != digits:
            raise Impossible(f"asset {asset} cannot change its digits")
        self.ledger.setdefault(asset, {"CLEARING": 0, "FEES": 0, "EXTERNAL": 0})

    def _list(self, _kind, fields, _append_time, _effects):
        if fields[2] not in self.digits or fields[3] not in self.digits or fields[9] not in self.schedules:
            raise Impossible(f"{fields[1]} is listed before its assets or its schedule")
        listing, known = Instrument(fields, self.digits), self.markets.get(fields[1])
        if known is None:
            self.markets[fields[1]] = listing
        else:
            known.__setstate__(listing.__getstate__())

    def _schedule(self, _kind, fields, _append_time, _effects):
        self.schedules[fields[1]] = fields[2:]

    def _rules(self, _kind, fields, _append_time, _effects):
        if fields[1] != 1:
            raise Impossible(f"rules version {fields[1]} is not known")

    # Identity.

    def _seat(self, name):
        """(account or None, window, its limit)."""
        account = self.accounts.get(name)
        if account is None:
            return None, *self.strangers.seat(name, self.time)
        account.window.expire(self.time)
        return account, account.window, self.settings["max_client_ids"]

    # Orders.

    def _place(self, _kind, fields, append_time, effects):
        name, client_id, valid_until, symbol = fields[:4]
        account, window, limit = self._seat(name)
        reason = window.judge(limit, client_id, valid_until, "PLACE", 1, self.time, append_time)
        if reason is COPY:
            return
        order = None
        if reason is None:
            try:
                order = self._check_place(account, fields)
            except _Refused as refused:
                reason = refused.args[0]
        number = None
        if reason != "LATE":
            self.numbered += 1
            number = self.partition << 48 | self.numbered
        if reason is not None:
            window.remember_refused(limit, client_id, valid_until, "PLACE", self.time, append_time)
            _, _, _, _, side, type_, tif, _, _, price, quantity, amount = fields
            rejected = (
                name, number, client_id, symbol, self.time, "REJECTED", "REJECTED", reason, WORDS, None, side, type_,
                tif, price, quantity, amount, 0, 0, 0, 0, None,
            )  # fmt: skip
            effects.append(("order-events", "key", name, "OrderEvent", rejected))
            return
        order.number = number
        self.orders[number] = order
        effects.append(self._event(order, "PENDING"))
        rates = (order.maker_ppm, order.taker_ppm)
        effects.append(("books", "key", symbol, "HeldOrder", (number, name) + fields[3:] + rates))
        window.remember(client_id, valid_until, valid_until, "PLACE")
        window.ids[client_id][3] = order
        account.balance(order.market.pays(order.side))[1] += order.held
        account.open_orders += 1

    def _check_place(self, account, fields):
        name, client_id, _, symbol, side, type_, tif, post_only, _, price, quantity, amount = fields
        if account is None:
            raise _Refused("UNKNOWN_ACCOUNT")
        market = self.markets.get(symbol)
        if market is None:
            raise _Refused("UNKNOWN_SYMBOL")
        if not _is_combination(side, type_, tif, post_only, price, quantity, amount):
            raise _Refused("INVALID_COMBINATION")
        self._check_steps(market, price, quantity, amount)
        order = Order()
        order.account, order.market, order.client_id = account, market, client_id
        order.side, order.type, order.tif = side, type_, tif
        order.maker_ppm, order.taker_ppm = self.schedules[market.schedule]
        order.price, order.quantity, order.amount = price, quantity, amount
        order.status, order.pending = "PENDING", []
        order.filled = order.filled_amount = order.fee_exact = order.charged = order.held = 0
        need = order.need()
        if need is None or not order.products_fit():
            raise _Refused("TOO_LARGE")
        total, held = account.balances.get(market.pays(side), (0, 0))
        if (held + need) // market.unit(side) > MAX_COUNT:
            raise _Refused("TOO_LARGE")
        if price is not None and quantity is not None and notional(price, quantity) < market.min_notional:
            raise _Refused("BELOW_MIN_NOTIONAL")
        if account.open_orders >= self.settings["max_open_orders"]:
            raise _Refused("TOO_MANY_OPEN_ORDERS")
        if need > total - held:
            raise _Refused("INSUFFICIENT_BALANCE")
        order.held = need
        return order

    @staticmethod
    def _check_steps(market, price, quantity, amount):
        steps = ((price, market.tick, "OFF_TICK"), (quantity, market.lot, "OFF_LOT"), (amount, market.quote_unit, "OFF_UNIT"))
        for value, step, reason in steps:
            if value is not None and value % step:
                raise _Refused(reason)
        if price is not None:
            if market.min_price is not None and price < market.min_price:
                raise _Refused("OUT_OF_BAND")
            if market.max_price is not None and price > market.max_price:
                raise _Refused("OUT_OF_BAND")
        for value, step, _ in steps:
            if value is not None and value // step > MAX_COUNT:
                raise _Refused("TOO_LARGE")

    def _on_order(self, kind, fields, append_time, effects):
        name, client_id, valid_until, orig = fields[:4]
        use = _USES[kind]
        account, window, limit = self._seat(name)
        known = window.ids.get(orig)
        order = known[3] if known is not None else None
        room = 1
        if use == "CANCEL":
            if known is None:
                room = 2  # it would burn the id that it names
            elif order is not None and not order.cancel_pending():
                room = 0  # the first cancel of an open order passes a full window
        reason = window.judge(limit, client_id, valid_until, use, room, self.time, append_time)
        if reason is COPY:
            return
        new = reason is None
        if new:
            try:
                price, quantity, raise_by = self._check_on_order(account, order, client_id, use, fields)
            except _Refused as refused:
                reason = refused.args[0]
        if reason is not None:
            window.remember_refused(limit, client_id, valid_until, use, self.time, append_time)
            if new and use == "CANCEL" and reason in ("UNKNOWN_ORDER", "UNKNOWN_ACCOUNT"):
                window.burn(limit, orig, self.time, append_time)
            effects.append(self._refused(name, client_id, use, orig, reason))
            return
        window.remember(client_id, valid_until, valid_until, use)
        order.pending.append((client_id, use, price, quantity))
        order.held += raise_by
        account.balance(order.market.pays(order.side))[1] += raise_by
        if raise_by:
            effects.append(self._event(order, "PENDING", command=client_id))
        head = (order.number, name, client_id, order.market.symbol)
        if use == "CANCEL":
            effects.append(("books", "key", head[3], "HeldCancel", head))
        else:
            terms = (price, quantity, None) if use == "AMEND" else (None, None, quantity)
            effects.append(("books", "key", head[3], "HeldAmend", head + terms))

    def _check_on_order(self, account, order, client_id, use, fields):
        """(price, quantity, what more it holds) of a command that may go to the book."""
        if account is None:
            raise _Refused("UNKNOWN_ACCOUNT")
        if order is None:
            raise _Refused("UNKNOWN_ORDER")
        full = len(order.pending) >= self.settings["max_pending"]
        if use == "CANCEL":
            if full and order.cancel_pending():
                raise _Refused("TOO_MANY_PENDING")
            return None, None, 0
        price, quantity = (fields[4], fields[5]) if use == "AMEND" else (None, fields[4])
        if order.type != "LIMIT" or (price is None and quantity is None):
            raise _Refused("INVALID_COMBINATION")
        if (price is not None and price <= 0) or (quantity is not None and quantity <= 0):
            raise _Refused("INVALID_COMBINATION")
        self._check_steps(order.market, price, quantity, None)
        raise_by = 0
        if use == "AMEND":
            order.pending.append((client_id, use, price, quantity))
            need, fit = order.need(), order.products_fit()
            order.pending.pop()
            if need is None or not fit:
                raise _Refused("TOO_LARGE")
            raise_by = need - order.held
        total, held = account.balance(order.market.pays(order.side))
        if (held + raise_by) // order.market.unit(order.side) > MAX_COUNT:
            raise _Refused("TOO_LARGE")
        if full:
            raise _Refused("TOO_MANY_PENDING")
        if raise_by > total - held:
            raise _Refused("INSUFFICIENT_BALANCE")
        return price, quantity, raise_by

    def _refused(self, name, client_id, use, orig, reason, detail=WORDS):
        fields = (name, client_id, use, orig, self.time, reason, detail)
        return ("order-events", "key", name, "CommandRefused", fields)

    def _event(self, order, event, reason=None, command=None, fill=None):
        name = order.account.name
        fields = (
            name, order.number, order.client_id, order.market.symbol, self.time, event, order.status, reason, None,
            command, order.side, order.type, order.tif, order.price, order.quantity, order.amount, order.filled,
            order.filled_amount, order.charged, order.held, fill,
        )  # fmt: skip
        return ("order-events", "key", name, "OrderEvent", fields)

    # Money in and out.

    def _deposit(self, _kind, fields, append_time, effects):
        name, client_id, valid_until, asset, amount = fields
        account, window, limit = self._seat(name)
        room = 1 if account is not None else 0
        reason = window.judge(limit, client_id, valid_until, "DEPOSIT", room, self.time, append_time)
        if reason is COPY:
            return
        if reason is None:
            reason = self._transfer_reason(asset, amount)
            total = account.balances.get(asset, (0, 0))[0] if account is not None else 0
            if reason is None and (total + amount) // 10 ** (10 - self.digits[asset]) > MAX_COUNT:
                reason = "TOO_LARGE"
        if reason is not None:
            window.remember_refused(limit, client_id, valid_until, "DEPOSIT", self.time, append_time)
            effects.append(self._refused(name, client_id, "DEPOSIT", None, reason))
            return
        if account is None:
            account = self.accounts[name] = Account(name, self.strangers.take(name))
        account.window.remember(client_id, valid_until, valid_until, "DEPOSIT")
        lines = (("EXTERNAL", asset, -amount), ("MEMBER", asset, amount))
        effects.append(self._journal(account, "DEPOSIT", client_id, None, None, lines))

    def _withdraw(self, _kind, fields, append_time, effects):
        name, client_id, valid_until, asset, amount = fields
        account, window, limit = self._seat(name)
        reason = window.judge(limit, client_id, valid_until, "WITHDRAWAL", 1, self.time, append_time)
        if reason is COPY:
            return
        if reason is None and account is None:
            reason = "UNKNOWN_ACCOUNT"
        if reason is None:
            reason = self._transfer_reason(asset, amount)
        if reason is None:
            total, held = account.balances.get(asset, (0, 0))
            if amount > total - held:
                reason = "INSUFFICIENT_BALANCE"
        if reason is not None:
            window.remember_refused(limit, client_id, valid_until, "WITHDRAWAL", self.time, append_time)
            effects.append(self._refused(name, client_id, "WITHDRAWAL", None, reason))
            return
        window.remember(client_id, valid_until, valid_until, "WITHDRAWAL")
        lines = (("EXTERNAL", asset, amount), ("MEMBER", asset, -amount))
        effects.append(self._journal(account, "WITHDRAWAL", client_id, None, None, lines))

    def _transfer_reason(self, asset, amount):
        if asset not in self.digits:
            return "UNKNOWN_ASSET"
        if amount <= 0:
            return "INVALID_COMBINATION"
        unit = 10 ** (10 - self.digits[asset])
        if amount % unit:
            return "OFF_UNIT"
        return "TOO_LARGE" if amount // unit > MAX_COUNT else None

    def _journal(self, account, kind, client_id, order, trade, lines):
        self.entries += 1
        postings = []
        for ledger, asset, amount in lines:
            if ledger == "MEMBER":
                balance = account.balance(asset)
                balance[0] += amount
                after = balance[0]
                if after < balance[1]:
                    raise Impossible(f"{account.name} would have {after} and hold {balance[1]} of {asset}")
            else:
                book = self.ledger[asset]
                after = book[ledger] = book[ledger] + amount
            postings.append((ledger, asset, amount, after))
        fields = (account.name, self.entries, self.time, kind, client_id, order, trade, tuple(postings))
        return ("journal", "key", account.name, "JournalEntry", fields)

    # What the book says.

    def _settle(self, _kind, fields, _append_time, effects):
        name, number, symbol, trade, side, liquidity, price, quantity, fee, leaves = fields
        order = self._order(number, name, symbol)
        if order.side != side or order.status not in OPEN:
            raise Impossible(f"order {number} is a {order.side} and {order.status}")
        market = order.market
        if price <= 0 or price % market.tick or quantity <= 0 or quantity % market.lot:
            raise Impossible(f"price {price} or quantity {quantity} is off tick or lot")
        if order.price is not None and (price > order.price if side == "BUY" else price < order.price):
            raise Impossible(f"price {price} is beyond the limit {order.price}")
        value = notional(price, quantity)
        ppm = order.maker_ppm if liquidity == "MAKER" else order.taker_ppm
        must = order.fee_for(value, ppm)
        if fee != must:
            raise Impossible(f"the fee must be {must}, not {fee}")
        paid = value + fee if side == "BUY" else quantity
        if paid > order.held:
            raise Impossible(f"it takes {paid}, the order holds {order.held}")
        if order.quantity is not None:
            rest = order.open_of(order.quantity) - quantity
            if rest < 0 or leaves != rest:
                raise Impossible(f"{rest} must stay open, not {leaves}")
        else:
            rest = leaves
            if leaves and leaves != order.held - paid:
                raise Impossible(f"{order.held - paid} must be left to spend, not {leaves}")
        if order.status == "PENDING":
            order.status = "NEW"
            effects.append(self._event(order, "NEW"))
        order.filled += quantity
        order.filled_amount += value
        order.fee_exact += value * ppm
        order.charged += fee
        order.status = "PARTIALLY_FILLED" if rest else "FILLED"
        self._rehold(order)
        money, shares = (-value, quantity) if side == "BUY" else (value, -quantity)
        lines = (
            ("MEMBER", market.quote, money - fee), ("CLEARING", market.quote, -money),
            ("CLEARING", market.base, -shares), ("MEMBER", market.base, shares),
        )  # fmt: skip
        if fee:
            lines += (("FEES", market.quote, fee),)
        effects.append(self._journal(order.account, "TRADE", None, number, trade, lines))
        effects.append(self._event(order, "TRADE", fill=(trade, liquidity, price, quantity, fee)))
        if not rest:
            self._close(order)

    def _order(self, number, name, symbol):
        order = self.orders.get(number)
        if order is None:
            raise Impossible(f"there is no order {number}")
        if order.account.name != name or order.market.symbol != symbol:
            raise Impossible(f"order {number} is one of {order.account.name} in {order.market.symbol}")
        return order

    def _rehold(self, order):
        need = order.need()
        if need is None or need > order.held:
            raise Impossible(f"order {order.number} holds {order.held} and would need {need}")
        order.account.balance(order.market.pays(order.side))[1] += need - order.held
        order.held = need

    def _close(self, order):
        order.account.open_orders -= 1
        order.account.window.close(order.client_id)
        if not order.pending:
            del self.orders[order.number]

    def _answer(self, _kind, fields, _append_time, effects):
        name, number, client_id, symbol, outcome, reason, price, quantity, leaves = fields
        order = self._order(number, name, symbol)
        if not order.is_open() and outcome != "REFUSED":
            raise Impossible(f"order {number} is {order.status}")
        command = None
        if client_id is not None:
            if not order.pending or order.pending[0][0] != client_id:
                raise Impossible(f"it answers {client_id}, which is not the next to be answered")
            command = order.pending.pop(0)
        if outcome == "ACCEPTED":
            if order.status != "PENDING" or command is not None:
                raise Impossible(f"order {number} is {order.status} already")
            order.status = "NEW"
            effects.append(self._event(order, "NEW"))
        elif outcome == "AMENDED":
            self._amended(order, command, price, quantity, effects)
        elif outcome == "DECREMENTED":
            if quantity is None or command is not None or quantity >= order.quantity:
                raise Impossible(f"a total of {quantity} is not less than before")
            order.quantity = quantity
            self._rehold(order)
            effects.append(self._event(order, "AMENDED", reason))
        elif outcome == "REFUSED":
            return self._command_refused(order, command, reason, effects)
        else:
            return self._closed(order, outcome, reason, client_id, effects)
        if order.quantity is not None and not 0 < leaves == order.open_of(order.quantity):
            raise Impossible(f"{order.open_of(order.quantity)} must be open, not {leaves}")

    def _amended(self, order, command, price, quantity, effects):
        if command is None or command[1] == "CANCEL":
            raise Impossible("it answers no amend")
        client_id, use, new_price, new_total = command
        if use == "REDUCE":
            new_price, new_total = None, order.quantity - new_total
        terms = (order.price if new_price is None else new_price, order.quantity if new_total is None else new_total)
        if (price, quantity) != terms:
            raise Impossible(f"it must come to {terms}, not {(price, quantity)}")
        order.price, order.quantity = terms
        self._rehold(order)
        effects.append(self._event(order, "AMENDED", command=client_id))

    def _command_refused(self, order, command, reason, effects):
        if command is None:
            raise Impossible("it names no command")
        reason = reason or "OTHER"
        effects.append(self._refused(order.account.name, command[0], command[1], order.client_id, reason, None))
        if not order.is_open():
            if not order.pending:
                del self.orders[order.number]
            return
        before = order.held
        self._rehold(order)
        if order.held < before:
            effects.append(self._event(order, "AMENDED", reason))

    def _closed(self, order, outcome, reason, client_id, effects):
        if outcome == "REJECTED" and order.status != "PENDING":
            raise Impossible(f"order {order.number} is {order.status} already")
        order.status = outcome
        self._rehold(order)
        effects.append(self._event(order, outcome, reason, client_id))
        self._close(order)

    # For the ledger's proof.

    def totals(self):
        """(MEMBER, CLEARING, FEES, EXTERNAL) of each asset."""
        members = {}
        for account in self.accounts.values():
            for asset, (total, _) in account.balances.items():
                members[asset] = members.get(asset, 0) + total
        return {
            asset: (members.get(asset, 0), book["CLEARING"], book["FEES"], book["EXTERNAL"])
            for asset, book in self.ledger.items()
        }


def _is_combination(side, type_, tif, post_only, price, quantity, amount):
    named = (price is not None, quantity is not None, amount is not None)
    immediate = tif in ("IOC", "FOK")
    if type_ == "LIMIT":
        fits = named == (True, True, False) and not (post_only and immediate)
    elif not immediate or post_only:
        fits = False
    elif side == "BUY":
        fits = named == (False, tif == "FOK", True)
    else:
        fits = named == (False, True, False) or (tif == "FOK" and named == (False, True, True))
    return fits and all(value is None or value > 0 for value in (price, quantity, amount))
