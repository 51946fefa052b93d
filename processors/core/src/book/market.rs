//! One symbol of a partition: its instrument, its book, and the commands that wait while the book has work to finish.
//!
//! Invariants:
//! 1. Commands of a symbol are applied in the order in which they came; none begins before the one before is done.
//! 2. The answer to a command carries the command's id; it is the first event of the command, whenever that begins.
//! 3. The backlog holds no more than came in: every apply drains as much as the bound of effects allows.

use crate::book::depth::{Changed, Depth};
use crate::book::emit::{Accounts, MatchingOut, Names};
use crate::book::events::{Event, Events};
use crate::book::order::Command;
use crate::book::{Book, LevelTotal};
use crate::ids::{ClientId, TradeId};
use crate::instrument::Instrument;
use crate::records::Phase;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A command that waits and its id, for the answer; placements and what nobody asked for have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) command: Command,
    pub(super) asked: Option<ClientId>,
}

/// A command that comes: it is kept only if it has to wait, which few have to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) command: &'a Command,
    pub(super) id: Option<&'a ClientId>,
}

impl Asked<'_> {
    fn kept(self) -> Task {
        Task { command: self.command.clone(), asked: self.id.cloned() }
    }
}

/// A symbol.
#[derive(Debug)]
pub(super) struct Market<B> {
    pub(super) instrument: Instrument,
    pub(super) book: B,
    pub(super) backlog: VecDeque<Task>,
    /// The zone's day that it is in.
    pub(super) day: i64,
    pub(super) depth: Depth,
}

/// What all symbols of the partition share while one of them works.
pub(super) struct Shared<'a> {
    pub(super) accounts: &'a Accounts,
    pub(super) partition: u32,
    pub(super) trades: &'a mut u64,
    pub(super) depth_snapshot_every: u64,
    pub(super) events: &'a mut Events,
    pub(super) totals: &'a mut Vec<LevelTotal>,
    pub(super) time: Timestamp,
}

impl<B: Book> Market<B> {
    /// A newly listed symbol: closed, empty.
    pub(super) fn new(instrument: Instrument, time: Timestamp) -> Self {
        Self {
            book: B::new(instrument.tick_value),
            backlog: VecDeque::new(),
            day: instrument.day(time),
            depth: Depth::default(),
            instrument,
        }
    }

    /// Whether something is left to do.
    pub(super) fn is_busy(&self) -> bool {
        self.book.is_busy() || !self.backlog.is_empty()
    }

    /// Does what is to be done until `room` records are emitted, then tells the depth. What comes goes last.
    pub(super) fn work(
        &mut self,
        asked: Option<Asked<'_>>,
        room: usize,
        shared: &mut Shared<'_>,
        out: &mut impl MatchingOut,
    ) {
        shared.events.reset(room);
        let was = self.book.phase();
        if self.is_busy() || shared.events.is_full() {
            self.backlog.extend(asked.map(Asked::kept));
            self.go_on(shared, out);
        } else if let Some(asked) = asked {
            self.carry_out(asked, shared, out);
        }
        let opened = was != Phase::Open && self.book.phase() == Phase::Open;
        let names = Names { instrument: &self.instrument, accounts: shared.accounts, time: shared.time };
        let changed = Changed { levels: shared.events.levels(), totals: shared.totals };
        self.depth.tell(&self.book, changed, opened, shared.depth_snapshot_every, &names, out);
    }

    /// Goes on with what was begun, and then with what waits.
    #[cold]
    fn go_on(&mut self, shared: &mut Shared<'_>, out: &mut impl MatchingOut) {
        self.book.advance(shared.events);
        self.emit(None, shared, out);
        while !self.book.is_busy() && !shared.events.is_full() {
            let Some(task) = self.backlog.pop_front() else { break };
            self.carry_out(Asked { command: &task.command, id: task.asked.as_ref() }, shared, out);
        }
    }

    #[inline]
    fn carry_out(&mut self, asked: Asked<'_>, shared: &mut Shared<'_>, out: &mut impl MatchingOut) {
        self.book.apply(asked.command, shared.events);
        self.emit(asked.id, shared, out);
    }

    #[inline(always)]
    fn emit(&self, mut asked: Option<&ClientId>, shared: &mut Shared<'_>, out: &mut impl MatchingOut) {
        let names = Names { instrument: &self.instrument, accounts: shared.accounts, time: shared.time };
        for event in shared.events.list() {
            match event {
                Event::Answer(answer) => out.answer(&names, answer, asked.take()),
                Event::Trade(trade) => {
                    *shared.trades += 1;
                    out.trade(&names, trade, TradeId::new(shared.partition, *shared.trades));
                }
            }
        }
        shared.events.told();
        assert!(asked.is_none(), "a command went without an answer");
    }
}
