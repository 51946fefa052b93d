//! The fields of every record in the order of its schema: the one place from which encoding, decoding and JSON come.
//!
//! A field that stands in Avro as another type than its Rust type says so with `as`.
//! That this list, the schemas in `avro/` and the types in hoga-core agree is tested.

use crate::error::DecodeError;
use crate::field::{Field, Hash, Part};
use crate::frame::Origin;
use crate::wire::{Faulty, Reader, Reading, Writer};
use hoga_core::records::*;
use hoga_core::{Record, Settings};
use serde_json::{Map, Value};

/// Hands the lists to another macro, which makes something of them.
macro_rules! for_every_record {
    ($make:ident) => {
        $make! {
            records {
                PlaceOrder {
                    account, client_order_id, valid_until, symbol, side, order_type, time_in_force, post_only,
                    self_match_prevention, price, quantity, amount
                }
                AmendOrder { account, client_order_id, valid_until, orig_client_order_id, price, quantity }
                ReduceOrder { account, client_order_id, valid_until, orig_client_order_id, quantity }
                CancelOrder { account, client_order_id, valid_until, orig_client_order_id }
                Deposit { account, client_id, valid_until, asset, amount }
                Withdrawal { account, client_id, valid_until, asset, amount }
                AssetListing { command_id, asset, digits }
                InstrumentListing {
                    command_id, symbol, base, quote, tick, lot, min_notional, min_price, max_price, fee_schedule,
                    utc_offset_min
                }
                FeeSchedule { command_id, name, maker_fee_ppm, taker_fee_ppm }
                PhaseChange { command_id, symbol, phase }
                RulesVersion { command_id, version }
                HeldOrder {
                    order_id, account, symbol, side, order_type, time_in_force, post_only, self_match_prevention,
                    price, quantity, amount, maker_fee_ppm, taker_fee_ppm
                }
                HeldAmend { order_id, account, client_order_id, symbol, price, quantity, reduce_by }
                HeldCancel { order_id, account, client_order_id, symbol }
                SettlementLeg {
                    account, order_id, symbol, trade_id, side, liquidity, price, quantity, fee, leaves
                }
                BookAnswer {
                    account, order_id, client_order_id, symbol, outcome, reason, price, quantity, leaves
                }
                Execution {
                    symbol, trade_id, time, price, quantity, taker_side, maker_order_id, taker_order_id,
                    maker_account, taker_account, maker_fee, taker_fee
                }
                Tick { symbol, venue, venue_time, receive_time, venue_sequence, price, quantity, taker_side }
                DepthUpdate { symbol, sequence, time, snapshot, bids, asks }
                Candle {
                    symbol, source, venue, interval, open_time, close_time, open, high, low, close, volume,
                    quote_volume, trades, revision, is_final, late_trades
                }
                OrderEvent {
                    account, order_id, client_order_id, symbol, time, event, status, reason, detail, command_id,
                    side, order_type, time_in_force, price, quantity, amount, filled, filled_amount, fee, held, fill
                }
                CommandRefused { account, client_id, command, orig_client_order_id, time, reason, detail }
                JournalEntry { account, entry, time, kind, client_id, order_id, trade_id, postings }
                DeadLetter { topic, partition, offset, reason, key, value }
                Clock { time }
                Claim { machine, partition, replaces, epoch, process }
                Mark { machine, partition, epoch, next_offset, outputs }
                SignOfLife { process, progress }
                LogSettings { log, settings }
            }
            parts {
                OrderFill { trade_id, liquidity, price, quantity, fee }
                Posting { ledger, asset, amount, balance }
                DepthLevel { price, quantity, orders }
                MarkOutput { topic, partition, number, offset, hash as Hash }
                Progress { machine, partition, epoch, next_offset }
                Origin { machine, partition, epoch, cause, number, hash as Hash }
                Settings {
                    max_open_orders, max_client_ids, max_pending, depth_snapshot_every, candle_intervals_ms,
                    candle_lateness_ms, candle_kept_bars, utc_offset_min
                }
            }
        }
    };
}
pub(crate) use for_every_record;

