//! `cargo run -p anyhost-example-shortener`, then open http://localhost:3000/ in a browser.

use std::path::PathBuf;
use std::process::ExitCode;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/static");

fn path(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or(default.into(), PathBuf::from)
}

fn main() -> ExitCode {
    let (database, files) = (
        path("DATABASE", "shortener.db"),
        path("STATIC_FILES", FILES),
    );
    anyhost::run_with(async || shortener::app(&database, &files))
}
