//! More accounts without a deposit than holds remembers one by one.

use super::script::{MARKET, Player};
use crate::Settings;
use crate::holds::identity::MAX_STRANGERS;

const PLACE: &str = "KRW-BTC BUY LIMIT GTC price=1000 qty=10";

#[track_caller]
fn comes(player: &mut Player, line: &str, expect: &str) {
    let came = player.play(line);
    assert!(came.contains(expect), "expected {expect:?}, came:\n{came}");
}

#[test]
fn what_is_refused_in_a_crowd_stays_refused() {
    let mut player = Player::new(Settings::default());
    player.play(MARKET);
    for stranger in 0..MAX_STRANGERS {
        comes(&mut player, &format!("place s{stranger} o1 {PLACE}"), "UNKNOWN_ACCOUNT");
    }
    let copy = format!("place late o1 {PLACE} until=1060000");
    comes(&mut player, &copy, "WINDOW_FULL: 0 of 0 client ids");
    comes(&mut player, "deposit late d1 KRW 100000", "JOURNAL 1 DEPOSIT");
    comes(&mut player, &copy, "WINDOW_FULL: the window was full; use a valid-until after 1060000");
    comes(&mut player, &format!("place late o2 {PLACE} until=1060001"), "PENDING");
    // Once what they are remembered for is over, there is room again.
    player.time += 60_001;
    comes(&mut player, &format!("place new o1 {PLACE}"), "UNKNOWN_ACCOUNT");
}
