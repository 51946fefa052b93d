//! The form of commands: what passes, and what becomes a dead letter with which reason.

use super::*;
use crate::machine::{Effect, Route};
use crate::records::{
    AmendOrder, CancelOrder, Clock, DeadLetter, OrderType, ReduceOrder, SelfMatchPrevention, Side, TimeInForce,
};
use crate::{Symbol, dead_letter};

const PARTITION: u32 = 3;

fn place() -> PlaceOrder {
    PlaceOrder {
        account: AccountId::unchecked("alice"),
        client_order_id: ClientId::unchecked("a-1"),
        valid_until: Timestamp(1_700_000_000_000),
        symbol: Symbol::unchecked("KRW-BTC"),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        self_match_prevention: SelfMatchPrevention::None,
        price: Some(Decimal::from_int(90_000_000)),
        quantity: Some(Decimal(1)),
        amount: None,
    }
}

fn amend() -> AmendOrder {
    let PlaceOrder { account, valid_until, price, quantity, .. } = place();
    let (client_order_id, orig_client_order_id) = (ClientId::unchecked("a-2"), ClientId::unchecked("a-1"));
    AmendOrder { account, client_order_id, valid_until, orig_client_order_id, price, quantity }
}

fn reduce() -> ReduceOrder {
    let AmendOrder { account, client_order_id, valid_until, orig_client_order_id, .. } = amend();
    ReduceOrder { account, client_order_id, valid_until, orig_client_order_id, quantity: Decimal(5) }
}

fn cancel() -> CancelOrder {
    let AmendOrder { account, client_order_id, valid_until, orig_client_order_id, .. } = amend();
    CancelOrder { account, client_order_id, valid_until, orig_client_order_id }
}

fn with<T: Into<Record>>(mut record: T, change: impl FnOnce(&mut T)) -> Record {
    change(&mut record);
    record.into()
}

/// One record at offset 7: passed on unchanged (`Ok`), or the dead letter's reason begins with `expect` (`Err`).
fn check(body: Body<'_>, key: &[u8], expect: Result<(), &str>) -> Option<DeadLetter> {
    let mut machine = Admission::new(PARTITION);
    let mut effects = Effects::default();
    let input = Input {
        offset: 7,
        time: Timestamp(1),
        append_time: Timestamp(1),
        key,
        value: b"the bytes",
        body: body.clone(),
    };
    machine.apply(&input, &mut effects).expect("admission never stops");
    let [Effect { topic, route: Route::Key, record }] = effects.as_slice() else {
        panic!("one effect by key, got {effects:?}")
    };
    let counts = machine.counts();
    match (expect, record) {
        (Ok(()), passed) => {
            assert_eq!((body, *topic), (Body::Record(passed), Topic::Accounts), "passed on unchanged");
            assert_eq!(counts, Counts { admitted: 1, dead: 0 });
            None
        }
        (Err(expect), Record::DeadLetter(letter)) => {
            assert!(letter.reason.starts_with(expect), "expected {expect:?}, got {:?}", letter.reason);
            assert_eq!((*topic, letter.topic.as_str()), (Topic::DeadLetters, "orders"));
            assert_eq!((letter.partition, letter.offset), (PARTITION, 7));
            assert_eq!(counts, Counts { admitted: 0, dead: 1 });
            Some(letter.clone())
        }
        (Err(expect), other) => panic!("expected a dead letter {expect:?}, got {other:?}"),
    }
}

#[test]
fn well_formed_commands_pass_unchanged_even_if_the_business_is_wrong() {
    let good = [
        place().into(),
        amend().into(),
        reduce().into(),
        cancel().into(),
        // For holds to refuse with an event: a price on a market order, no quantity at all, an ancient valid-until.
        with(place(), |r| r.order_type = OrderType::Market),
        with(place(), |r| (r.price, r.quantity) = (None, None)),
        with(place(), |r| r.valid_until = Timestamp(1)),
        with(amend(), |r| (r.price, r.quantity) = (None, None)),
        // The ends of the ranges.
        with(place(), |r| r.price = Some(Decimal(crate::money::DECIMAL_MAX))),
        with(place(), |r| r.valid_until = MAX_TIME),
    ];
    for record in &good {
        check(Body::Record(record), b"alice", Ok(()));
    }
}

