//! Windows: what is forgotten when, that purging never shows, and all of it against a plain map.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// A window with these ids and their times, and its number.
fn window(entries: &[(&str, i64)]) -> (Windows, u32) {
    let mut windows = Windows::new(Timestamp(0));
    let number = windows.add_window();
    for (name, until) in entries {
        windows.remember(&Key::new(number, &id(name)), Timestamp(*until), Timestamp(*until), Use::Place);
    }
    (windows, number)
}

impl Windows {
    fn find_at(&self, window: u32, name: &str, now: i64) -> Option<u32> {
        self.find(&Key::new(window, &id(name)), Timestamp(now))
    }

    fn purge_all(&mut self, now: i64) {
        self.purge(Timestamp(now), usize::MAX);
    }

    /// Counts, places and the ring fit the slots (invariants 3 and 4).
    fn check(&self) {
        let mut lens = vec![0; self.windows.all().len()];
        for (at, slot) in (0u32..).zip(self.slots.all()).filter(|(_, slot)| !slot.is_free()) {
            lens[slot.window as usize] += 1;
            assert_eq!(self.place_of(&Key::new(slot.window, &slot.known.id)), Some(at));
            assert!(slot.link != OUTSIDE || slot.open_order != NONE, "{slot:?} will never be forgotten");
        }
        assert_eq!(lens, self.windows.all().iter().map(|window| window.len).collect::<Vec<_>>());
    }
}

#[test]
fn an_id_is_remembered_up_to_and_with_its_time() {
    let (mut windows, w) = window(&[("a", 10), ("b", 20)]);
    windows.purge_all(10);
    assert_eq!((windows.len(w), windows.find_at(w, "a", 10).is_some()), (2, true));
    assert_eq!(windows.find_at(w, "a", 11), None, "past its time, although nobody purged it");
    windows.purge_all(11);
    assert_eq!((windows.len(w), windows.find_at(w, "b", 11).is_some()), (1, true));
}

#[test]
fn a_full_window_matters_up_to_and_with_its_time() {
    let (mut windows, w) = window(&[]);
    windows.raise_full_until(w, Timestamp(10));
    let until = |now| windows.export(Timestamp(now))[w as usize].1;
    assert_eq!([9, 10, 11].map(until), [Timestamp(10), Timestamp(10), Timestamp::default()]);
    assert_eq!([9, 10, 11].map(|now| windows.is_idle(w, Timestamp(now))), [false, false, true]);
    assert_eq!(windows.full_until(CROWD), Timestamp::default(), "another window's");
}

#[test]
fn an_id_is_imported_once_and_has_a_name() {
    let (windows, w) = window(&[("a", 10), ("b", 10)]);
    let import = |list| Windows::new(Timestamp(1)).import((list, Timestamp::default()), Timestamp(1));
    let mut list = windows.export(Timestamp(1)).swap_remove(w as usize).0;
    assert!(import(list.clone()).is_ok());
    list[1].id = id("a");
    assert_eq!(import(list.clone()), Err("client id \"a\" is empty or there twice".into()));
    list[1].id = ClientId::default();
    assert_eq!(import(list), Err("client id \"\" is empty or there twice".into()));
}

#[test]
fn two_accounts_may_use_the_same_id() {
    let (mut windows, one) = window(&[("a", 10)]);
    let other = windows.add_window();
    assert_eq!(windows.find_at(other, "a", 1), None);
    windows.remember(&Key::new(other, &id("a")), Timestamp(20), Timestamp(20), Use::Cancel);
    let used_for = |w| windows.get(windows.find_at(w, "a", 1).unwrap()).used_for;
    assert_eq!([one, other].map(used_for), [Use::Place, Use::Cancel]);
    let saved = windows.export(Timestamp(1));
    let mut loaded = Windows::new(Timestamp(1));
    let numbers: Vec<u32> = saved.iter().skip(1).map(|w| loaded.import(w.clone(), Timestamp(1)).unwrap()).collect();
    assert_eq!((numbers, loaded.export(Timestamp(1))), (vec![one, other], saved));
    windows.purge_all(11);
    assert_eq!([one, other].map(|w| windows.len(w)), [0, 1]);
}

#[test]
fn where_an_open_order_is_kept_shows_in_no_export() {
    let ((mut one, w), (mut other, _)) = (window(&[("a", 10)]), window(&[("a", 10)]));
    one.open(one.find_at(w, "a", 1).unwrap(), 1);
    other.open(other.find_at(w, "a", 1).unwrap(), 2);
    assert_eq!(one.export(Timestamp(1)), other.export(Timestamp(1)));
}

