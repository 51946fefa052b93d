//! A pair of small machines in a loop, as holds and matching are: deposits make orders, the book answers each.
//! What they emit depends on the order of their input (a running salt), and each order may be answered only once.

use hoga_core::records::{BookAnswer, BookOutcome, CommandKind, CommandRefused, HeldCancel, Reason};
use hoga_core::{
    AccountId, Body, ClientId, Decimal, Effects, Input, Machine, MachineKind, OrderId, Record, Route, Settings, Stop,
    Symbol, Timestamp, Topic,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Each tenth deposit leaves that much work for clocks.
const BACKLOG: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toy {
    kind: MachineKind,
    partition: u32,
    pub deposits: u64,
    orders: u64,
    /// Holds: orders that wait for their answer. Matching: orders answered.
    pub open: BTreeSet<u64>,
    backlog: u32,
    salt: u64,
    time: Timestamp,
    /// Adds what it was not made with to its salt: an owner of another version.
    twist: u64,
}

impl Toy {
    pub fn new(kind: MachineKind, partition: u32) -> Self {
        let (deposits, orders, open, backlog, salt) = (0, 0, BTreeSet::new(), 0, 0);
        Self { kind, partition, deposits, orders, open, backlog, salt, time: Timestamp(0), twist: 0 }
    }

    /// One that computes other effects from the `from`-th input on.
    pub fn twisted(kind: MachineKind, partition: u32) -> Self {
        Self { twist: 1, ..Self::new(kind, partition) }
    }

    fn deposit(&mut self, account: &AccountId, amount: Decimal, effects: &mut Effects) {
        let amount = amount.to_units(0).expect("tests deposit whole amounts") as u64;
        self.deposits += 1;
        for turn in 0..=amount % 3 {
            self.orders += 1;
            let order_id = OrderId::new(self.partition, self.orders);
            self.open.insert(order_id.0);
            let symbol = Symbol::unchecked(&format!("S{}", (amount + turn) % 5));
            let (account, client_order_id) = (account.clone(), self.salted());
            effects.emit(Topic::Books, HeldCancel { order_id, account, client_order_id, symbol });
        }
        if amount.is_multiple_of(10) {
            self.backlog += BACKLOG;
        }
    }

    fn notice(&self, effects: &mut Effects, account: &AccountId, route: Route) {
        let record = CommandRefused {
            account: account.clone(),
            client_id: self.salted(),
            command: CommandKind::Cancel,
            orig_client_order_id: None,
            time: self.time,
            reason: Reason::Other,
            detail: None,
        };
        effects.emit_to(Topic::OrderEvents, route, record);
    }

    fn salted(&self) -> ClientId {
        ClientId::unchecked(&format!("{:016x}", self.salt))
    }
}

impl Machine for Toy {
    fn kind(&self) -> MachineKind {
        self.kind
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        let Body::Record(record) = &input.body else { return Err(Stop("malformed".into())) };
        self.time = input.time;
        self.salt = self.salt.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(input.offset + 1 + self.twist);
        match (self.kind, record) {
            (MachineKind::Holds, Record::Deposit(r)) => self.deposit(&r.account, r.amount, effects),
            (MachineKind::Holds, Record::BookAnswer(r)) => {
                assert!(self.open.remove(&r.order_id.0), "{} answered twice", r.order_id);
                self.notice(effects, &r.account, Route::Key);
            }
            (MachineKind::Holds, Record::Clock(_)) if self.backlog > 0 => {
                self.backlog -= 1;
                self.notice(effects, &AccountId::unchecked("all"), Route::All);
            }
            (MachineKind::Holds, Record::Withdrawal(_)) => return Err(Stop("a withdrawal is too much".into())),
            (MachineKind::Matching, Record::HeldCancel(r)) => {
                assert!(self.open.insert(r.order_id.0), "{} ordered twice", r.order_id);
                effects.emit(Topic::Executions, r.clone());
                effects.emit(Topic::Accounts, answer(r));
            }
            _ => {}
        }
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        self.backlog > 0
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap()
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let twist = self.twist;
        *self = postcard::from_bytes(bytes).map_err(|error| error.to_string())?;
        self.twist = twist;
        Ok(())
    }
}

fn answer(r: &HeldCancel) -> BookAnswer {
    BookAnswer {
        account: r.account.clone(),
        order_id: r.order_id,
        client_order_id: Some(r.client_order_id.clone()),
        symbol: r.symbol.clone(),
        outcome: BookOutcome::Canceled,
        reason: Some(Reason::Requested),
        price: None,
        quantity: None,
        leaves: Decimal::ZERO,
    }
}

/// Makes toys.
pub fn toys() -> crate::Factory {
    Arc::new(|kind, partition, _: &Settings| Box::new(Toy::new(kind, partition)))
}
