//! Records encoded and decoded: a new order as a producer writes it, and the answer and the event that follow from it,
//! as machines write them.

use hoga_core::records::{
    BookAnswer, BookOutcome, OrderEvent, OrderEventKind, OrderStatus, OrderType, PlaceOrder, SelfMatchPrevention, Side,
    TimeInForce,
};
use hoga_core::{AccountId, ClientId, Decimal, MachineKind, OrderId, Record, Symbol, Timestamp};
use hoga_schemas::{Origin, decode, encode_content, open, seal};
use hoga_simulation::Random;

/// Records of one run, a third of each kind.
pub const RECORDS: usize = 3_000;

/// Records, and buffers that have grown.
#[derive(Debug)]
pub struct CodecWork {
    records: Vec<Record>,
    content: Vec<u8>,
    value: Vec<u8>,
}

impl CodecWork {
    /// Records that differ in all their numbers.
    #[must_use]
    pub fn new() -> Self {
        let mut random = Random::new(1);
        let three = (0..RECORDS / 3).flat_map(|_| three(&mut random));
        Self { records: three.collect(), content: Vec::with_capacity(1 << 10), value: Vec::with_capacity(1 << 10) }
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Encodes and decodes each; panics unless it comes back as it was.
    pub fn run(&mut self) -> usize {
        let (mut bytes, origin) = (0, origin());
        for record in &self.records {
            self.content.clear();
            self.value.clear();
            encode_content(record, &mut self.content);
            let origin = (!matches!(record, Record::PlaceOrder(_))).then_some(&origin);
            seal(record.kind(), origin, &self.content, &mut self.value);
            let back = open(&self.value).and_then(|frame| decode(&frame));
            assert!(back.is_ok_and(|back| back == *record), "it comes back as it was");
            bytes += self.value.len();
        }
        bytes
    }
}

impl Default for CodecWork {
    fn default() -> Self {
        Self::new()
    }
}

fn origin() -> Origin {
    let hash = 0x9e37_79b9_7f4a_7c15;
    Origin { machine: MachineKind::Matching, partition: 2, epoch: 17, cause: 1_234_567, number: 2_345_678, hash }
}

fn three(random: &mut Random) -> [Record; 3] {
    let account = AccountId::unchecked(&format!("member-{:04}", random.below(10_000)));
    let client_order_id = ClientId::unchecked(&format!("c{}", random.below(10_000_000)));
    let symbol = Symbol::unchecked("KRW-BTC");
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    let price = Some(Decimal::from_int(90_000_000 + 1_000 * random.below(10_000) as i64));
    let quantity = Decimal::from_units(1 + random.below(10_000_000) as i64, 8);
    let (order_type, time_in_force) = (OrderType::Limit, TimeInForce::Gtc);
    let order_id = OrderId::new(1, 1 + random.below(1 << 30));
    let time = Timestamp(1_704_067_200_000 + random.below(1 << 30) as i64);
    let place = PlaceOrder {
        account: account.clone(),
        client_order_id: client_order_id.clone(),
        valid_until: time,
        symbol: symbol.clone(),
        side,
        order_type,
        time_in_force,
        post_only: false,
        self_match_prevention: SelfMatchPrevention::CancelNewest,
        price,
        quantity: Some(quantity),
        amount: None,
    };
    let answer = BookAnswer {
        account: account.clone(),
        order_id,
        client_order_id: None,
        symbol: symbol.clone(),
        outcome: BookOutcome::Accepted,
        reason: None,
        price,
        quantity: Some(quantity),
        leaves: quantity,
    };
    let event = OrderEvent {
        account,
        order_id: Some(order_id),
        client_order_id,
        symbol,
        time,
        event: OrderEventKind::New,
        status: OrderStatus::New,
        reason: None,
        detail: None,
        command_id: None,
        side,
        order_type,
        time_in_force,
        price,
        quantity: Some(quantity),
        amount: None,
        filled: Decimal::ZERO,
        filled_amount: Decimal::ZERO,
        fee: Decimal::ZERO,
        held: Decimal::from_int(random.below(1 << 40) as i64),
        fill: None,
    };
    [place.into(), answer.into(), event.into()]
}
