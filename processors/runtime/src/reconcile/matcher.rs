//! One channel's effects, as a replay gives them, against the records that stand in the log: which is which.
//!
//! Reads both in the order in which they were made, and tells where they differ. What meets is forgotten at once.
//!
//! Invariants:
//! 1. A record is matched within its cause only: one that is missing or invented does not make all that follow differ.
//! 2. It is asked for a cause only once the machine has applied it: all its effects are there then.
//! 3. What is kept is what is due and not met, at most [`UNMET`] that were passed over, and one cause's odd records.
//!
//! Left out on purpose: numbers and hashes. That what stands in a channel is numbered and hashed is judged by the reader.

use crate::engine::Emitted;
use hoga_core::records::RecordKind;
use std::collections::VecDeque;

/// Effects that were passed over and may still come, in the wrong place.
const UNMET: usize = 64;

/// A record's kind, key and content, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub cause: u64,
    pub kind: RecordKind,
    /// The key, then the content.
    bytes: Box<[u8]>,
    key_len: u32,
}

impl Content {
    fn new(cause: u64, kind: RecordKind, key: &[u8], content: &[u8]) -> Self {
        Self { cause, kind, bytes: [key, content].concat().into(), key_len: key.len() as u32 }
    }

    pub fn key(&self) -> &[u8] {
        &self.bytes[..self.key_len as usize]
    }

    pub fn content(&self) -> &[u8] {
        &self.bytes[self.key_len as usize..]
    }

    fn is(&self, found: &Found<'_>) -> bool {
        self.kind == found.kind && self.key() == found.key && self.content() == found.content
    }
}

/// A record that stands in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub offset: u64,
    pub cause: u64,
    pub kind: RecordKind,
    pub key: &'a [u8],
    pub content: &'a [u8],
    /// Whether a difference here is to be told.
    pub asked: bool,
}

/// Where one channel differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The record at the offset is not what is due there.
    Changed { offset: u64, found: Content, due: Content },
    /// What is due stands nowhere before the offset.
    Missing { before: u64, due: Content },
    /// Nothing like the record at the offset is due.
    Invented { offset: u64, found: Content },
    /// The record at the offset is the one before it once more.
    Doubled { offset: u64, found: Content },
    /// The record at the offset is due, but earlier or later than it stands.
    Moved { offset: u64, found: Content },
}

impl Told {
    /// The record that it is about.
    pub fn content(&self) -> &Content {
        match self {
            Self::Missing { due: content, .. }
            | Self::Changed { found: content, .. }
            | Self::Invented { found: content, .. }
            | Self::Doubled { found: content, .. }
            | Self::Moved { found: content, .. } => content,
        }
    }
}

/// What becomes of effects that the records do not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// The partition was read to its end: what was caused before `delivered` had to be there, the rest is under way.
    Read { end: u64, delivered: u64 },
    /// No reader accepts what follows the offset, because a record before it is missing: the first of what was caused
    /// before `delivered` is that one, of the others nothing can be said.
    Gap { since: u64, delivered: u64 },
    /// The partition was not read to its end: nothing can be said.
    Unread,
}

#[derive(Debug)]
struct Due {
    content: Content,
    /// A later effect of the same cause was met first.
    passed: bool,
}

#[derive(Debug)]
struct Odd {
    offset: u64,
    asked: bool,
    /// It is what was met last.
    again: bool,
    content: Content,
}

#[derive(Debug)]
struct Unmet {
    before: u64,
    asked: bool,
    content: Content,
}

/// One channel in one partition.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    due: VecDeque<Due>,
    due_bytes: usize,
    /// What stands under the cause in work and is not due.
    odd: Vec<Odd>,
    cause: Option<u64>,
    /// The newest record, and whether differences there are told.
    newest: (u64, bool),
    unmet: VecDeque<Unmet>,
    last: Option<Content>,
    rest: Option<Rest>,
    /// Effects that are not there yet.
    pub under_way: u64,
    /// Effects of which nothing can be said.
    pub unread: u64,
}

impl Matcher {
    /// An effect that the machine gives.
    pub fn due(&mut self, effect: &Emitted<'_>, tell: &mut dyn FnMut(Told)) {
        let content = Content::new(effect.cause, effect.kind, effect.key, effect.content);
        if self.rest.is_some() {
            return self.leave(content, tell);
        }
        self.due_bytes += content.bytes.len();
        self.due.push_back(Due { content, passed: false });
    }

    /// How much is due and not met: records and bytes.
    pub fn owed(&self) -> (usize, usize) {
        (self.due.len(), self.due_bytes)
    }

