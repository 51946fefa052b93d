//! Whether a command is new, a copy, or refused for its id or its time; and what is remembered of refused ones.
//!
//! Invariants:
//! 1. Every command that is not a copy is remembered, carried out or refused, unless it is late for ever.
//! 2. In a full window a cancel of an open order that has no cancel on its way is still taken and remembered: nobody
//!    is locked in with open orders. That is at most one id beyond the bound for each open order.
//! 3. Accounts without a deposit (strangers) have windows too, within [`MAX_STRANGERS`] and [`STRANGER_IDS`]; beyond
//!    them only the newest valid-until is kept, and accounts opened later refuse unknown ids up to it.
//!
//! Left out on purpose: everything that needs more than the id and the time (`checks.rs`).

use super::Holds;
use super::checks::{Refusal, refuse};
use super::window::{CROWD, Key, REMEMBER_MS, Use, VALID_AHEAD_MS, Windows};
use crate::ids::{AccountId, ClientId};
use crate::machine::Input;
use crate::records::Reason;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Accounts without a deposit whose commands are remembered one by one.
pub const MAX_STRANGERS: usize = 1_024;
/// Client ids that are remembered of each of them.
pub const STRANGER_IDS: usize = 16;
/// The most ids that a command adds: its own, and that of an order which it cancels and does not find.
const MOST_ADDED: usize = 2;
/// Ids that are purged with a command: more than it adds.
const PURGE_BESIDE: usize = 2 * MOST_ADDED;

/// Windows of accounts without a deposit, by their numbers.
#[derive(Debug, Default)]
pub struct Strangers(pub BTreeMap<AccountId, u32>);

impl Strangers {
    /// Makes room for a window of that account, if there is any to be had.
    fn seat(&mut self, account: &AccountId, windows: &mut Windows, now: Timestamp) -> Seat {
        let seat = |window| Seat { window, limit: STRANGER_IDS, member: None };
        if let Some(window) = self.0.get(account) {
            return seat(*window);
        }
        if self.0.len() >= MAX_STRANGERS {
            windows.purge(now, usize::MAX);
            self.drop_idle(windows, now);
        }
        if self.0.len() >= MAX_STRANGERS {
            return Seat { window: CROWD, limit: 0, member: None };
        }
        let window = windows.add_window();
        self.0.insert(account.clone(), window);
        seat(window)
    }

    /// Drops windows that have nothing any more.
    pub fn drop_idle(&mut self, windows: &mut Windows, now: Timestamp) {
        self.0.retain(|_, window| {
            let idle = windows.is_idle(*window, now);
            if idle {
                windows.drop_window(*window);
            }
            !idle
        });
    }
}

/// Whose window a command belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub window: u32,
    /// How many ids it may hold.
    pub limit: usize,
    /// The account, if it is a member's.
    pub member: Option<u32>,
}

/// What identifies a command.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub seat: Seat,
    pub key: Key<'a>,
    pub valid_until: Timestamp,
    pub used_for: Use,
}

impl<'a> Identity<'a> {
    pub fn new(seat: Seat, id: &'a ClientId, valid_until: Timestamp, used_for: Use) -> Self {
        Self { seat, key: Key::new(seat.window, id), valid_until, used_for }
    }
}

/// What is to be done with a command.
#[derive(Debug)]
pub enum Verdict {
    /// It was here before: nothing.
    Copy,
    /// It is new.
    New,
    /// It is refused.
    Refused(Refusal),
}

impl Holds {
    /// Finds the account's window and purges: a few ids, or all that are due where a window might be full, since it
    /// counts there how many there are.
    pub(super) fn seat(&mut self, account: &AccountId) -> Seat {
        let seat = match self.ledger.find_account(account) {
            Some(index) => self.member(index),
            None => self.strangers.seat(account, &mut self.windows, self.time),
        };
        let is_roomy = self.windows.len(seat.window) + MOST_ADDED <= seat.limit;
        self.windows.purge(self.time, if is_roomy { PURGE_BESIDE } else { usize::MAX });
        seat
    }

    /// The seat of a member.
    pub(super) fn member(&self, index: u32) -> Seat {
        let window = self.ledger.account(index).window;
        Seat { window, limit: self.limits.max_client_ids, member: Some(index) }
    }

    /// The window with which an account opens.
    pub(super) fn take_stranger(&mut self, account: &AccountId) -> u32 {
        let window = self.strangers.0.remove(account).unwrap_or_else(|| self.windows.add_window());
        self.windows.raise_full_until(window, self.windows.full_until(CROWD));
        window
    }

