//! States that no machine saved: loading refuses them or takes them, and never panics.

use super::script::{MARKET, Player};
use crate::holds::Holds;
use crate::machine::Machine;
use crate::settings::Settings;

const ORDERS: &str = "
    deposit alice d1 KRW 100000
    deposit bob d1 BTC 10
    place alice o1 KRW-BTC BUY LIMIT GTC price=1000 qty=10
    amend alice a1 o1 price=2000
    place alice o2 KRW-BTC BUY MARKET IOC amount=50000
    leg alice 0-2 BUY TAKER price=10000 qty=1 fee=10 leaves=39990
    place bob o1 KRW-BTC SELL LIMIT GTC price=3000 qty=5
    reduce bob r1 o1 qty=1
";

#[test]
fn a_state_with_any_bit_changed_is_refused_or_can_be_saved_again() {
    let mut player = Player::new(Settings::default());
    player.play(MARKET);
    let came = player.play(ORDERS);
    assert!(!came.contains("REJECTED") && !came.contains("STOP") && came.contains("held=39990"), "{came}");
    let saved = player.holds.save();
    let (mut refused, mut taken) = (0, 0);
    for bit in 0..saved.len() * 8 {
        let mut bad = saved.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut loaded = Holds::new(0, &Settings::default());
        match loaded.load(&bad) {
            Ok(()) => {
                loaded.save();
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0 && taken > 0, "{refused} refused, {taken} taken");
}
