"""Every planted history is named by its code, and the good ones pass: at once, in rounds, and stored between them."""

import io
import json
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from hoga_checker import __main__ as command
from hoga_checker.findings import CODES
from tests.history import History
from tests.plants import PLANTS

HISTORIES = Path(__file__).resolve().parents[1] / "histories"


def history(name):
    return History(HISTORIES / f"{name}.jsonl.xz")


class Good(unittest.TestCase):
    def test_good_histories_pass_and_are_covered(self):
        for name in ("wall", "recorded"):
            with self.subTest(name):
                codes, lines, covered = history(name).check()
                self.assertEqual(([], True), (codes, covered), lines[:3])

    def test_a_log_that_grows_is_read_on_from_the_stored_state(self):
        for name in ("wall", "recorded"):
            good = history(name)
            count = len(good.records())
            cuts = range(count // 9, count, count // 9)
            with self.subTest(name):
                codes, lines, covered = good.check(cut_at=set(cuts))
                self.assertEqual(([], True), (codes, covered), lines[:3])

    def test_what_is_on_its_way_is_no_finding_and_not_covered(self):
        good = history("wall")
        rows = [row for row in good.records()]
        good.records = lambda: rows[: len(rows) // 2]
        codes, lines, covered = good.check(drained=False)
        self.assertEqual([], codes, lines[:3])
        self.assertFalse(covered)

    def test_who_asks_is_answered_round_by_round(self):
        dump = str(HISTORIES / "recorded.jsonl.xz")
        with mock.patch("sys.stdin", io.StringIO("round\ndrained\n")), redirect_stdout(io.StringIO()) as out:
            code = command.main(["check", "--dump", dump, "--ask"])
        self.assertEqual(command.EQUAL, code, out.getvalue())
        rounds = out.getvalue().splitlines()
        self.assertEqual(["equal", "equal"], [line for line in rounds if " " not in line])
        self.assertIn("0 records in ", rounds[-2])


class Cut(unittest.TestCase):
    """Logs whose beginning hoga has cut are not called wrong."""

    def check(self, name, cut, at_once=True):
        cut_history = history(name)
        cut_history.cuts = {place: cut(*place, len(entries)) for place, entries in cut_history.parts.items()}
        count = len(cut_history.records())
        codes, lines, covered = cut_history.check(cut_at=() if at_once else set(range(count // 5, count, count // 5)))
        self.assertEqual([], codes, lines[:3])
        return covered

    def test_each_topic_cut_alone(self):
        for topic in history("wall").rules.catalogue.topics:
            for share in (3, 10, 30, 60, 97, 100):
                with self.subTest(f"{topic} by {share} %"):
                    part = lambda name, _, count: -(-count * share // 100) if name == topic else 0
                    covered = self.check("wall", part)
                    self.assertFalse(covered and history("wall").one(topic), "what is cut is named")

    def test_all_that_retention_lets_go_of(self):
        goes = {"owners": 95, "orders": 40, "accounts": 50, "books": 45, "depth": 80, "dead-letters": 50}
        for at_once in (True, False):
            self.check("wall", lambda name, _, count: count * goes.get(name, 0) // 100, at_once)

    def test_faults_behind_the_cut_are_named(self):
        planted = history("wall")
        fill = planted.one("journal", "JournalEntry", last=True)
        planted.cuts = {("owners", 0): 10, ("depth", 0): 3, ("depth", 1): 3}
        planted.lose(fill)
        self.assertIn("LOST", planted.check()[0])


class Planted(unittest.TestCase):
    def test_every_planted_history_is_named(self):
        self.assertGreaterEqual(len(PLANTS), 18)
        for plant in PLANTS:
            with self.subTest(plant.name):
                planted = history(plant.history)
                plant.change(planted)
                codes, lines, _ = planted.check()
                self.assertIn(plant.code, codes, f"{plant.name}: {lines[:4]}")
                self.assertLessEqual(set(codes), {plant.code, *plant.also}, f"{plant.name}: {lines[:6]}")

    def test_every_code_is_planted(self):
        planted = {plant.code for plant in PLANTS} | {code for plant in PLANTS for code in plant.also}
        sent = {code for code in CODES if code.startswith("SENT_")}
        self.assertEqual(set(), set(CODES) - planted - sent)


class SentOrders(unittest.TestCase):
    """The side file of a producer."""

    def sent(self, *lines, change=None):
        good = history("wall")
        self.order = good.one("orders", "PlaceOrder")
        if change:
            change(good)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps(line(self.order)) + "\n" for line in lines)
            file.flush()
            return good.check(sent=file.name)[0]

    @staticmethod
    def line(outcome, client_id=None, **more):
        def of(order):
            name = client_id or order.get("client_order_id")
            return {"account": order.get("account"), "client_order_id": name, "outcome": outcome, **more}

        return of

    def test_ok_failed_and_unknown(self):
        for outcome, client_id, codes in (
            ("ok", None, []),
            ("ok", "never-there", ["SENT_LOST"]),
            ("failed", None, ["SENT_FAILED"]),
            ("failed", "never-there", []),
            ("unknown", None, []),
            ("unknown", "never-there", []),
        ):
            with self.subTest(outcome=outcome, client_id=client_id):
                self.assertEqual(codes, self.sent(self.line(outcome, client_id)))

    def test_a_later_line_replaces_an_earlier_one(self):
        self.assertEqual([], self.sent(self.line("failed"), self.line("ok")))

    def test_an_order_with_other_bytes(self):
        self.assertEqual(["SENT_CHANGED"], self.sent(self.line("ok", value_hex="00")))

    def test_an_order_that_took_effect_twice(self):
        def twice(good):
            name = self.order.get("client_order_id")
            event = good.one("order-events", "OrderEvent", client_order_id=name, event="PENDING")
            again = good.append(event)
            good.rehash(again.set(order_id=event.get("order_id") + 1000))

        codes = self.sent(self.line("unknown"), change=twice)
        self.assertEqual({"INVENTED", "SENT_TWICE"}, set(codes))


if __name__ == "__main__":
    unittest.main()
