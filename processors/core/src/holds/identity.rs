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
use super::window::{REMEMBER_MS, Use, VALID_AHEAD_MS, Window};
use crate::ids::{AccountId, ClientId};
use crate::machine::Input;
use crate::records::Reason;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Accounts without a deposit whose commands are remembered one by one.
pub const MAX_STRANGERS: usize = 1_024;
/// Client ids that are remembered of each of them.
pub const STRANGER_IDS: usize = 16;

/// Windows of accounts without a deposit.
#[derive(Debug, Default)]
pub struct Strangers {
    pub windows: BTreeMap<AccountId, Window>,
    /// Stands in for all that found no room: it has room for none, and so keeps only `full_until`.
    pub crowd: Window,
}

impl Strangers {
    /// The window with which an account opens.
    pub fn take(&mut self, account: &AccountId) -> Window {
        let mut window = self.windows.remove(account).unwrap_or_default();
        window.raise_full_until(self.crowd.full_until());
        window
    }

    /// Makes room for a window of that account, if there is any to be had.
    fn seat(&mut self, account: &AccountId, now: Timestamp) -> Seat {
        if let Some(window) = self.windows.get_mut(account) {
            window.expire(now, usize::MAX);
            return Seat::Stranger;
        }
        if self.windows.len() >= MAX_STRANGERS {
            self.purge(now);
        }
        if self.windows.len() >= MAX_STRANGERS {
            return Seat::Crowd;
        }
        self.windows.insert(account.clone(), Window::default());
        Seat::Stranger
    }

    /// Drops windows that remember nothing any more.
    pub fn purge(&mut self, now: Timestamp) {
        self.windows.retain(|_, window| {
            window.expire(now, usize::MAX);
            !window.is_idle(now)
        });
    }
}

/// Where an account's window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// In the account of that index.
    Member(u32),
    /// Among the strangers.
    Stranger,
    /// There is no room for it.
    Crowd,
}

/// What identifies a command.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub account: &'a AccountId,
    pub id: &'a ClientId,
    pub valid_until: Timestamp,
    pub used_for: Use,
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
    /// Finds the account's window and forgets in it what is past its time.
    pub(super) fn seat(&mut self, account: &AccountId) -> Seat {
        let now = self.time;
        let Some(index) = self.ledger.find_account(account) else { return self.strangers.seat(account, now) };
        self.ledger.account_mut(index).window.expire(now, usize::MAX);
        Seat::Member(index)
    }

    /// The window, and how many ids it may hold.
    pub(super) fn window(&self, seat: Seat, account: &AccountId) -> (&Window, usize) {
        match seat {
            Seat::Member(index) => (&self.ledger.account(index).window, self.limits.max_client_ids),
            Seat::Stranger => (&self.strangers.windows[account], STRANGER_IDS),
            Seat::Crowd => (&self.strangers.crowd, 0),
        }
    }

    /// The window, to be changed.
    pub(super) fn window_mut(&mut self, seat: Seat, account: &AccountId) -> &mut Window {
        match seat {
            Seat::Member(index) => &mut self.ledger.account_mut(index).window,
            Seat::Stranger => self.strangers.windows.get_mut(account).expect("a stranger was given a seat"),
            Seat::Crowd => &mut self.strangers.crowd,
        }
    }

    /// Judges a command by its identity and its time. `room` is how many ids it needs room for; none for what may
    /// pass a full window.
    pub(super) fn verdict(&self, seat: Seat, command: &Identity<'_>, room: usize, input: &Input<'_>) -> Verdict {
        let (window, limit) = self.window(seat, command.account);
        let known = window.find(command.id);
        if known.is_some_and(|k| k.valid_until == command.valid_until && k.used_for == command.used_for) {
            return Verdict::Copy;
        }
        let outcome = check_time(command.valid_until, input).and_then(|()| match known {
            Some(known) if known.used_for == Use::Burned && command.used_for == Use::Place => {
                refuse(Reason::CanceledBefore, || format!("a cancel of {} came before it; place it anew", command.id))
            }
            Some(known) => refuse(Reason::DuplicateClientId, || {
                format!("{} is in use until {}; choose a new client id", command.id, known.until)
            }),
            None if room > 0 => check_room(window, limit, room, command.valid_until),
            None => Ok(()),
        });
        match outcome {
            Ok(()) => Verdict::New,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// Remembers a command that is carried out.
    pub(super) fn remember(&mut self, seat: Seat, command: &Identity<'_>) {
        let window = self.window_mut(seat, command.account);
        window.remember(command.id.clone(), command.valid_until, command.valid_until, command.used_for);
    }

    /// Remembers a command that is refused, so that no copy of it is ever carried out.
    pub(super) fn remember_refused(&mut self, seat: Seat, command: &Identity<'_>, input: &Input<'_>) {
        if self.time > command.valid_until {
            return; // machine time never goes back: every copy is late
        }
        let until = command.valid_until.min(latest(input).plus_ms(REMEMBER_MS));
        let (window, limit) = self.window(seat, command.account);
        let (known, has_room) = (window.find(command.id).map(|k| k.used_for), window.len() < limit);
        let window = self.window_mut(seat, command.account);
        match known {
            Some(used_for) => {
                if used_for == Use::Burned && command.used_for == Use::Place {
                    window.take_burned(command.id, command.valid_until);
                }
                window.prolong(command.id, until);
            }
            None if has_room => window.remember(command.id.clone(), command.valid_until, until, command.used_for),
            None => window.raise_full_until(until),
        }
    }

    /// Burns the id of an order that a cancel did not find: while it is remembered no order can be placed under it.
    pub(super) fn burn(&mut self, seat: Seat, account: &AccountId, id: &ClientId, input: &Input<'_>) {
        let until = latest(input).plus_ms(VALID_AHEAD_MS);
        let (window, limit) = self.window(seat, account);
        let (known, has_room) = (window.find(id).is_some(), window.len() < limit);
        let window = self.window_mut(seat, account);
        match (known, has_room) {
            (true, _) => window.prolong(id, until),
            (false, true) => window.remember(id.clone(), until, until, Use::Burned),
            (false, false) => window.raise_full_until(until),
        }
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

fn check_room(window: &Window, limit: usize, room: usize, valid_until: Timestamp) -> Result<(), Refusal> {
    if window.len() + room > limit {
        return refuse(Reason::WindowFull, || {
            format!("{} of {limit} client ids are remembered; wait until some are past their valid-until", window.len())
        });
    }
    if valid_until <= window.full_until() {
        return refuse(Reason::WindowFull, || {
            format!("the window was full; use a valid-until after {}", window.full_until())
        });
    }
    Ok(())
}
