//! The client ids that accounts have used: what makes a command happen once.
//!
//! A command's identity is its client id and its valid-until. An id is remembered until its valid-until, an open
//! order's at least until it closes, and a command refused for a valid-until too far ahead for [`REMEMBER_MS`] at most.
//!
//! All ids of all accounts lie in one slab, one line of the cache each, with one table and one ring of times
//! ([`Expiry`]). A place that falls due is given to the next id that comes, so that both touch one line.
//!
//! Invariants:
//! 1. While a command could still be carried out, its first outcome stands: a copy of a command that was carried out
//!    or refused never does anything.
//! 2. What could not be remembered for want of room is covered by `full_until`: while a window is not certain that
//!    an id is new, it refuses it.
//! 3. An id past its time counts as forgotten, whether or not it was purged: look-ups and exports pass it over, and
//!    after [`Windows::purge`] without a bound the numbers of ids are the same whatever was purged before.
//! 4. In the ring an id is once, at or before its time; only an open order's that is past its time is not there.
//!
//! Left out on purpose: which commands may pass a full window; that is `checks.rs`. And a secret in the hash: who
//! makes up ids of one hash makes look-ups of those longer, and of no more than a window holds.

mod expiry;
#[cfg(test)]
mod tests;

use crate::ids::ClientId;
use crate::places::{Places, hash_of};
use crate::slab::{NONE, Slab, TWOFOLD};
use crate::time::Timestamp;
use expiry::Expiry;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use std::hash::Hasher;

/// How far ahead a valid-until may be, and how long a cancel burns an id that it does not find.
pub const VALID_AHEAD_MS: i64 = 600_000;
/// The longest that an id is remembered, but for open orders: only a valid-until too far ahead could ask for more,
/// and would lock the account out with ids that nobody will send again.
pub const REMEMBER_MS: i64 = 2 * VALID_AHEAD_MS;
/// The window that stands in for those of all strangers that found no room: no id is in it, it has `full_until` only.
pub const CROWD: u32 = 0;

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
}

/// A window as it is saved: its ids, sorted by name, and `full_until` if it still matters.
pub type SavedWindow = (Vec<Remembered>, Timestamp);

/// An id of an account, as it is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    pub id: &'a ClientId,
    window: u32,
    hash: u32,
}

impl<'a> Key<'a> {
    /// An id in a window.
    pub fn new(window: u32, id: &'a ClientId) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write(id.as_str().as_bytes());
        Self { id, window, hash: hash_of(hasher.finish() ^ u64::from(window)) }
    }
}

/// Where an id lies. In a free place the id is empty.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    known: Remembered,
    window: u32,
    hash: u32,
    /// The open order that it names, as a slot of the order store; or [`NONE`].
    open_order: u32,
    /// What [`Expiry::add`] gave; or [`OUTSIDE`].
    link: u32,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// The link of what is not in the ring.
const OUTSIDE: u32 = NONE;

impl Slot {
    /// Whether the id counts as remembered.
    fn counts(&self, now: Timestamp) -> bool {
        self.known.until >= now || self.open_order != NONE
    }

    fn is_free(&self) -> bool {
        self.known.id.as_str().is_empty()
    }
}

/// What there is of one account alone.
#[derive(Debug, Default)]
struct Window {
    /// How many places are its ids', those past their time that were not purged among them.
    len: u32,
    full_until: Timestamp,
}

/// The ids of all accounts. Look-ups go through a hash table; everything that is listed is sorted by id.
#[derive(Debug)]
pub struct Windows {
    windows: Slab<Window>,
    slots: Slab<Slot, TWOFOLD>,
    places: Places,
    expiry: Expiry,
}

impl Windows {
    /// The crowd's, which is empty; at a time from which on there will be others.
    pub fn new(now: Timestamp) -> Self {
        let (windows, slots, places) = (Slab::new(), Slab::new(), Places::new());
        let mut all = Self { windows, slots, places, expiry: Expiry::new(now) };
        assert_eq!(all.add_window(), CROWD, "the first window");
        all
    }

    /// Adds an empty window; its number.
    pub fn add_window(&mut self) -> u32 {
        self.windows.insert(Window::default())
    }

    /// Takes away a window without ids; its number is given out again.
    pub fn drop_window(&mut self, window: u32) {
        assert_eq!(self.len(window), 0, "ids of a window that goes");
        self.windows.free(window);
    }

    /// Forgets what is past its time, after a look at no more than `budget` ids.
    pub fn purge(&mut self, now: Timestamp, budget: usize) {
        for _ in 0..budget {
            let Some((due, at)) = self.expiry.take_due(now, |at| self.slots.get(at).link) else { break };
            let slot = self.slots.get_mut(at);
            if slot.known.until > due {
                self.queue(at);
            } else if slot.open_order == NONE {
                self.forget(at);
            } else {
                slot.link = OUTSIDE;
            }
        }
    }

    /// How many ids are remembered; too many by those that are past their time and were not purged.
    pub fn len(&self, window: u32) -> usize {
        self.windows.get(window).len as usize
    }

    /// Whether a window has nothing that could matter at `now`; perhaps not yet where it was not purged.
    pub fn is_idle(&self, window: u32, now: Timestamp) -> bool {
        self.len(window) == 0 && self.full_until(window) < now
    }

    /// Commands valid no longer than this, whose id is not remembered, may be copies of refused ones.
    pub fn full_until(&self, window: u32) -> Timestamp {
        self.windows.get(window).full_until
    }

