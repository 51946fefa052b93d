"""The planted histories: a good one, changed by a few lines, and the code by which the checker must name it.

Each plants one fault the way a broken hoga, a broken broker or a forger would leave it in the topics. `also` are codes
that follow from the same fault: what an account's machine must have done with an invented leg is not there either.
"""

import dataclasses


@dataclasses.dataclass
class Plant:
    """A fault."""

    name: str
    code: str
    change: object
    also: tuple = ()
    history: str = "wall"


PLANTS = []


def plant(code, *also, history="wall"):
    """Registers a function that changes a history."""

    def register(change):
        PLANTS.append(Plant(change.__name__.replace("_", " "), code, change, also, history))
        return change

    return register


# What a log or a writer loses, repeats or tears.


@plant("LOST")
def a_journal_entry_is_lost(h):
    h.lose(h.one("journal", "JournalEntry", kind="TRADE", where=lambda e: e.origin[4] > 3))


@plant("LOST")
def a_settlement_leg_is_lost(h):
    h.lose(h.one("accounts", "SettlementLeg", where=lambda e: e.origin[4] > 3))


@plant("LOST")
def a_held_order_never_reaches_the_book(h):
    h.lose(h.one("books", "HeldOrder", where=lambda e: e.origin[4] > 12))


@plant("LOST", "MARK")
def the_last_effects_of_a_dead_owner_are_not_written_again(h):
    entry = h.one("order-events", "OrderEvent")
    last = h.last_of_channel(entry)
    entries, at = h.place(last)
    entries[at] = h.one("order-events", "Claim").copy()
    entries[at].time = last.time


@plant("OUT_OF_ORDER")
def two_order_events_change_places(h):
    entry = h.one("order-events", "OrderEvent", event="TRADE")
    entries, at = h.place(entry)
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    entries[at].time, entries[at + 1].time = sorted((entries[at].time, entries[at + 1].time))


@plant("OFFSETS", "MARK")
def an_offset_is_skipped(h):
    h.skips.append(("journal", 0, len(h.parts["journal", 0]) - 1))


@plant("TIME_BACK")
def an_append_time_goes_back(h):
    entry = h.one("depth", "DepthUpdate", last=True)
    entry.time -= 60_000


@plant("TORN")
def a_record_is_torn(h):
    entry = h.one("candles", "Candle", last=True)
    entry.value = entry.value[:-3]


@plant("TORN")
def a_tombstone_stands_in_a_trusted_topic(h):
    h.append_raw(h.parts["depth", 0][-1]).value = None


@plant("TORN")
def a_record_goes_on_behind_its_end(h):
    entry = h.one("executions", "Clock", last=True)
    entry.value += b"\0"


@plant("OTHER_BYTES")
def a_number_comes_again_with_other_bytes(h):
    entry = h.last_of_channel(h.one("journal", "JournalEntry", kind="TRADE"))
    again = h.append_raw(entry)
    again.set(time=again.get("time") + 1).set_origin(hash=entry.origin[5] ^ 1)


@plant("OTHER_BYTES")
def a_number_comes_again_with_other_bytes_and_the_same_hash(h):
    entry = h.last_of_channel(h.one("journal", "JournalEntry", kind="TRADE"))
    again = h.append_raw(entry)
    again.set(time=again.get("time") + 1)


@plant("CAUSE_TWICE")
def a_cause_is_booked_under_two_numbers(h):
    h.rehash(h.append(h.last_of_channel(h.one("journal", "JournalEntry"))))


@plant("HASH", "TRADE")
def a_record_is_changed_and_its_hash_is_not(h):
    entry = h.one("executions", "Execution", last=True)
    entry.set(trade_id=entry.get("trade_id") + 1)


# Who may write, and who owned what.


@plant("FORGED")
def a_leg_without_origin(h):
    entry = h.append_raw(h.one("accounts", "SettlementLeg", last=True))
    entry.origin = None
    entry.write()


@plant("FORGED")
def a_record_with_an_epoch_that_nobody_claimed(h):
    h.rehash(h.append(h.one("journal", "JournalEntry"), epoch=999_999))


@plant("FORGED")
def a_machine_writes_into_a_topic_that_is_not_its_own(h):
    h.append_raw(h.one("instruments", "AssetListing", last=True)).set_origin(machine="candles")