#[test]
fn every_refusal_is_a_dead_letter_that_says_what_to_do() {
    let long = "x".repeat(300);
    let cases: &[(Record, &str)] = &[
        (
            crate::records::Deposit {
                account: AccountId::unchecked("alice"),
                client_id: ClientId::unchecked("d"),
                valid_until: Timestamp(1),
                asset: crate::AssetCode::unchecked("KRW"),
                amount: Decimal(1),
            }
            .into(),
            "a Deposit does not belong into orders: send PlaceOrder",
        ),
        (with(place(), |r| r.account = AccountId::unchecked("")), "account: account \"\" is not valid: 1 to 36"),
        (with(cancel(), |r| r.account = AccountId::unchecked(&long)), "account: account \"xxxx"),
        (with(place(), |r| r.client_order_id = ClientId::unchecked("a b")), "client_order_id: client id \"a b\""),
        (with(amend(), |r| r.client_order_id = ClientId::unchecked("호")), "client_order_id: client id \"호\""),
        (with(amend(), |r| r.orig_client_order_id = ClientId::unchecked("")), "orig_client_order_id: client id \"\""),
        (with(reduce(), |r| r.orig_client_order_id = ClientId::unchecked("")), "orig_client_order_id: client id \"\""),
        (with(cancel(), |r| r.orig_client_order_id = ClientId::unchecked("")), "orig_client_order_id: client id \"\""),
        (
            with(place(), |r| r.account = AccountId::unchecked("bob")),
            "the record's key is \"alice\" and its account bob: send it again",
        ),
        (with(place(), |r| r.valid_until = Timestamp(0)), "valid_until 0 is out of range: give milliseconds"),
        (with(amend(), |r| r.valid_until = Timestamp(-5)), "valid_until -5 is out of range"),
        (with(reduce(), |r| r.valid_until = MAX_TIME.plus_ms(1)), "valid_until 253402300800000 is out of range"),
        (with(cancel(), |r| r.valid_until = Timestamp(i64::MAX)), "valid_until 9223372036854775807 is out of range"),
        (with(place(), |r| r.symbol = Symbol::unchecked("krw")), "symbol: symbol \"krw\" is not valid: 1 to 24"),
        (with(place(), |r| r.price = Some(Decimal::ZERO)), "price 0 is out of range: give a number above 0"),
        (with(place(), |r| r.quantity = Some(Decimal(-1))), "quantity -0.0000000001 is out of range"),
        (with(place(), |r| r.amount = Some(Decimal(i128::MAX))), "amount 17014118346046923173168730371.5884105727 is"),
        (with(place(), |r| r.amount = Some(Decimal(i128::MIN))), "amount -17014118346046923173168730371.5884105728"),
        (with(amend(), |r| r.price = Some(Decimal(-1))), "price -0.0000000001 is out of range"),
        (with(amend(), |r| r.quantity = Some(Decimal::ZERO)), "quantity 0 is out of range"),
        (with(reduce(), |r| r.quantity = Decimal::ZERO), "quantity 0 is out of range"),
    ];
    for (record, expect) in cases {
        let letter = check(Body::Record(record), b"alice", Err(expect)).expect("a dead letter");
        assert_eq!((letter.key.as_slice(), letter.value.as_slice()), (&b"alice"[..], &b"the bytes"[..]));
    }
    let malformed = Body::Malformed { reason: "magic byte 0x7b, not 0x00" };
    check(malformed, b"", Err("not a record: magic byte 0x7b, not 0x00; send Avro"));
    check(Body::Record(&place().into()), b"", Err("the record's key is \"\" and its account alice"));
}

#[test]
fn the_first_refusal_in_order_of_precedence_is_given() {
    let mut order = place();
    order.price = Some(Decimal::ZERO);
    let wrong_symbol = with(order, |r| r.symbol = Symbol::unchecked(""));
    check(Body::Record(&wrong_symbol), b"alice", Err("symbol: "));
    let Record::PlaceOrder(order) = wrong_symbol else { unreachable!("it is a PlaceOrder") };
    let late = with(order, |r| r.valid_until = Timestamp(0));
    check(Body::Record(&late), b"alice", Err("valid_until "));
    check(Body::Record(&late), b"bob", Err("the record's key "));
    let Record::PlaceOrder(order) = late else { unreachable!("it is a PlaceOrder") };
    let no_id = with(order, |r| r.client_order_id = ClientId::unchecked(""));
    check(Body::Record(&no_id), b"bob", Err("client_order_id: "));
}

#[test]
fn a_dead_letter_is_bounded() {
    let reason = "호".repeat(1_000);
    let key = vec![0xff; 10_000];
    let value = vec![1; 1 << 20];
    let input = Input {
        offset: 0,
        time: Timestamp(0),
        append_time: Timestamp(0),
        key: &key,
        value: &value,
        body: Body::Malformed { reason: &reason },
    };
    let mut effects = Effects::default();
    Admission::new(0).apply(&input, &mut effects).unwrap();
    let Record::DeadLetter(letter) = &effects.as_slice()[0].record else { panic!("a dead letter") };
    assert_eq!((letter.key.len(), letter.value.len()), (dead_letter::MAX_KEY, dead_letter::MAX_VALUE));
    assert!(letter.reason.len() <= dead_letter::MAX_REASON && letter.reason.contains("호호"));
}

#[test]
fn clocks_are_passed_over_and_counts_are_saved() {
    let mut machine = Admission::new(0);
    let mut effects = Effects::default();
    for record in [Record::from(Clock { time: Timestamp(5) }), place().into(), cancel().into()] {
        let key: &[u8] = if matches!(record, Record::CancelOrder(_)) { b"" } else { b"alice" };
        let (time, value) = (Timestamp(5), &b""[..]);
        let input = Input { offset: 0, time, append_time: time, key, value, body: Body::Record(&record) };
        machine.apply(&input, &mut effects).unwrap();
    }
    assert_eq!(machine.counts(), Counts { admitted: 1, dead: 1 });
    assert_eq!(effects.len(), 2);
    let mut copy = Admission::new(0);
    copy.load(&machine.save()).unwrap();
    assert_eq!((copy.save(), copy.counts()), (machine.save(), machine.counts()));
    assert!(copy.load(&[0xff]).is_err());
}