    /// From here on refuses unknown ids of commands valid up to `until`: one of them was refused unremembered.
    pub fn raise_full_until(&mut self, window: u32, until: Timestamp) {
        let window = self.windows.get_mut(window);
        window.full_until = window.full_until.max(until);
    }

    /// Where an id lies, perhaps past its time.
    pub fn place_of(&self, key: &Key<'_>) -> Option<u32> {
        self.places.find(key.hash, |at| {
            let slot = self.slots.get(at);
            slot.window == key.window && slot.known.id == *key.id
        })
    }

    /// Where an id lies, if it is remembered.
    pub fn find(&self, key: &Key<'_>, now: Timestamp) -> Option<u32> {
        self.place_of(key).filter(|at| self.slots.get(*at).counts(now))
    }

    /// The id that lies there.
    pub fn get(&self, at: u32) -> &Remembered {
        &self.slots.get(at).known
    }

    /// The open order that it names.
    pub fn open_order(&self, at: u32) -> Option<u32> {
        Some(self.slots.get(at).open_order).filter(|order| *order != NONE)
    }

    /// Remembers a new id up to and with `until`; where it lies.
    pub fn remember(&mut self, key: &Key<'_>, valid_until: Timestamp, until: Timestamp, used_for: Use) -> u32 {
        let known = Remembered { id: key.id.clone(), valid_until, until, used_for };
        let Some(at) = self.place_of(key) else {
            let at = self.add(key.window, key.hash, known);
            self.queue(at);
            return at;
        };
        // It is past its time and was not purged: what is in the ring for it is before the new time.
        let slot = self.slots.get_mut(at);
        assert!(!slot.counts(until), "client id {} is remembered twice", key.id);
        slot.known = known;
        at
    }

    /// Notes that an id names an open order.
    pub fn open(&mut self, at: u32, order: u32) {
        self.slots.get_mut(at).open_order = order;
    }

    /// Notes that the order which an id names is closed: the id is kept until its time only.
    pub fn close(&mut self, at: u32, order: u32, now: Timestamp) {
        let slot = self.slots.get_mut(at);
        assert_eq!(slot.open_order, order, "client id {}: the order that it names closes once", slot.known.id);
        slot.open_order = NONE;
        match slot.link == OUTSIDE {
            true if slot.known.until < now => self.forget(at),
            true => self.queue(at),
            false => {}
        }
    }

    /// Remembers an id for longer.
    pub fn prolong(&mut self, at: u32, until: Timestamp) {
        let known = &mut self.slots.get_mut(at).known;
        known.until = known.until.max(until);
    }

    /// A burned id gets the identity of the order that was refused for it.
    pub fn take_burned(&mut self, at: u32, valid_until: Timestamp) {
        let known = &mut self.slots.get_mut(at).known;
        assert_eq!(known.used_for, Use::Burned, "client id {}", known.id);
        (known.used_for, known.valid_until) = (Use::Place, valid_until);
    }

    /// What is remembered at `now` in each window, by its number.
    pub fn export(&self, now: Timestamp) -> Vec<SavedWindow> {
        let full_until = |window: &Window| Some(window.full_until).filter(|until| *until >= now).unwrap_or_default();
        let empty = |window: &Window| (Vec::with_capacity(window.len as usize), full_until(window));
        let mut saved: Vec<SavedWindow> = self.windows.all().iter().map(empty).collect();
        for slot in self.slots.all().iter().filter(|slot| !slot.is_free() && slot.counts(now)) {
            saved[slot.window as usize].0.push(slot.known.clone());
        }
        for (list, _) in &mut saved {
            list.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        }
        saved
    }

    /// Adds a window that was exported; its number. Open orders are noted by [`Self::open`], and then comes
    /// [`Self::finish_import`]. An error names an id that is there twice.
    pub fn import(&mut self, (list, full_until): SavedWindow, now: Timestamp) -> Result<u32, String> {
        let window = self.add_window();
        self.raise_full_until(window, full_until);
        for known in list {
            let key = Key::new(window, &known.id);
            if known.id.as_str().is_empty() || self.place_of(&key).is_some() {
                return Err(format!("client id {:?} is empty or there twice", known.id.as_str()));
            }
            let (hash, in_time) = (key.hash, known.until >= now);
            let at = self.add(window, hash, known);
            if in_time {
                self.queue(at);
            }
        }
        Ok(window)
    }

    /// Forgets what was imported past its time and is no open order's.
    pub fn finish_import(&mut self) {
        let places = (0u32..).zip(self.slots.all());
        let past = places.filter(|(_, slot)| slot.link == OUTSIDE && slot.open_order == NONE && !slot.is_free());
        let past: Vec<u32> = past.map(|(at, _)| at).collect();
        past.into_iter().for_each(|at| self.forget(at));
    }

    fn add(&mut self, window: u32, hash: u32, known: Remembered) -> u32 {
        let at = self.slots.insert(Slot { known, window, hash, open_order: NONE, link: OUTSIDE });
        self.places.insert(hash, at);
        self.windows.get_mut(window).len += 1;
        at
    }

    fn queue(&mut self, at: u32) {
        let slot = self.slots.get_mut(at);
        slot.link = self.expiry.add(slot.known.until, at);
    }

    fn forget(&mut self, at: u32) {
        let slot = self.slots.get_mut(at);
        slot.known.id = ClientId::default();
        self.places.remove(slot.hash, at);
        self.windows.get_mut(slot.window).len -= 1;
        self.slots.free(at);
    }
}
