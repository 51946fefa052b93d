"""Admission: well-formed commands go on unchanged, everything else becomes a dead letter (docs/machines.md)."""

from .common import ACCOUNT, CLIENT_ID, MAX_DECIMAL, MAX_TIME, SYMBOL, dead_letter

_COMMANDS = ("PlaceOrder", "AmendOrder", "ReduceOrder", "CancelOrder")


class Admission:
    """One partition."""

    def __init__(self, partition):
        self.partition = partition

    def apply(self, entry, effects):
        offset, _, _, key, value, kind, fields = entry
        if kind == "Clock":
            return
        if kind in _COMMANDS and _is_well_formed(kind, key, fields):
            effects.append(("accounts", "key", fields[0], kind, fields))
        else:
            effects.append(dead_letter("orders", self.partition, offset, key, value))


def _is_well_formed(kind, key, fields):
    account, client_id, valid_until, name = fields[:4]
    if not (ACCOUNT(account) and CLIENT_ID(client_id) and key == account.encode() and 0 < valid_until <= MAX_TIME):
        return False
    if kind == "PlaceOrder":
        numbers, named = fields[9:12], SYMBOL(name)
    else:
        numbers, named = fields[4:], CLIENT_ID(name)
    return bool(named) and all(number is None or 0 < number <= MAX_DECIMAL for number in numbers)
