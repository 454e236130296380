//! The application that the conformance suite calls on every host. Its routes are in `tests/src/probe_app`;
//! this file is its `main` function:
//!
//! ```sh
//! cargo build --release --example probe
//! ```

fn main() -> std::process::ExitCode {
    anyhost_conformance::probe_app::main()
}