    /// Judges a command by its identity and its time. `room` is how many ids it needs room for; none for what may
    /// pass a full window.
    pub(super) fn verdict(&self, command: &Identity<'_>, room: usize, input: &Input<'_>) -> Verdict {
        let known = self.windows.find(&command.key, self.time).map(|at| self.windows.get(at));
        if known.is_some_and(|k| k.valid_until == command.valid_until && k.used_for == command.used_for) {
            return Verdict::Copy;
        }
        let outcome = check_time(command.valid_until, input).and_then(|()| match known {
            Some(known) if known.used_for == Use::Burned && command.used_for == Use::Place => {
                refuse(Reason::CanceledBefore, || format!("a cancel of {} came before it; place it anew", known.id))
            }
            Some(known) => refuse(Reason::DuplicateClientId, || {
                format!("{} is in use until {}; choose a new client id", known.id, known.until)
            }),
            None if room > 0 => self.check_room(command, room),
            None => Ok(()),
        });
        match outcome {
            Ok(()) => Verdict::New,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// Remembers a command that is carried out; where its id lies.
    pub(super) fn remember(&mut self, command: &Identity<'_>) -> u32 {
        self.windows.remember(&command.key, command.valid_until, command.valid_until, command.used_for)
    }

    /// Remembers a command that is refused, so that no copy of it is ever carried out.
    pub(super) fn remember_refused(&mut self, command: &Identity<'_>, input: &Input<'_>) {
        let &Identity { seat, ref key, valid_until, used_for } = command;
        if self.time > valid_until {
            return; // machine time never goes back: every copy is late
        }
        let until = valid_until.min(latest(input).plus_ms(REMEMBER_MS));
        match self.windows.find(key, self.time) {
            Some(at) => {
                if self.windows.get(at).used_for == Use::Burned && used_for == Use::Place {
                    self.windows.take_burned(at, valid_until);
                }
                self.windows.prolong(at, until);
            }
            None => self.remember_if_room(seat, key, valid_until, until, used_for),
        }
    }

    /// Burns the id of an order that a cancel did not find: while it is remembered no order can be placed under it.
    pub(super) fn burn(&mut self, seat: Seat, id: &ClientId, input: &Input<'_>) {
        let (key, until) = (Key::new(seat.window, id), latest(input).plus_ms(VALID_AHEAD_MS));
        match self.windows.find(&key, self.time) {
            Some(at) => self.windows.prolong(at, until),
            None => self.remember_if_room(seat, &key, until, until, Use::Burned),
        }
    }

    fn remember_if_room(&mut self, seat: Seat, key: &Key<'_>, valid_until: Timestamp, until: Timestamp, used_for: Use) {
        if self.windows.len(seat.window) < seat.limit {
            self.windows.remember(key, valid_until, until, used_for);
        } else {
            self.windows.raise_full_until(seat.window, until);
        }
    }

    fn check_room(&self, command: &Identity<'_>, room: usize) -> Result<(), Refusal> {
        let Seat { window, limit, .. } = command.seat;
        let (len, full_until) = (self.windows.len(window), self.windows.full_until(window));
        if len + room > limit {
            return refuse(Reason::WindowFull, || {
                format!("{len} of {limit} client ids are remembered; wait until some are past their valid-until")
            });
        }
        if command.valid_until <= full_until {
            return refuse(Reason::WindowFull, || format!("the window was full; use a valid-until after {full_until}"));
        }
        Ok(())
    }
}

/// Machine time stands still while no clock comes, and then jumps. What is to be remembered for a while is remembered
/// from the later of both times on, or the jump would end it at once.
fn latest(input: &Input<'_>) -> Timestamp {
    input.time.max(input.append_time)
}

fn check_time(valid_until: Timestamp, input: &Input<'_>) -> Result<(), Refusal> {
    let now = latest(input);
    if now > valid_until {
        return refuse(Reason::Late, || format!("valid until {valid_until}, but it is {now}; send it anew"));
    }
    let latest = input.time.plus_ms(VALID_AHEAD_MS);
    if valid_until > latest {
        return refuse(Reason::ValidUntilTooFar, || {
            format!("valid until {valid_until} is more than {VALID_AHEAD_MS} ms ahead; the latest is {latest} now")
        });
    }
    Ok(())
}
