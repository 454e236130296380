//! Example programs, one file each; README.md lists them.
//!
//! `cargo run --example hello` runs one example, `cargo test -p anyhost-examples --examples` tests all examples.