    /// The next record of the channel.
    pub fn found(&mut self, found: Found<'_>, tell: &mut dyn FnMut(Told)) {
        self.newest = (found.offset, found.asked);
        if self.cause != Some(found.cause) {
            self.settle(tell);
            self.cause = Some(found.cause);
        }
        while let Some(earlier) = self.pop_if(|due| due.cause < found.cause) {
            self.pass_over(earlier, tell);
        }
        let mut group = self.due.iter().take_while(|due| due.content.cause == found.cause);
        let Some(place) = group.position(|due| due.content.is(&found)) else {
            let content = Content::new(found.cause, found.kind, found.key, found.content);
            let again = self.last.as_ref() == Some(&content);
            self.odd.push(Odd { offset: found.offset, asked: found.asked, again, content });
            return;
        };
        self.due.iter_mut().take(place).for_each(|due| due.passed = true);
        let Due { content, passed } = self.due.remove(place).expect("it was found there");
        self.due_bytes -= content.bytes.len();
        if passed && found.asked {
            tell(Told::Moved { offset: found.offset, found: content.clone() });
        }
        self.last = Some(content);
    }

    /// Tells what the cause in work has come to: its records are all read, or the reader wants to know now.
    pub fn settle(&mut self, tell: &mut dyn FnMut(Told)) {
        if self.odd.is_empty() && self.due.front().is_none_or(|due| self.cause.is_none_or(|at| due.content.cause > at))
        {
            return;
        }
        let left = self.settle_odd(tell);
        for content in left {
            self.pass_over(content, tell);
        }
    }

    /// No record follows: tells all that differs, and from here on what becomes of effects at once.
    pub fn finish(&mut self, rest: Rest, tell: &mut dyn FnMut(Told)) {
        let left = self.settle_odd(tell);
        for unmet in std::mem::take(&mut self.unmet) {
            unmet.tell(tell);
        }
        self.rest = Some(rest);
        for content in left {
            self.leave(content, tell);
        }
        while let Some(content) = self.pop_if(|_| true) {
            self.leave(content, tell);
        }
    }

    /// Pairs the odd records of the cause in work with what is due for it; what is due and has no pair.
    fn settle_odd(&mut self, tell: &mut dyn FnMut(Told)) -> Vec<Content> {
        let Some(cause) = self.cause else { return Vec::new() };
        let mut left = Vec::new();
        while let Some(content) = self.pop_if(|due| due.cause <= cause) {
            left.push(content);
        }
        for Odd { offset, asked, again, content: found } in std::mem::take(&mut self.odd) {
            let pair = left.iter().position(|due| due.kind == found.kind && due.cause == found.cause);
            let told = match pair.map(|at| left.remove(at)) {
                Some(due) => Told::Changed { offset, found, due },
                None if self.forget_unmet(&found) => Told::Moved { offset, found },
                None if again => Told::Doubled { offset, found },
                None => Told::Invented { offset, found },
            };
            if asked {
                tell(told);
            }
        }
        left
    }

    fn pop_if(&mut self, wanted: impl Fn(&Content) -> bool) -> Option<Content> {
        let due = self.due.pop_front_if(|due| wanted(&due.content))?;
        self.due_bytes -= due.content.bytes.len();
        Some(due.content)
    }

    fn pass_over(&mut self, content: Content, tell: &mut dyn FnMut(Told)) {
        let (before, asked) = self.newest;
        self.unmet.push_back(Unmet { before, asked, content });
        if self.unmet.len() > UNMET
            && let Some(unmet) = self.unmet.pop_front()
        {
            unmet.tell(tell);
        }
    }

    fn forget_unmet(&mut self, found: &Content) -> bool {
        let place = self.unmet.iter().position(|unmet| unmet.content == *found);
        place.and_then(|at| self.unmet.remove(at)).is_some()
    }

    fn leave(&mut self, due: Content, tell: &mut dyn FnMut(Told)) {
        match self.rest {
            Some(Rest::Read { end, delivered }) if due.cause < delivered => tell(Told::Missing { before: end, due }),
            Some(Rest::Gap { since, delivered }) if due.cause < delivered => {
                tell(Told::Missing { before: since, due });
                self.rest = Some(Rest::Unread);
            }
            Some(Rest::Read { .. } | Rest::Gap { .. }) => self.under_way += 1,
            Some(Rest::Unread) | None => self.unread += 1,
        }
    }
}

impl Unmet {
    fn tell(self, tell: &mut dyn FnMut(Told)) {
        if self.asked {
            tell(Told::Missing { before: self.before, due: self.content });
        }
    }
}

#[cfg(test)]
mod tests;