#[test]
fn an_open_order_keeps_its_id_until_it_closes_and_until_its_time() {
    let (mut windows, w) = window(&[("early", 10), ("late", 10), ("unpurged", 990)]);
    let [early, late, unpurged] = ["early", "late", "unpurged"].map(|name| windows.find_at(w, name, 1).unwrap());
    [early, late, unpurged].into_iter().zip(1..).for_each(|(at, order)| windows.open(at, order));
    windows.close(early, 1, Timestamp(5));
    windows.purge_all(10);
    assert_eq!(windows.len(w), 3, "closed, but its time is not over");
    windows.purge_all(900);
    assert_eq!((windows.len(w), windows.find_at(w, "late", 900)), (2, Some(late)));
    windows.close(late, 2, Timestamp(1_000));
    assert_eq!((windows.len(w), windows.find_at(w, "late", 1_000)), (1, None), "forgotten at once");
    windows.close(unpurged, 3, Timestamp(1_000));
    assert_eq!((windows.len(w), windows.find_at(w, "unpurged", 1_000)), (1, None), "it stands in the ring");
    windows.purge_all(1_000);
    assert_eq!(windows.len(w), 0);
    windows.check();
}

#[test]
fn an_open_orders_id_that_is_purged_early_is_kept_for_its_time() {
    let (mut windows, w) = window(&[("a", 10)]);
    let at = windows.find_at(w, "a", 1).unwrap();
    windows.open(at, 1);
    windows.purge_all(11);
    windows.prolong(at, Timestamp(40));
    windows.close(at, 1, Timestamp(20));
    windows.purge_all(40);
    assert_eq!(windows.len(w), 1);
    windows.purge_all(41);
    assert_eq!(windows.len(w), 0);
}

#[test]
#[should_panic(expected = "client id a: the order that it names closes once")]
fn an_order_closes_once() {
    let (mut windows, w) = window(&[("a", 10)]);
    let at = windows.find_at(w, "a", 1).unwrap();
    windows.open(at, 1);
    windows.close(at, 1, Timestamp(1));
    windows.close(at, 1, Timestamp(1));
}

#[test]
fn a_longer_memory_moves_the_expiry() {
    let (mut windows, w) = window(&[("a", 10)]);
    windows.prolong(windows.find_at(w, "a", 1).unwrap(), Timestamp(30));
    windows.purge_all(20);
    assert_eq!(windows.len(w), 1);
    windows.purge_all(31);
    assert_eq!(windows.len(w), 0);
}

#[test]
fn an_id_past_its_time_is_used_again_before_it_is_purged() {
    let (mut windows, w) = window(&[("a", 10)]);
    windows.remember(&Key::new(w, &id("a")), Timestamp(40), Timestamp(40), Use::Cancel);
    assert_eq!(windows.len(w), 1, "in the same place");
    windows.purge_all(40);
    assert_eq!(windows.get(windows.find_at(w, "a", 40).unwrap()).used_for, Use::Cancel);
    windows.purge_all(41);
    assert_eq!(windows.len(w), 0);
}

#[test]
fn what_was_purged_shows_neither_in_the_export_nor_in_reuse() {
    let names: Vec<String> = (0..50).map(|n| format!("id-{n}")).collect();
    let entries: Vec<(&str, i64)> = names.iter().map(|n| (n.as_str(), n.len() as i64)).collect();
    let ((lazy, w), (mut eager, _)) = (window(&entries), window(&entries));
    eager.purge(Timestamp(5), 3);
    assert_eq!(eager.len(w), 47, "bounded work");
    assert_eq!(lazy.export(Timestamp(5)), eager.export(Timestamp(5)));
    eager.purge_all(5);
    assert_eq!(lazy.export(Timestamp(5)), eager.export(Timestamp(5)));
    eager.remember(&Key::new(w, &id("new")), Timestamp(9), Timestamp(9), Use::Cancel);
    assert_eq!(eager.slots.all().len(), 50, "room is used again");
}

#[test]
fn what_is_imported_past_its_time_is_kept_for_open_orders_alone() {
    let (windows, w) = window(&[("closed", 10), ("open", 10), ("new", 20)]);
    let saved = windows.export(Timestamp(0)).swap_remove(w as usize);
    let mut loaded = Windows::new(Timestamp(15));
    let w = loaded.import(saved, Timestamp(15)).unwrap();
    let open = loaded.place_of(&Key::new(w, &id("open"))).unwrap();
    loaded.open(open, 1);
    loaded.finish_import();
    loaded.check();
    assert_eq!((loaded.len(w), loaded.find_at(w, "open", 15)), (2, Some(open)));
    loaded.purge_all(21);
    assert_eq!(loaded.len(w), 1);
}

