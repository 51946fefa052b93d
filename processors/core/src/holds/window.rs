//! The client ids that an account has used: what makes a command happen once.
//!
//! A command's identity is its client id and its valid-until. An id is remembered until its valid-until, an open
//! order's at least until it closes, and a command refused for a valid-until too far ahead for [`REMEMBER_MS`] at most.
//!
//! Invariants:
//! 1. While a command could still be carried out, its first outcome stands: a copy of a command that was carried out
//!    or refused never does anything.
//! 2. What could not be remembered for want of room is covered by `full_until`: while the window is not certain that
//!    an id is new, it refuses it.
//! 3. An id past its time counts as forgotten, whether or not it was purged: after [`Window::expire`] without a
//!    bound, the number of ids is the same whatever was purged before.
//! 4. A slot that is not an open order's has exactly one entry in the expiry queue, at or before its time.
//!
//! Left out on purpose: which commands may pass a full window; that is `checks.rs`.

mod expiry;

use crate::ids::ClientId;
use crate::time::Timestamp;
use expiry::Expiry;
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

/// How far ahead a valid-until may be, and how long a cancel burns an id that it does not find.
pub const VALID_AHEAD_MS: i64 = 600_000;
/// The longest that an id is remembered, but for open orders: only a valid-until too far ahead could ask for more,
/// and would lock the account out with ids that nobody will send again.
pub const REMEMBER_MS: i64 = 2 * VALID_AHEAD_MS;

/// What an id was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Use {
    /// A new order.
    Place,
    /// An amend.
    Amend,
    /// A reduction.
    Reduce,
    /// A cancel.
    Cancel,
    /// A deposit.
    Deposit,
    /// A withdrawal.
    Withdrawal,
    /// Nothing yet: a cancel named it before any command carried it.
    Burned,
}

/// A remembered id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The id.
    pub id: ClientId,
    /// The valid-until of the command that used it: the other half of its identity.
    pub valid_until: Timestamp,
    /// Remembered up to and with this time.
    pub until: Timestamp,
    /// What it was used for.
    pub used_for: Use,
    /// The open order that it names, as a slot of the order store; canonical bytes leave it out.
    #[serde(skip)]
    pub open_order: Option<u32>,
    /// Whether the expiry queue has an entry for it.
    #[serde(skip)]
    queued: bool,
}

/// The ids of one account. Look-ups go through a hash table; everything that is listed is sorted by id.
#[derive(Debug, Clone, Default)]
pub struct Window {
    slots: Vec<Remembered>,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    expiry: Expiry,
    full_until: Timestamp,
}

fn hash_of(id: &ClientId) -> u64 {
    let mut hasher = FxHasher::default();
    id.hash(&mut hasher);
    hasher.finish()
}

