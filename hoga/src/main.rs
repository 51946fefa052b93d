//! hoga
fn main() {}
