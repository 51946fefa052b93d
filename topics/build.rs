//! Has the linker put ours in the place of one of librdkafka's functions: `src/kafka/leaders.rs` says which and why.
//! What is linked with librdkafka is linked so: this crate's tests here, the command by the same lines in its folder.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name, wanted| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("CARGO_FEATURE_KAFKA", "1") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafka_metadata_update_op");
    }
}