/// One step of the random test.
#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Purge(usize),
    Remember {
        window: u32,
        name: u8,
        for_ms: i64,
    },
    Prolong {
        window: u32,
        name: u8,
        for_ms: i64,
    },
    /// Opens an order under the id, or closes the one that is open.
    Turn {
        window: u32,
        name: u8,
    },
    Reload,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ms = || prop_oneof![8 => 0i64..40, 1 => 0..3 * expiry::SPAN_MS];
    let (window, name) = (1u32..4, 0u8..6);
    let remember = (window.clone(), name.clone(), ms());
    let prolong = remember.clone();
    let step = prop_oneof![
        3 => ms().prop_map(Step::Wait),
        2 => (0usize..4).prop_map(Step::Purge),
        6 => remember.prop_map(|(window, name, for_ms)| Step::Remember { window, name, for_ms }),
        1 => prolong.prop_map(|(window, name, for_ms)| Step::Prolong { window, name, for_ms }),
        3 => (window, name).prop_map(|(window, name)| Step::Turn { window, name }),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the map says of an id: its time, and its open order.
type Plain = BTreeMap<(u32, String), (Timestamp, Option<u32>)>;

fn reload(windows: &Windows, plain: &Plain, now: Timestamp) -> Windows {
    let mut loaded = Windows::new(now);
    for saved in windows.export(now).into_iter().skip(1) {
        loaded.import(saved, now).unwrap();
    }
    for ((window, name), (_, order)) in plain {
        let Some(order) = order else { continue };
        let at = loaded.place_of(&Key::new(*window, &id(name))).unwrap();
        loaded.open(at, *order);
    }
    loaded.finish_import();
    loaded
}

proptest! {
    /// However time goes, and whatever is purged and when: as a map that forgets everything at its time.
    #[test]
    fn remembers_what_a_map_remembers(steps in steps()) {
        let mut windows = Windows::new(Timestamp(0));
        (1..4).for_each(|number| assert_eq!(windows.add_window(), number));
        let (mut plain, mut now, mut orders) = (Plain::new(), Timestamp(1_000), 0);
        windows.purge(now, 0);
        for step in steps {
            let find = |windows: &Windows, window, name: u8| windows.find_at(window, &name.to_string(), now.0);
            match step {
                Step::Wait(ms) => now = now.plus_ms(ms),
                Step::Purge(budget) => windows.purge(now, budget),
                Step::Remember { window, name, for_ms } => {
                    let until = now.plus_ms(for_ms);
                    if find(&windows, window, name).is_none() {
                        windows.remember(&Key::new(window, &id(&name.to_string())), until, until, Use::Place);
                        plain.insert((window, name.to_string()), (until, None));
                    }
                }
                Step::Prolong { window, name, for_ms } => {
                    if let Some(at) = find(&windows, window, name) {
                        let until = now.plus_ms(for_ms);
                        windows.prolong(at, until);
                        let known = plain.get_mut(&(window, name.to_string())).unwrap();
                        known.0 = known.0.max(until);
                    }
                }
                Step::Turn { window, name } => {
                    if let Some(at) = find(&windows, window, name) {
                        let known = plain.get_mut(&(window, name.to_string())).unwrap();
                        prop_assert_eq!(windows.open_order(at), known.1);
                        match known.1.take() {
                            Some(order) => windows.close(at, order, now),
                            None => {
                                orders += 1;
                                known.1 = Some(orders);
                                windows.open(at, orders);
                            }
                        }
                    }
                }
                Step::Reload => windows = reload(&windows, &plain, now),
            }
            plain.retain(|_, (until, order)| *until >= now || order.is_some());
            windows.check();
            let listed = windows.export(now);
            for window in 1..4 {
                let expect = plain.range((window, String::new())..(window + 1, String::new()));
                let expect: Vec<_> = expect.map(|((_, name), (until, _))| (name.as_str(), *until)).collect();
                let there = listed[window as usize].0.iter();
                let there: Vec<_> = there.map(|known| (known.id.as_str(), known.until)).collect();
                prop_assert_eq!(&there, &expect);
                (0..6).for_each(|name| {
                    let found = windows.find_at(window, &name.to_string(), now.0).is_some();
                    assert_eq!(found, plain.contains_key(&(window, name.to_string())));
                });
            }
            let mut exact = reload(&windows, &plain, now);
            exact.purge(now, usize::MAX);
            for window in 1..4 {
                prop_assert_eq!(exact.len(window), listed[window as usize].0.len(), "counts once purged");
                prop_assert!(windows.len(window) >= exact.len(window));
            }
        }
        windows.purge(now, usize::MAX);
        prop_assert_eq!((1..4).map(|w| windows.len(w)).sum::<usize>(), plain.len(), "exact once purged");
    }
}
