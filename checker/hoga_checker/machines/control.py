"""Control: judges the operator's commands and passes them on to every partition that needs them (docs/machines.md)."""

from collections import OrderedDict

from .common import ASSET, CLIENT_ID, MAX_COUNT, ONE, SYMBOL, Impossible, dead_letter

_MAX_STEP = 10**18
_REMEMBERED = 4096
_COMMANDS = ("AssetListing", "FeeSchedule", "InstrumentListing", "PhaseChange", "RulesVersion")


class Control:
    """The one partition."""

    def __init__(self, partition):
        self.partition = partition
        self.ids = OrderedDict()
        self.assets, self.schedules, self.instruments = {}, {}, {}

    def apply(self, entry, effects):
        offset, _, _, key, value, kind, fields = entry
        if kind == "LogSettings":
            return
        if kind not in _COMMANDS:
            raise Impossible(f"a {kind} is no command of the operator")
        command_id = fields[0]
        if CLIENT_ID(command_id) and self.ids.get(command_id) == value:
            return
        known = not CLIENT_ID(command_id) or command_id in self.ids
        if known or not getattr(self, f"_{kind}")(*fields[1:]):
            effects.append(dead_letter("control", self.partition, offset, key, value))
            return
        self.ids[command_id] = value
        if len(self.ids) > _REMEMBERED:
            self.ids.popitem(last=False)
        self._pass_on(kind, fields, effects)

    def _pass_on(self, kind, fields, effects):
        # In topics keyed by symbol a listing's key is what it lists: symbol, asset or schedule.
        of_symbol = kind in ("InstrumentListing", "PhaseChange")
        key = "" if kind == "RulesVersion" else fields[1]
        if kind != "PhaseChange":
            effects.append(("accounts", "all", "", kind, fields))
        effects.append(("books", "key" if of_symbol else "all", key, kind, fields))
        effects.append(("instruments", "key", key, kind, fields))

    def _AssetListing(self, asset, digits):
        if not ASSET(asset) or not 0 <= digits <= 10 or self.assets.get(asset, digits) != digits:
            return False
        return self._put(self.assets, asset, digits, 10_000)

    def _FeeSchedule(self, name, maker_ppm, taker_ppm):
        if not CLIENT_ID(name) or not (0 <= maker_ppm <= 100_000 and 0 <= taker_ppm <= 100_000):
            return False
        return self._put(self.schedules, name, True, 1_000)

    def _PhaseChange(self, symbol, _phase):
        return symbol in self.instruments

    def _RulesVersion(self, version):
        return version == 1

    def _InstrumentListing(
        self, symbol, base, quote, tick, lot, min_notional, min_price, max_price, schedule, utc_offset_min
    ):
        known = base in self.assets and quote in self.assets and schedule in self.schedules
        if not SYMBOL(symbol) or not known or base == quote or not -840 <= utc_offset_min <= 840:
            return False
        if not (0 < tick <= _MAX_STEP and 0 < lot <= _MAX_STEP):
            return False
        base_unit, quote_unit = 10 ** (10 - self.assets[base]), 10 ** (10 - self.assets[quote])
        value = tick * lot
        if value % (ONE * quote_unit) or value // (ONE * quote_unit) > MAX_COUNT or lot % base_unit:
            return False
        if min_notional < 0 or min_notional % quote_unit or min_notional // quote_unit > MAX_COUNT:
            return False
        band = [price for price in (min_price, max_price) if price is not None]
        if any(price <= 0 or price % tick or price // tick > MAX_COUNT for price in band) or band != sorted(band):
            return False
        fixed = (base, quote, tick, lot)
        if self.instruments.get(symbol, fixed) != fixed:
            return False
        return self._put(self.instruments, symbol, fixed, 10_000)

    @staticmethod
    def _put(table, name, value, most):
        if name not in table and len(table) >= most:
            return False
        table[name] = value
        return True
