//! Ids past their time are forgotten with the clocks, without a restart.

use crate::holds::Holds;
use crate::machine::{Body, Effects, Input, Machine};
use crate::records::*;
use crate::{AccountId, AssetCode, ClientId, Decimal, Settings, Timestamp};

#[test]
fn a_clock_forgets_the_ids_of_every_account_that_are_past_their_time() {
    let mut holds = Holds::new(0, &Settings::default());
    let mut give = |time: i64, record: Record| {
        let time = Timestamp(time);
        let body = Body::Record(&record);
        let input = Input { offset: 0, time, append_time: time, key: b"", value: b"", body };
        holds.apply(&input, &mut Effects::default()).unwrap();
        holds.sizes()
    };
    let (asset, id) = (AssetCode::unchecked("KRW"), ClientId::unchecked("d1"));
    give(1_000, AssetListing { command_id: id.clone(), asset: asset.clone(), digits: 0 }.into());
    for (name, valid_ms) in [("alice", 2_000), ("bob", 2_000), ("carol", 2_000), ("dave", 3_000)] {
        let (account, valid_until) = (AccountId::unchecked(name), Timestamp(valid_ms));
        let (client_id, asset, amount) = (id.clone(), asset.clone(), Decimal::from_int(1));
        give(1_000, Deposit { account, client_id, valid_until, asset, amount }.into());
    }
    let sizes = [2_000, 2_001, 3_000, 3_001].map(|time| give(time, Clock { time: Timestamp(time) }.into()));
    assert_eq!(sizes, [(4, 4), (1, 4), (1, 4), (0, 4)]);
}
