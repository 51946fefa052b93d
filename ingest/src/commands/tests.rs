//! Lines and what comes of them.

use super::*;

const NOW: i64 = 1_700_000_000_000;

fn parse(text: &str) -> Result<Record, String> {
    let mut count = 0;
    let mut next_id = || {
        count += 1;
        ClientId::unchecked(&format!("auto-{count}"))
    };
    let mut defaults = Defaults { now: Timestamp(NOW), valid_for_ms: VALID_FOR_MS, next_id: &mut next_id };
    parse_command(7, text, &mut defaults).map_err(|error| error.to_string())
}

fn placed(extra: &str) -> Result<PlaceOrder, String> {
    let line = format!(r#"{{"action":"place","account":"a1","symbol":"KRW-BTC","side":"BUY","type":"LIMIT"{extra}}}"#);
    parse(&line).map(|record| match record {
        Record::PlaceOrder(order) => order,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_limit_order_gets_its_defaults() {
    let order = placed(r#","price":"75000","quantity":"0.1""#).unwrap();
    assert_eq!(order.client_order_id.as_str(), "auto-1");
    assert_eq!(order.valid_until, Timestamp(NOW + 60_000));
    assert_eq!(order.time_in_force, TimeInForce::Gtc);
    assert_eq!((order.post_only, order.amount), (false, None));
    let given = r#","price":"1","quantity":"2","clientOrderId":"mine","validUntil":1700000000005,"postOnly":true,
        "timeInForce":"DAY","selfMatchPrevention":"NONE","quoteOrderQty":null"#;
    let order = placed(given).unwrap();
    assert_eq!((order.client_order_id.as_str(), order.valid_until), ("mine", Timestamp(NOW + 5)));
    assert_eq!((order.time_in_force, order.post_only), (TimeInForce::Day, true));
    assert_eq!(order.self_match_prevention, SelfMatchPrevention::None);
}

#[test]
fn numbers_are_exact_in_quotes_or_not() {
    for (written, exact) in [
        ("\"0.1\"", "0.1"),
        ("0.1", "0.1"),
        ("3", "3"),
        ("0.1000000000", "0.1"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678.0123456789", "123456789012345678.0123456789"),
    ] {
        let order = placed(&format!(r#","price":{written},"quantity":1"#)).unwrap();
        assert_eq!(order.price.unwrap().to_string(), exact, "{written}");
    }
}

#[test]
fn every_action_becomes_its_record() {
    use hoga_core::records::RecordKind::*;
    for (line, kind) in [
        (
            r#"{"action":"place","account":"a","symbol":"S","side":"BUY","type":"MARKET","quoteOrderQty":"5"}"#,
            PlaceOrder,
        ),
        (r#"{"action":"amend","account":"a","origClientOrderId":"x","price":"5"}"#, AmendOrder),
        (r#"{"action":"reduce","account":"a","origClientOrderId":"x","quantity":"5"}"#, ReduceOrder),
        (r#"{"action":"cancel","account":"a","origClientOrderId":"x"}"#, CancelOrder),
        (r#"{"action":"deposit","account":"a","asset":"KRW","amount":"5"}"#, Deposit),
        (r#"{"action":"withdrawal","account":"a","asset":"KRW","amount":5}"#, Withdrawal),
        (r#"{"action":"listAsset","asset":"KRW","digits":0}"#, AssetListing),
        (r#"{"action":"feeSchedule","name":"usual","makerFeePpm":100,"takerFeePpm":200}"#, FeeSchedule),
        (
            r#"{"action":"listInstrument","symbol":"S","base":"B","quote":"Q","tick":"1","lot":"1","feeSchedule":"usual"}"#,
            InstrumentListing,
        ),
        (r#"{"action":"phase","symbol":"S","phase":"OPEN"}"#, PhaseChange),
    ] {
        assert_eq!(parse(line).map(|record| record.kind()), Ok(kind), "{line}");
    }
}

#[test]
fn bad_values_name_line_field_value_and_rule() {
    for (extra, said) in [
        (r#","price":"NaN","quantity":1"#, r#"line 7: price "NaN" is not valid: not a plain decimal"#),
        (r#","price":-1,"quantity":1"#, "line 7: price -1 is not valid: it must be above zero"),
        (r#","price":"0","quantity":1"#, "line 7: price 0 is not valid: it must be above zero"),
        (r#","price":1e308,"quantity":1"#, "line 7: price 1e308 is not valid: not a plain decimal"),
        (r#","price":"0.123456789012345678901234567891","quantity":1"#, "is not valid: more than 10 decimal places"),
        (r#","price":"1","quantity":99999999999999999999999999999"#, "more than 28 digits before the point"),
        (r#","price":[1],"quantity":1"#, "line 7: price [1] is not valid"),
        (r#","price":true,"quantity":1"#, "line 7: price true is not valid"),
        (r#","quantity":1"#, "line 7: price is missing: a LIMIT order trades at this price or better"),
        (r#","price":1"#, "line 7: quantity is missing"),
        (r#","price":1,"quantity":1,"timeInForce":"GTX""#, r#""GTX" is not valid: one of GTC, IOC, FOK, DAY"#),
        (r#","price":1,"quantity":1,"postOnly":"yes""#, r#"postOnly "yes" is not valid: true or false"#),
        (
            r#","price":1,"quantity":1,"prise":2"#,
            r#"there is no field "prise" in place; its fields are action, account"#,
        ),
        (r#","price":1,"price":2,"quantity":1"#, r#"the field "price" stands twice"#),
        (r#","price":1,"quantity":1,"validUntil":1"#, "validUntil 1 is not valid: from now"),
        (r#","price":1,"quantity":1,"validUntil":1700000600001"#, "to 10 minutes ahead"),
        (r#","price":1,"quantity":1,"validUntil":1.5"#, "validUntil 1.5 is not valid: a whole number"),
        (r#","price":1,"quantity":1,"clientOrderId":"a b""#, "1 to 36 visible ASCII characters"),
        (r#","price":1,"quantity":1,"clientOrderId":5"#, "clientOrderId 5 is not valid: a text in quotes"),
    ] {
        let error = placed(extra).expect_err(extra);
        assert!(error.starts_with("line 7: ") && error.contains(said), "{extra}\n gives {error}\n not   {said}");
    }
}

#[test]
fn lines_that_are_no_command_say_why() {
    let long = format!(r#"{{"action":"{}"}}"#, "x".repeat(crate::json::MAX_LINE));
    let deep = format!(r#"{{"action":{}}}"#, "[".repeat(5_000));
    for (line, said) in [
        ("", "not a JSON object"),
        ("hello", "not a JSON object"),
        ("[]", "expected an object"),
        (r#"{"action":"cancel""#, "EOF"),
        (r#"{"action":"cancel"} {}"#, "trailing characters"),
        ("{}", "action is missing: one of place, amend, reduce, cancel"),
        (r#"{"action":"buy"}"#, r#"action "buy" is not valid: one of place, amend"#),
        (r#"{"action":null}"#, "action is missing"),
        (r#"{"action":"cancel","account":"a"}"#, "origClientOrderId is missing"),
        (r#"{"action":"amend","account":"a","origClientOrderId":"x"}"#, "a new price, a new total quantity, or both"),
        (r#"{"action":"listAsset","asset":"KRW","digits":11}"#, "a whole number from 0 to 10"),
        (r#"{"action":"feeSchedule","name":"n","makerFeePpm":-1,"takerFeePpm":0}"#, "makerFeePpm -1 is not valid"),
        (r#"{"action":"deposit","account":"a","asset":"krw","amount":"5"}"#, "1 to 12 of the characters A-Z"),
        (r#"{"action":"place","account":"a","symbol":"S","side":"BUY","type":"MARKET"}"#, "quoteOrderQty"),
        (long.as_str(), "more than a line may have"),
        (deep.as_str(), "not a JSON object"),
    ] {
        let error = parse(line).expect_err("it is no command");
        assert!(error.starts_with("line 7: ") && error.contains(said), "{line:.80}\n gives {error}\n not   {said}");
    }
}

#[test]
fn a_line_with_more_fields_than_any_command_is_refused_where_it_has_too_many() {
    let fields: Vec<String> = (0..6_500).map(|n| format!(r#""{n}":0"#)).collect();
    let error = parse(&format!("{{{}}}", fields.join(","))).expect_err("it is no command");
    // Fields are compared with each other: of a whole line of short ones that took a third of a second.
    assert!(error.starts_with("line 7: not a JSON object: more than 64 fields at line 1 column 4"), "{error}");
}

#[test]
fn a_message_stays_short_however_long_the_line_is() {
    let long = "x".repeat(60_000);
    for line in [
        format!("\"{long}\""),
        format!(r#"{{"{long}":1}}"#),
        format!(r#"{{"{long}":1,"{long}":2}}"#).chars().take(65_000).collect(),
        format!(r#"{{"action":"{long}"}}"#),
        format!(r#"{{"action":"cancel","account":"{long}"}}"#),
        format!(r#"{{"action":"cancel","account":"a","origClientOrderId":"x","{long}":1}}"#),
        "\u{1}".repeat(60_000),
    ] {
        let error = parse(&line).expect_err("it is no command");
        assert!(error.len() < 1_000, "{} bytes: {error:.80}", error.len());
    }
}
