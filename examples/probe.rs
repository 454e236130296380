//! The application that the conformance suite drives through every host. Its routes are in
//! `tests/src/probe_app`; this file makes a program of them:
//!
//! ```sh
//! cargo build --release --example probe
//! ```

fn main() -> std::process::ExitCode {
    anyhost_conformance::probe_app::main()
}