/// The least length of the field that `_get` gets: lets the lists do without types.
const fn min_len_of<R, F: Field>(_get: fn(&R) -> &F) -> usize {
    F::MIN_LEN
}

/// The most bytes of the field that `_get` gets.
const fn most_of<R, F: Field>(_get: fn(&R) -> &F) -> usize {
    F::MOST
}

/// `Field` of a struct from the list of its fields. After a record's last field is the `end`; it is looked for before
/// the record is put together, which so happens where it is to stand.
macro_rules! codec {
    ($name:ident { $($field:ident $(as $wire:ident)?),+ } $($end:ident)?) => {
        impl Field for $name {
            const MIN_LEN: usize = 0 $(+ min_len_of(|r: &Self| &r.$field))+;
            const MOST: usize = 0 $(+ most_of(|r: &Self| &r.$field))+;

            #[inline(always)]
            fn more(&self) -> usize {
                0 $(+ codec!(@wire self.$field $(, $wire)?).more())+
            }

            #[inline(always)]
            fn write(&self, out: &mut Writer<'_>) {
                $(codec!(@wire self.$field $(, $wire)?).write(out);)+
            }

            #[inline(always)]
            fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
                $(let $field = match codec!(@read input $(, $wire)?) {
                    Ok(value) => codec!(@own value $(, $wire)?),
                    Err(Faulty) => return Err(input.blame(stringify!($name), stringify!($field))),
                };)+
                $(input.$end()?;)?
                Ok(Self { $($field),+ })
            }

            fn json(&self) -> Value {
                let mut fields = Map::new();
                $(fields.insert(stringify!($field).into(), codec!(@wire self.$field $(, $wire)?).json());)+
                Value::Object(fields)
            }
        }
    };
    (@wire $value:expr) => { $value };
    (@wire $value:expr, $wire:ident) => { $wire::from($value) };
    (@own $value:ident) => { $value };
    (@own $value:ident, $wire:ident) => { $value.into() };
    (@read $input:ident) => { Field::read($input) };
    (@read $input:ident, $wire:ident) => { $wire::read($input) };
}

#[inline(never)]
fn write_one<T: Field>(record: &T, out: &mut Vec<u8>) {
    Writer::append(out, T::MOST, record.more(), |out| record.write(out));
}

/// The record of that type whose fields the content is.
#[inline(never)]
fn read_one<T: Field + Into<Record>>(kind: RecordKind, content: &[u8]) -> Result<Record, DecodeError> {
    match T::read(&mut Reader::new(content)) {
        Ok(record) => Ok(record.into()),
        Err(Faulty) => read_again::<T>(kind, content),
    }
}

#[cold]
#[inline(never)]
fn read_again<T: Field + Into<Record>>(kind: RecordKind, content: &[u8]) -> Result<Record, DecodeError> {
    let mut input = Reader::again(content);
    T::read(&mut input).map(Into::into).map_err(|Faulty| input.error(kind))
}

macro_rules! codecs {
    (
        records { $($record:ident { $($fields:tt)+ })+ }
        parts { $($part:ident { $($part_fields:tt)+ })+ }
    ) => {
        $(codec!($record { $($fields)+ } end);)+
        $(
            codec!($part { $($part_fields)+ });
            impl Part for $part {}
        )+

        /// Appends a record's fields.
        #[inline]
        pub(crate) fn write(record: &Record, out: &mut Vec<u8>) {
            match record { $(Record::$record(r) => write_one(r, out)),+ }
        }

        /// The record of that kind whose fields the content is.
        #[inline]
        pub(crate) fn read(kind: RecordKind, content: &[u8]) -> Result<Record, DecodeError> {
            match kind { $(RecordKind::$record => read_one::<$record>(kind, content)),+ }
        }

        /// A record's fields for people.
        pub(crate) fn json(record: &Record) -> Value {
            match record { $(Record::$record(r) => r.json()),+ }
        }
    };
}
for_every_record!(codecs);
