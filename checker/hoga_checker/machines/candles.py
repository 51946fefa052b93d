"""Candles: bars of what traded, from executions or from ticks (docs/machines.md).

1. A bar's numbers are exact sums; its quote volume is rounded down once.
2. Bars come out at most once a second of the machine's time, oldest first within a series' interval.
"""

from bisect import bisect_left

from .common import MAX_DECIMAL, MAX_TIME, ONE, Impossible

_MAX_EFFECTS, _MAX_SERIES, _AHEAD_MS, _SECOND = 4096, 100_000, 60_000, 1_000
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


class _Bar:
    __slots__ = (
        "begin", "first", "last", "open", "high", "low", "close", "volume", "quote", "trades", "late", "revision",
        "changed", "final",
    )  # fmt: skip

    def __init__(self, begin, time, price):
        self.begin, self.first, self.last = begin, time, time
        self.open = self.high = self.low = self.close = price
        self.volume = self.quote = self.trades = self.late = self.revision = 0
        self.changed = self.final = False

    def take(self, time, price, quantity, late):
        """Adds a trade; a sum beyond 38 digits changes nothing."""
        volume, quote = self.volume + quantity, self.quote + price * quantity
        if volume > MAX_DECIMAL or abs(quote // ONE) > MAX_DECIMAL:
            return
        self.volume, self.quote = volume, quote
        if time < self.first:
            self.first, self.open = time, price
        if time >= self.last:
            self.last, self.close = time, price
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.trades += 1
        self.late += late
        self.changed = True

    def __getstate__(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state):
        for name, value in zip(self.__slots__, state):
            setattr(self, name, value)


class _Interval:
    def __init__(self, ms, settings):
        self.ms, self.shift = ms, settings["utc_offset_min"] * 60_000
        self.lateness, self.kept = settings["candle_lateness_ms"], settings["candle_kept_bars"]
        unit, letter = next(((unit, name) for unit, name in _UNITS if ms % unit == 0), (1, "ms"))
        self.name = f"{ms // unit}{letter}"

    def begin(self, time):
        return (time + self.shift) // self.ms * self.ms - self.shift

    def final_at(self, begin):
        return begin + self.ms + self.lateness

    def forgotten_at(self, begin):
        return self.final_at(begin) + self.kept * self.ms


class Candles:
    """One partition of executions or ticks."""

    def __init__(self, source, settings):
        self.source = source
        self.intervals = [_Interval(ms, settings) for ms in settings["candle_intervals_ms"]]
        #: Of each (symbol, venue): for each interval the bars by time, and when to look at them again.
        self.series = {}
        self.last_sweep, self.resume = 0, None

    def apply(self, entry, effects):
        _, now, _, _, _, kind, fields = entry
        if kind == "Execution" and self.source == "EXECUTIONS":
            self._take((fields[0], ""), fields[2], fields[3], fields[4], now)
        elif kind == "Tick" and self.source == "TICKS":
            self._take((fields[0], fields[1]), fields[2], fields[5], fields[6], now)
        elif kind != "Clock":
            raise Impossible(f"candles read no {kind}")
        since = now - self.last_sweep
        if self.resume is not None or since >= _SECOND or (kind == "Clock" and since > 0):
            self._sweep(now, effects)

    def _take(self, name, time, price, quantity, now):
        if time > now + _AHEAD_MS or not 0 < time <= MAX_TIME or quantity <= 0:
            return
        if abs(price * quantity // ONE) > MAX_DECIMAL:
            return
        tracks = self.series.get(name)
        if tracks is None:
            if len(self.series) >= _MAX_SERIES:
                return
            tracks = self.series[name] = [[[], [], None] for _ in self.intervals]
        for track, interval in zip(tracks, self.intervals):
            begin = interval.begin(time)
            if interval.forgotten_at(begin) <= now:
                continue
            begins, bars, _ = track
            at = bisect_left(begins, begin)
            if at == len(begins) or begins[at] != begin:
                begins.insert(at, begin)
                bars.insert(at, _Bar(begin, time, price))
            bars[at].take(time, price, quantity, interval.final_at(begin) <= now)
            track[2] = 0

    def _sweep(self, now, effects):
        first = self.resume
        if first is None:
            self.last_sweep = now
        for at, (name, tracks) in enumerate(self.series.items()):
            for number, (track, interval) in enumerate(zip(tracks, self.intervals)):
                if (first is None or (at, number) >= first) and track[2] is not None and track[2] <= now:
                    if not self._publish(name, track, interval, now, effects):
                        self.resume = (at, number)
                        return
        self.resume = None

    def _publish(self, name, track, interval, now, effects):
        begins, bars, _ = track
        for bar in bars:
            final = interval.final_at(bar.begin) <= now
            if bar.changed or (final and not bar.final):
                if len(effects) >= _MAX_EFFECTS:
                    return False
                bar.revision += 1
                bar.changed, bar.final = False, final
                effects.append(("candles", "key", name[0], "Candle", self._candle(name, bar, interval, final)))
        while begins and interval.forgotten_at(begins[0]) <= now:
            del begins[0], bars[0]
        due = [interval.forgotten_at(begins[0])] if begins else []
        due += [interval.final_at(bar.begin) for bar in bars if not bar.final][:1]
        track[2] = min(due, default=None)
        return True

    def _candle(self, name, bar, interval, final):
        end = bar.begin + interval.ms
        return (
            name[0], self.source, name[1], interval.name, bar.begin, end, bar.open, bar.high, bar.low, bar.close,
            bar.volume, bar.quote // ONE, bar.trades, bar.revision, final, bar.late,
        )  # fmt: skip
