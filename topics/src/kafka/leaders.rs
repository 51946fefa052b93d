//! New leaders that a broker names when it refuses a fetch (KIP-951) are passed over; librdkafka finds leaders as it did
//! before there was such a hint, by asking for them.
//!
//! Because: where a broker names the leaders of some of a topic's partitions and of others only that it knows none, as
//! one does that has just come back, librdkafka (2.5 to at least 2.15, <https://github.com/confluentinc/librdkafka/issues/5280>)
//! takes memory that it never wrote for a partition, and the process may end with SIGSEGV. Of some thirty brokers killed
//! and started again, two took the reading process with them. See docs/decisions/0034-leaders-named-with-a-refusal.md.
//!
//! Invariant: where the linker wraps it (`build.rs`), `rd_kafka_metadata_update_op` is [`passed`] and nothing else.
//!
//! Left out on purpose: other systems than Linux, whose linkers have no `--wrap`; [`super`] says so when it connects.

#![allow(unsafe_code, reason = "a symbol that C calls by its name cannot be given in another way")]

use std::ffi::{c_int, c_void};

/// `RD_KAFKA_OP_RES_HANDLED` of librdkafka's `rdkafka_op.h`: the message is done with, and its memory given back.
const HANDLED: c_int = 1;

/// What librdkafka's main thread calls with new leaders; it touches neither of what it is given.
// SAFETY: nobody else has that name, and it is called as `rd_kafka_op_res_t (rd_kafka_t *, rd_kafka_metadata_internal_t *)`,
// two pointers and an enum, which C passes as it does these.
#[unsafe(export_name = "__wrap_rd_kafka_metadata_update_op")]
extern "C" fn passed(_client: *mut c_void, _update: *mut c_void) -> c_int {
    tracing::debug!("new leaders that a broker named when it refused a fetch are passed over");
    HANDLED
}

/// Whether this program was linked so that they are.
pub(super) fn are_passed_over() -> bool {
    // SAFETY: declared as librdkafka has it; only its address is taken.
    unsafe extern "C" {
        fn rd_kafka_metadata_update_op(client: *mut c_void, update: *mut c_void) -> c_int;
    }
    type Op = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
    // Functions of two names are never the same to a compiler; to a linker they may be.
    let (named, ours): (Op, Op) = std::hint::black_box((rd_kafka_metadata_update_op, passed));
    std::ptr::fn_addr_eq(named, ours)
}

#[cfg(test)]
mod tests {
    #[test]
    fn new_leaders_are_passed_over() {
        assert!(super::are_passed_over(), "build.rs wraps librdkafka's function");
    }
}
