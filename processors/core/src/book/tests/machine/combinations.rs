//! Which held orders a book takes: every combination of type, side, time in force, post-only and what is named.

use super::*;

/// Type, sides, times in force, post-only, and which of price, quantity and amount are named.
type Combination = (OrderType, &'static [Side], &'static [TimeInForce], &'static [bool], &'static [[bool; 3]]);
const COMBINATIONS: [Combination; 6] = {
    use {OrderType::*, TimeInForce::*};
    [
        (Limit, Side::ALL, &[Gtc, Day], &[false, true], &[[true, true, false]]),
        (Limit, Side::ALL, &[Ioc, Fok], &[false], &[[true, true, false]]),
        (Market, &[Side::Buy], &[Ioc], &[false], &[[false, false, true]]),
        (Market, &[Side::Buy], &[Fok], &[false], &[[false, true, true]]),
        (Market, &[Side::Sell], &[Ioc], &[false], &[[false, true, false]]),
        (Market, &[Side::Sell], &[Fok], &[false], &[[false, true, false], [false, true, true]]),
    ]
};

#[test]
fn no_other_combination_comes_to_a_book() {
    let (both, named) =
        ([false, true], [0, 1, 2, 3, 4, 5, 6, 7].map(|set: u8| [set & 1 > 0, set & 2 > 0, set & 4 > 0]));
    let mut taken = 0;
    for (order_type, side) in OrderType::ALL.iter().flat_map(|of| Side::ALL.iter().map(move |side| (*of, *side))) {
        for (time_in_force, post_only) in TimeInForce::ALL.iter().flat_map(|of| both.map(|post| (*of, post))) {
            for names in named {
                let is_one = COMBINATIONS.iter().any(|(types, sides, times, posts, sets)| {
                    *types == order_type
                        && sides.contains(&side)
                        && times.contains(&time_in_force)
                        && posts.contains(&post_only)
                        && sets.contains(&names)
                });
                let [price, quantity, amount] = names.map(|is_named| is_named.then(|| Decimal::from_int(100)));
                let of_book = order(1, "ann", side, 1, 1);
                let order = HeldOrder { order_type, time_in_force, post_only, price, quantity, amount, ..of_book };
                let outcome = Bench::<FastBook>::open(&["X"]).try_give(order.clone());
                assert_eq!(outcome.is_ok(), is_one, "{order:?}: {outcome:?}");
                taken += u32::from(is_one);
            }
        }
    }
    assert_eq!(taken, 17);
}
