//! Examples that need further crates; README.md lists them.
//!
//! A separate package, so that the other examples do not build these crates. `cargo run -p anyhost-examples-kit
//! --example redirect` runs one example, `cargo test -p anyhost-examples-kit --examples` tests all examples.

mod everywhere;

pub use everywhere::{Client, everywhere, header, text};
