//! Every case through every transport, and the page that tells of it. It has no harness of its own, so that
//! its table is always seen.

use std::process::ExitCode;

use anyhost_conformance::{hush, page, run_local};

#[tokio::main]
async fn main() -> ExitCode {
    hush();
    let report = run_local(&[]).await;
    println!("{}", report.text());
    if !report.conforms() {
        return ExitCode::FAILURE;
    }
    let written = std::fs::read_to_string(page()).unwrap_or_default();
    if written != report.markdown() {
        eprintln!(
            "{} is stale: renew it with `cargo run -p anyhost-conformance -- --write`",
            page().display()
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