@plant("LOST")
def an_owner_that_was_replaced_goes_on_writing(h):
    """Readers drop what a lower epoch writes, so what only it wrote is not there."""
    claims = [e for e in h.all("journal", "Claim") if e.get("machine") == "holds" and e.get("partition") == 0]
    first, second = claims[0].get("epoch"), max(claim.get("epoch") for claim in claims)
    entry = h.one("journal", "JournalEntry", where=lambda e: e.origin[1] == 0 and e.origin[2] == second)
    entry.set_origin(epoch=first)


@plant("CLAIM")
def a_claim_is_copied_that_owners_never_held(h):
    entry = h.append_raw(h.one("candles", "Claim", last=True))
    entry.set(epoch=entry.get("epoch") + 1)


@plant("CLAIM")
def a_void_claim_is_acted_upon(h):
    entry = h.one("owners", "Claim", last=True)
    entry.set(replaces=entry.get("replaces") - 1)


@plant("MARK")
def a_mark_tells_of_more_than_was_delivered(h):
    entry = h.one("owners", "Mark", machine="holds", last=True)
    (topic, part, number, offset, value), *rest = entry.get("outputs")
    entry.set(outputs=((topic, part, number + 1, offset, value), *rest))


@plant("MARK")
def a_mark_tells_another_hash(h):
    entry = h.one("owners", "Mark", machine="matching", partition=0, last=True)
    outputs = [(t, p, n, at, value ^ (n > 0)) for t, p, n, at, value in entry.get("outputs")]
    entry.set(outputs=tuple(outputs))


# What the machines compute.


def is_limit(entry):
    """Whether an order has a limit."""
    return entry.get("order_type") == "LIMIT"


@plant("COMMAND", "HOLD", "EVENT", "LOST", "INVENTED", "IMPOSSIBLE", "SETTLEMENT", "TRADE", "JOURNAL", "BALANCE", "FEE")
def admission_changes_a_quantity(h):
    """The hold and the book follow the changed order; only orders still says what was sent."""
    entry = h.one("accounts", "PlaceOrder", where=is_limit, time_in_force="GTC", side="BUY")
    h.rehash(entry.set(quantity=entry.get("quantity") + 10**7))


@plant("LISTING")
def control_passes_another_rate_on(h):
    entry = h.one("instruments", "FeeSchedule", last=True)
    h.rehash(entry.set(taker_fee_ppm=entry.get("taker_fee_ppm") - 1))


@plant("DEAD_LETTER")
def a_dead_letter_names_another_offset(h):
    entry = h.one("dead-letters", "DeadLetter")
    h.rehash(entry.set(offset=entry.get("offset") + 1))


@plant("HOLD")
def an_order_holds_less_than_it_may_cost(h):
    entry = h.one("order-events", "OrderEvent", event="PENDING", side="BUY", where=lambda e: e.get("held") > 10**13)
    h.rehash(entry.set(held=entry.get("held") - 10**10))


