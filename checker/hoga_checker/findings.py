"""What is not as it must be: one line each, with a stable code and the place.

1. Codes are added, never changed: scripts rely on them.
2. A code's lines are bounded, its count is not: a broken history must not fill a disk.
"""

#: Every code and what it says. README lists them.
CODES = {
    # The log itself.
    "OFFSETS": "an offset is skipped or comes twice in a partition",
    "TIME_BACK": "an append time goes back in a partition",
    "TORN": "a value in a trusted topic is no record",
    "FORGED": "a record that nobody may have written there",
    "PARTITION": "a record stands in another partition than its key's",
    # Channels.
    "HASH": "a record's running hash is not that of the channel's content",
    "OTHER_BYTES": "the same number again with other bytes",
    "CAUSE_TWICE": "the effect of one cause stands under two numbers",
    "OUT_OF_ORDER": "a record came before its predecessor and not again behind it",
    "LOST": "a record that must be there is not",
    "INVENTED": "a record that nothing in the input caused",
    # Ownership.
    "CLAIM": "a copied claim that no valid claim in owners is the origin of",
    "MARK": "a mark that says otherwise than the outputs hold",
    # What a record says, by what is wrong in it.
    "COMMAND": "a command was changed, or let through, or kept back, on its way to accounts",
    "LISTING": "a listing, schedule or phase was changed on its way",
    "DEAD_LETTER": "a dead letter says otherwise",
    "HOLD": "an order holds another amount, or was sent to the book otherwise, than it must",
    "TRADE": "a trade that must not have happened so: parties, price, quantity or order",
    "FEE": "a fee is another",
    "SETTLEMENT": "a settlement leg or an answer of the book says otherwise than the book",
    "EVENT": "an order event or a refusal says otherwise",
    "JOURNAL": "a journal entry books otherwise",
    "BALANCE": "a balance after a posting is another",
    "UNBALANCED": "a journal entry's postings do not sum to zero",
    "DEPTH": "a depth update says otherwise than the book",
    "CANDLE": "a bar says otherwise than its trades",
    "CLOCK": "a clock that was passed on says otherwise",
    "IMPOSSIBLE": "a machine's input that cannot be: the machine must have stopped there",
    "TRIAL": "the ledger does not sum to zero",
    # What producers sent.
    "SENT_LOST": "an order that was acknowledged is not there",
    "SENT_FAILED": "an order that failed for certain is there",
    "SENT_TWICE": "an order took effect more than once",
    "SENT_CHANGED": "an order is there with another content than was sent",
}
_MOST_LINES = 50


class Findings:
    """Collects and prints."""

    def __init__(self, write):
        self._write = write
        self.counts = {}

    def __getstate__(self):
        return {"counts": self.counts}

    def __setstate__(self, state):
        self.counts, self._write = state["counts"], None

    def to(self, write):
        """Prints with `write` from here on."""
        self._write = write

    def add(self, code, place, what):
        """`place` is a text or (topic, partition, offset)."""
        if code not in CODES:
            raise KeyError(code)
        count = self.counts[code] = self.counts.get(code, 0) + 1
        if count > _MOST_LINES:
            return
        if not isinstance(place, str):
            topic, partition, offset = place
            place = f"{topic}/{partition}" + ("" if offset is None else f"@{offset}")
        self._write(f"{code} {place}: {what}")
        if count == _MOST_LINES:
            self._write(f"{code}: more of these are counted and not printed")

    def total(self):
        """How many so far."""
        return sum(self.counts.values())
