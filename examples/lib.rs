//! Example programs, one file each; README.md lists them.
//!
//! `cargo run --example hello` runs one, `cargo test -p anyhost-examples --examples` tests all.