@plant("HOLD")
def a_fill_releases_twice(h):
    entry = h.one("order-events", "OrderEvent", event="TRADE", status="PARTIALLY_FILLED")
    h.rehash(entry.set(held=entry.get("held") // 2))


@plant("HOLD")
def an_amend_frees_its_hold_before_the_book_answered(h):
    """An accepted amend that raises the hold: its PENDING event tells the sum of before."""
    entry = h.one("order-events", "OrderEvent", event="PENDING", where=lambda e: e.get("command_id") is not None)
    before = [e for e in h.all("order-events", "OrderEvent", order_id=entry.get("order_id")) if e.offset < entry.offset]
    h.rehash(entry.set(held=before[-1].get("held")))


@plant("HOLD", "LOST", "INVENTED", "TRADE", "SETTLEMENT", "DEPTH", "IMPOSSIBLE", "CANDLE")
def the_book_gets_more_than_was_held(h):
    entry = h.one("books", "HeldOrder", last=True, where=is_limit, side="SELL")
    h.rehash(entry.set(quantity=entry.get("quantity") * 2))


@plant("TRADE", "CANDLE", "LOST", "INVENTED")
def a_fill_is_at_the_takers_price(h):
    entry = h.one("executions", "Execution", last=True)
    h.rehash(entry.set(price=entry.get("price") + 1000 * 10**10))


@plant("TRADE")
def a_later_order_trades_first(h):
    first = h.one("executions", "Execution")
    other = h.one("executions", "Execution", where=lambda e: e.get("maker_order_id") != first.get("maker_order_id"))
    h.rehash(first.set(maker_order_id=other.get("maker_order_id"), maker_account=other.get("maker_account")))


@plant("TRADE")
def a_trade_number_is_left_out(h):
    entry = h.one("executions", "Execution", last=True)
    h.rehash(entry.set(trade_id=entry.get("trade_id") + 1))


@plant("LOST", "IMPOSSIBLE", "INVENTED")
def a_self_match_is_let_through(h):
    answer = h.one("accounts", "BookAnswer", reason="SELF_MATCH", last=True)
    leg = h.one("accounts", "SettlementLeg", where=lambda e: e.partition == answer.partition and e.channel == answer.channel)
    account, number = answer.get("account"), answer.get("order_id")
    answer.kind, answer.number, answer.fields = leg.kind, leg.number, leg.fields
    h.rehash(answer.set(account=account, order_id=number))


@plant("FEE")
def a_fee_is_rounded_for_each_fill(h):
    entry = h.one("executions", "Execution", where=lambda e: e.get("maker_fee") > 0)
    h.rehash(entry.set(maker_fee=entry.get("maker_fee") + 10**10))


@plant("FEE", "IMPOSSIBLE")
def a_leg_charges_another_fee(h):
    entry = h.one("accounts", "SettlementLeg", last=True)
    h.rehash(entry.set(fee=entry.get("fee") + 10**10))


@plant("INVENTED", "IMPOSSIBLE", "LOST", "TRIAL")
def a_settlement_leg_is_invented(h):
    h.rehash(h.append(h.one("accounts", "SettlementLeg", last=True)))


@plant("INVENTED", "LOST", "CANDLE")
def an_execution_is_invented(h):
    entry = h.append(h.one("executions", "Execution", last=True))
    h.rehash(entry.set(trade_id=entry.get("trade_id") + 1))


@plant("SETTLEMENT", "IMPOSSIBLE")
def an_answer_leaves_another_quantity(h):
    entry = h.one("accounts", "BookAnswer", outcome="ACCEPTED", last=True)
    h.rehash(entry.set(leaves=entry.get("leaves") + 10**7))


@plant("EVENT")
def a_refusal_gives_another_reason(h):
    entry = h.one("order-events", "OrderEvent", event="REJECTED")
    h.rehash(entry.set(reason="OFF_LOT" if entry.get("reason") != "OFF_LOT" else "OFF_TICK"))


@plant("EVENT")
def an_order_number_is_given_twice(h):
    entry = h.one("order-events", "OrderEvent", event="PENDING", where=lambda e: e.get("order_id") & 0xFFFF > 4)
    h.rehash(entry.set(order_id=entry.get("order_id") - 1))


@plant("BALANCE")
def a_balance_is_off_by_a_minor_unit(h):
    entry = h.one("journal", "JournalEntry", kind="TRADE", last=True)
    first, *rest = entry.get("postings")
    h.rehash(entry.set(postings=((*first[:3], first[3] + 10**10), *rest)))


@plant("UNBALANCED")
def a_posting_makes_money(h):
    entry = h.one("journal", "JournalEntry", kind="TRADE", last=True)
    first, *rest = entry.get("postings")
    h.rehash(entry.set(postings=((*first[:2], first[2] + 10**10, first[3]), *rest)))


@plant("JOURNAL")
def an_entry_books_another_trade(h):
    entry = h.one("journal", "JournalEntry", kind="TRADE", last=True)
    h.rehash(entry.set(trade_id=entry.get("trade_id") + 1))


@plant("PARTITION")
def a_record_has_another_key(h):
    entry = h.one("journal", "JournalEntry", last=True)
    entry.key = b"bob" if entry.key != b"bob" else b"carol"
    h.rehash(entry)


@plant("DEPTH")
def a_level_counts_an_order_too_many(h):
    entry = h.one("depth", "DepthUpdate", snapshot=False, where=lambda e: e.get("bids"))
    (price, quantity, orders), *rest = entry.get("bids")
    h.rehash(entry.set(bids=((price, quantity, orders + 1), *rest)))


@plant("CANDLE")
def a_bar_is_off_by_a_tick(h):
    entry = h.one("candles", "Candle", last=True)
    h.rehash(entry.set(high=entry.get("high") + 1000 * 10**10))


@plant("CANDLE")
def a_bar_is_final_too_early(h):
    h.rehash(h.one("candles", "Candle", is_final=False).set(is_final=True))


@plant("CLOCK", history="recorded")
def a_clock_jumps_on_its_way(h):
    entry = h.one("executions", "Clock", last=True)
    h.rehash(entry.set(time=entry.get("time") + 3_600_000))


@plant("LOST", history="recorded")
def a_day_of_recorded_flow_loses_an_execution(h):
    h.lose(h.one("executions", "Execution", where=lambda e: e.origin[4] > 3))
