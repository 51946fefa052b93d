//! Records of every kind out of arbitrary bytes: fewer and smaller bytes make plainer records, so failures shrink.

use crate::frame::Origin;
use compact_str::CompactString;
use hoga_core::money::DECIMAL_MAX;
use hoga_core::records::*;
use hoga_core::{
    AccountId, AssetCode, ClientId, Decimal, MachineKind, OrderId, Record, Settings, Symbol, Timestamp, Topic, TradeId,
};
use proptest::prelude::*;

/// Bytes to make values of; zeros after the last.
pub struct Source<'a>(pub &'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number of 0 to 16 bytes: small, middling and great ones are equally likely.
    fn number(&mut self) -> i128 {
        let len = self.byte() % 17;
        let value = (0..len).fold(0i128, |value, _| value << 8 | i128::from(self.byte()));
        if bool::sample(self) { !value } else { value }
    }

    fn text(&mut self) -> String {
        let len = self.byte() % 48;
        (0..len).map(|_| ['A', 'z', '0', '-', '/', ' ', '"', '호', '가', '𝄞'][usize::from(self.byte()) % 10]).collect()
    }
}

/// A value made of a source's bytes.
pub trait Sample {
    fn sample(source: &mut Source<'_>) -> Self;
}

macro_rules! samples {
    ($($ty:ty: $source:ident => $value:expr;)+) => { $(
        impl Sample for $ty {
            fn sample($source: &mut Source<'_>) -> Self {
                $value
            }
        }
    )+ };
}
samples! {
    AccountId: s => Self::unchecked(&s.text());
    Symbol: s => Self::unchecked(&s.text());
    AssetCode: s => Self::unchecked(&s.text());
    ClientId: s => Self::unchecked(&s.text());
    CompactString: s => Self::from(s.text());
    String: s => s.text();
    Vec<u8>: s => { let len = s.byte(); (0..len).map(|_| s.byte()).collect() };
    Vec<i64>: s => { let len = s.byte() % 4; (0..len).map(|_| i64::sample(s)).collect() };
    bool: s => s.byte() % 2 == 1;
    u8: s => s.byte();
    u32: s => s.number() as u32 >> 1;
    i32: s => s.number() as i32;
    i64: s => s.number() as i64;
    u64: s => s.number() as u64 >> 1;
    OrderId: s => Self(u64::sample(s));
    TradeId: s => Self(u64::sample(s));
    Timestamp: s => Self(i64::sample(s));
    Decimal: s => Self(s.number() % (DECIMAL_MAX + 1));
}

macro_rules! sample_enums {
    ($($ty:ident),+ $(,)?) => { $(
        impl Sample for $ty {
            fn sample(source: &mut Source<'_>) -> Self {
                Self::ALL[usize::from(source.byte()) % Self::ALL.len()]
            }
        }
    )+ };
}
sample_enums!(
    BookOutcome,
    CandleSource,
    CommandKind,
    JournalKind,
    LedgerAccount,
    Liquidity,
    MachineKind,
    OrderEventKind,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    SelfMatchPrevention,
    Side,
    TimeInForce,
    Topic,
);

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source<'_>) -> Self {
        bool::sample(source).then(|| T::sample(source))
    }
}

macro_rules! sample_structs {
    (
        records { $($record:ident $fields:tt)+ }
        parts { $($part:ident $part_fields:tt)+ }
    ) => {
        $(sample_structs!(@one $record $fields);)+
        $(
            sample_structs!(@one $part $part_fields);
            impl Sample for Vec<$part> {
                fn sample(source: &mut Source<'_>) -> Self {
                    (0..source.byte() % 4).map(|_| Sample::sample(source)).collect()
                }
            }
        )+

        /// A record of that kind.
        pub fn record(kind: RecordKind, source: &mut Source<'_>) -> Record {
            match kind { $(RecordKind::$record => Record::$record(Sample::sample(source))),+ }
        }
    };
    (@one $name:ident { $($field:ident $(as $wire:ident)?),+ }) => {
        impl Sample for $name {
            fn sample(source: &mut Source<'_>) -> Self {
                Self { $($field: Sample::sample(source)),+ }
            }
        }
    };
}
crate::records::for_every_record!(sample_structs);

/// Any record with any origin.
pub fn any_record() -> impl Strategy<Value = (Record, Option<Origin>)> {
    (0..RecordKind::ALL.len(), prop::collection::vec(any::<u8>(), 0..400)).prop_map(|(kind, bytes)| {
        let source = &mut Source(&bytes);
        let origin = Sample::sample(source);
        (record(RecordKind::ALL[kind], source), origin)
    })
}
