"""The client ids that an account has used (decision 0016): an id and its valid-until are a command's identity."""

import heapq

VALID_AHEAD_MS = 600_000
REMEMBER_MS = 2 * VALID_AHEAD_MS
BURNED = "BURNED"
COPY = "COPY"


class Window:
    """One account's ids: of each its valid-until, how long it is remembered, its use, and the open order it names."""

    __slots__ = ("ids", "due", "full_until")

    def __init__(self):
        self.ids, self.due, self.full_until = {}, [], 0

    def __getstate__(self):
        return self.ids, self.due, self.full_until

    def __setstate__(self, state):
        self.ids, self.due, self.full_until = state

    def expire(self, now):
        """Forgets what is past its time; an open order keeps its id until it closes."""
        due, ids = self.due, self.ids
        while due and due[0][0] < now:
            client_id = heapq.heappop(due)[1]
            entry = ids.get(client_id)
            if entry is None or entry[3] is not None:
                continue
            if entry[1] >= now:
                heapq.heappush(due, (entry[1], client_id))
            else:
                del ids[client_id]

    def remember(self, client_id, valid_until, until, use):
        """Takes up a new id."""
        self.ids[client_id] = [valid_until, until, use, None]
        heapq.heappush(self.due, (until, client_id))

    def prolong(self, client_id, until):
        """Remembers a known id for longer."""
        entry = self.ids[client_id]
        entry[1] = max(entry[1], until)

    def close(self, client_id):
        """The id's order is closed."""
        entry = self.ids[client_id]
        entry[3] = None
        heapq.heappush(self.due, (entry[1], client_id))

    def judge(self, limit, client_id, valid_until, use, room, time, append_time):
        """None for a new command, COPY, or the first reason against it."""
        entry = self.ids.get(client_id)
        if entry is not None and entry[0] == valid_until and entry[2] == use:
            return COPY
        if max(time, append_time) > valid_until:
            return "LATE"
        if valid_until > time + VALID_AHEAD_MS:
            return "VALID_UNTIL_TOO_FAR"
        if entry is not None:
            return "CANCELED_BEFORE" if entry[2] == BURNED and use == "PLACE" else "DUPLICATE_CLIENT_ID"
        if room and (len(self.ids) + room > limit or valid_until <= self.full_until):
            return "WINDOW_FULL"
        return None

    def remember_refused(self, limit, client_id, valid_until, use, time, append_time):
        """A refusal is final too: copies of the command must do nothing later."""
        if time > valid_until:
            return
        # From the later of both: machine time stands still without clocks, and jumps when they come.
        until = min(valid_until, max(time, append_time) + REMEMBER_MS)
        entry = self.ids.get(client_id)
        if entry is not None:
            if entry[2] == BURNED and use == "PLACE":
                entry[0], entry[2] = valid_until, use
            self.prolong(client_id, until)
        elif len(self.ids) < limit:
            self.remember(client_id, valid_until, until, use)
        else:
            self.full_until = max(self.full_until, until)

    def burn(self, limit, client_id, time, append_time):
        """A cancel named an id that was never seen."""
        until = max(time, append_time) + VALID_AHEAD_MS
        if client_id in self.ids:
            self.prolong(client_id, until)
        elif len(self.ids) < limit:
            self.remember(client_id, until, until, BURNED)
        else:
            self.full_until = max(self.full_until, until)


class Strangers:
    """Windows of accounts without a deposit, few and small."""

    MOST, IDS = 1024, 16

    def __init__(self):
        self.windows, self.crowd = {}, Window()

    def seat(self, account, now):
        """(window, its limit) of an account."""
        window = self.windows.get(account)
        if window is None:
            if len(self.windows) >= self.MOST:
                self._purge(now)
            if len(self.windows) >= self.MOST:
                return self.crowd, 0
            window = self.windows[account] = Window()
        window.expire(now)
        return window, self.IDS

    def _purge(self, now):
        for account, window in list(self.windows.items()):
            window.expire(now)
            if not window.ids and window.full_until < now:
                del self.windows[account]

    def take(self, account):
        """The window that an account brings along when it opens."""
        window = self.windows.pop(account, None) or Window()
        window.full_until = max(window.full_until, self.crowd.full_until)
        return window
