//! See `src/value.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hoga_fuzz::within_limits(data, hoga_fuzz::value::run));
