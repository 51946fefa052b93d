//! Has the linker put ours in the place of one of librdkafka's functions: `src/kafka/leaders.rs` says which and why.
//! It is the build script of each package whose programs, examples or tests are linked with librdkafka, so that all are
//! linked so.

fn main() {
    // No file but the script itself; cargo runs that again when it changes.
    println!("cargo::rerun-if-env-changed=CARGO_FEATURE_KAFKA");
    let is = |name, wanted| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("CARGO_FEATURE_KAFKA", "1") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafka_metadata_update_op");
    }
}
