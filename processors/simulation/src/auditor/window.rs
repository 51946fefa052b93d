//! The client ids that an account has used, as a plain list: docs/decisions/0016.

use std::collections::BTreeMap;

/// What an id was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Place,
    Amend,
    Reduce,
    Cancel,
    Deposit,
    Withdrawal,
    /// A cancel named it before any order did.
    Burned,
}

#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub valid_until: i64,
    pub until: i64,
    pub used_for: Use,
    /// The open order that it names.
    pub open: Option<u64>,
}

/// One account's ids.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub ids: BTreeMap<String, Known>,
    /// Unknown ids that are valid no longer than this may be copies of what was refused unremembered.
    pub full_until: i64,
}

impl Window {
    /// Forgets what is past its time, unless an order of that name is open.
    pub fn forget(&mut self, now: i64) {
        self.ids.retain(|_, known| known.until >= now || known.open.is_some());
    }

    /// Remembers a command that was carried out.
    pub fn remember(&mut self, id: &str, valid_until: i64, used_for: Use) {
        self.ids.insert(id.to_owned(), Known { valid_until, until: valid_until, used_for, open: None });
    }

    /// Remembers a command that was refused at `now`, if there is room among `limit`.
    pub fn remember_refused(&mut self, id: &str, valid_until: i64, used_for: Use, now: i64, limit: usize) {
        let until = valid_until.min(now + 1_200_000);
        let room = self.ids.len() < limit;
        match self.ids.get_mut(id) {
            Some(known) => {
                if known.used_for == Use::Burned && used_for == Use::Place {
                    (known.valid_until, known.used_for) = (valid_until, used_for);
                }
                known.until = known.until.max(until);
            }
            None if room => {
                self.ids.insert(id.to_owned(), Known { valid_until, until, used_for, open: None });
            }
            None => self.full_until = self.full_until.max(until),
        }
    }

    /// Burns an id that a cancel did not find, for ten minutes.
    pub fn burn(&mut self, id: &str, now: i64, limit: usize) {
        let until = now + 600_000;
        let room = self.ids.len() < limit;
        match self.ids.get_mut(id) {
            Some(known) => known.until = known.until.max(until),
            None if room => {
                self.ids.insert(id.to_owned(), Known { valid_until: until, until, used_for: Use::Burned, open: None });
            }
            None => self.full_until = self.full_until.max(until),
        }
    }
}
