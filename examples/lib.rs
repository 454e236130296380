//! One short program for each idea; each file beside this one is an example.
//!
//! `cargo run --example hello` runs one, `cargo test -p anyhost-examples --examples` tests all.
