//! The codec against what it must hold.

mod oracle;
mod sample;