impl Window {
    /// Forgets what is past its time, at most `budget` entries; the number looked at.
    pub fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let mut done = 0;
        while done < budget {
            let Some((due, slot)) = self.expiry.take_due(now) else { break };
            done += 1;
            let entry = &mut self.slots[slot as usize];
            entry.queued = false;
            if entry.until > due {
                self.queue(slot);
            } else if entry.open_order.is_none() {
                self.forget(slot);
            }
        }
        done
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether the window remembers nothing that could matter at `now`.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.by_id.is_empty() && self.full_until < now
    }

    /// The id, if it is remembered.
    pub fn find(&self, id: &ClientId) -> Option<&Remembered> {
        self.slot_of(id).map(|slot| &self.slots[slot as usize])
    }

    /// Commands valid no longer than this, whose id is not remembered, may be copies of refused ones.
    pub fn full_until(&self) -> Timestamp {
        self.full_until
    }

    /// Remembers a new id up to and with `until`.
    pub fn remember(&mut self, id: ClientId, valid_until: Timestamp, until: Timestamp, used_for: Use) {
        self.insert(Remembered { id, valid_until, until, used_for, open_order: None, queued: false });
    }

    /// Notes that a remembered id names an open order.
    pub fn open(&mut self, id: &ClientId, order: u32) {
        let slot = self.slot_of(id).expect("an open order's id is remembered");
        self.slots[slot as usize].open_order = Some(order);
    }

    /// Notes that the order of that id is closed: the id is kept until its time only.
    pub fn close(&mut self, id: &ClientId) {
        let slot = self.slot_of(id).expect("an open order's id is remembered");
        let entry = &mut self.slots[slot as usize];
        assert!(entry.open_order.take().is_some(), "client id {id}: its order closes twice");
        if !entry.queued {
            self.queue(slot);
        }
    }

    /// Remembers a known id for longer.
    pub fn prolong(&mut self, id: &ClientId, until: Timestamp) {
        let slot = self.slot_of(id).expect("only a remembered id is remembered for longer");
        let entry = &mut self.slots[slot as usize];
        entry.until = entry.until.max(until);
    }

    /// A burned id gets the identity of the order that was refused for it.
    pub fn take_burned(&mut self, id: &ClientId, valid_until: Timestamp) {
        let slot = self.slot_of(id).expect("a burned id is remembered");
        let entry = &mut self.slots[slot as usize];
        assert_eq!(entry.used_for, Use::Burned, "client id {id}");
        (entry.used_for, entry.valid_until) = (Use::Place, valid_until);
    }

    /// From here on refuses unknown ids of commands valid up to `until`: one of them was refused unremembered.
    pub fn raise_full_until(&mut self, until: Timestamp) {
        self.full_until = self.full_until.max(until);
    }

    /// What is remembered at `now`, sorted by id, and `full_until` if it still matters.
    pub fn export(&self, now: Timestamp) -> (Vec<Remembered>, Timestamp) {
        // A freed slot's id is empty; an open order keeps its id past its time.
        let lives = |e: &&Remembered| !e.id.as_str().is_empty() && (e.until >= now || e.open_order.is_some());
        let bare = |e: &Remembered| Remembered { open_order: None, queued: false, ..e.clone() };
        let mut list: Vec<_> = self.slots.iter().filter(lives).map(bare).collect();
        list.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        (list, if self.full_until < now { Timestamp::default() } else { self.full_until })
    }

    /// The window that was exported; open orders are noted by [`Self::open`]. An error names an id that is there twice.
    pub fn import(list: Vec<Remembered>, full_until: Timestamp) -> Result<Self, String> {
        let mut window = Self { full_until, ..Self::default() };
        for entry in list {
            if entry.id.as_str().is_empty() || window.slot_of(&entry.id).is_some() {
                return Err(format!("client id {:?} is empty or there twice", entry.id.as_str()));
            }
            window.insert(entry);
        }
        Ok(window)
    }

    fn slot_of(&self, id: &ClientId) -> Option<u32> {
        self.by_id.find(hash_of(id), |&slot| self.slots[slot as usize].id == *id).copied()
    }

    fn insert(&mut self, entry: Remembered) {
        debug_assert!(self.slot_of(&entry.id).is_none(), "client id {} is remembered twice", entry.id);
        let hash = hash_of(&entry.id);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = entry;
                slot
            }
            None => {
                self.slots.push(entry);
                u32::try_from(self.slots.len() - 1).expect("a window is bounded far below 2^32 ids")
            }
        };
        let slots = &self.slots;
        self.by_id.insert_unique(hash, slot, |&slot| hash_of(&slots[slot as usize].id));
        self.queue(slot);
    }

    fn queue(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        assert!(!entry.queued, "client id {}: queued twice", entry.id);
        entry.queued = true;
        self.expiry.add(entry.until, slot);
    }

    fn forget(&mut self, slot: u32) {
        let id = std::mem::take(&mut self.slots[slot as usize].id);
        let found = self.by_id.find_entry(hash_of(&id), |&s| s == slot);
        found.expect("a remembered id is in the table").remove();
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn window(entries: &[(&str, i64)]) -> Window {
        let mut window = Window::default();
        for (name, until) in entries {
            window.remember(id(name), Timestamp(*until), Timestamp(*until), Use::Place);
        }
        window
    }

    #[test]
    fn an_id_is_remembered_up_to_and_with_its_time() {
        let mut window = window(&[("a", 10), ("b", 20)]);
        window.expire(Timestamp(10), usize::MAX);
        assert_eq!(window.len(), 2);
        window.expire(Timestamp(11), usize::MAX);
        assert_eq!((window.len(), window.find(&id("a")), window.find(&id("b")).is_some()), (1, None, true));
    }

    #[test]
    fn a_full_window_matters_up_to_and_with_its_time() {
        let mut window = Window::default();
        window.raise_full_until(Timestamp(10));
        let until = |now| window.export(Timestamp(now)).1;
        assert_eq!([9, 10, 11].map(until), [Timestamp(10), Timestamp(10), Timestamp::default()]);
        assert_eq!([9, 10, 11].map(|now| window.is_idle(Timestamp(now))), [false, false, true]);
    }

    #[test]
    fn an_id_is_imported_once_and_has_a_name() {
        let (mut list, full_until) = window(&[("a", 10), ("b", 10)]).export(Timestamp(1));
        assert!(Window::import(list.clone(), full_until).is_ok());
        list[1].id = id("a");
        assert_eq!(
            Window::import(list.clone(), full_until).err(),
            Some("client id \"a\" is empty or there twice".into())
        );
        list[1].id = ClientId::default();
        assert_eq!(Window::import(list, full_until).err(), Some("client id \"\" is empty or there twice".into()));
    }

    #[test]
    fn where_an_open_order_is_kept_shows_in_no_export() {
        let (mut one, mut other) = (window(&[("a", 10)]), window(&[("a", 10)]));
        one.open(&id("a"), 1);
        other.open(&id("a"), 2);
        assert_eq!(one.export(Timestamp(1)), other.export(Timestamp(1)));
    }

    #[test]
    fn an_open_order_keeps_its_id_until_it_closes_and_until_its_time() {
        let mut window = window(&[("early", 10), ("late", 10)]);
        window.open(&id("early"), 1);
        window.open(&id("late"), 2);
        window.close(&id("early"));
        window.expire(Timestamp(10), usize::MAX);
        assert_eq!(window.len(), 2, "closed, but its time is not over");
        window.expire(Timestamp(1_000), usize::MAX);
        assert_eq!((window.len(), window.find(&id("late")).is_some()), (1, true));
        window.close(&id("late"));
        window.expire(Timestamp(1_000), usize::MAX);
        assert_eq!(window.len(), 0);
    }

    #[test]
    fn a_longer_memory_moves_the_expiry() {
        let mut window = window(&[("a", 10)]);
        window.prolong(&id("a"), Timestamp(30));
        window.expire(Timestamp(20), usize::MAX);
        assert_eq!(window.len(), 1);
        window.expire(Timestamp(31), usize::MAX);
        assert_eq!(window.len(), 0);
    }

    #[test]
    fn what_was_purged_shows_neither_in_the_export_nor_in_reuse() {
        let names: Vec<String> = (0..50).map(|n| format!("id-{n}")).collect();
        let entries: Vec<(&str, i64)> = names.iter().map(|n| (n.as_str(), n.len() as i64)).collect();
        let (lazy, mut eager) = (window(&entries), window(&entries));
        assert_eq!(eager.expire(Timestamp(5), 3), 3, "bounded work");
        assert_eq!(lazy.export(Timestamp(5)), eager.export(Timestamp(5)));
        eager.expire(Timestamp(5), usize::MAX);
        assert_eq!(lazy.export(Timestamp(5)), eager.export(Timestamp(5)));
        eager.remember(id("new"), Timestamp(9), Timestamp(9), Use::Cancel);
        assert_eq!(eager.slots.len(), 50, "room is used again");
        let (list, full_until) = eager.export(Timestamp(5));
        let again = Window::import(list.clone(), full_until).unwrap();
        assert_eq!(again.export(Timestamp(5)).0.len(), list.len());
    }
}
