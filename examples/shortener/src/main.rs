//! `cargo run -p anyhost-example-shortener`, then open http://localhost:3000/ in a browser.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let path =
        |variable, default: &str| std::env::var_os(variable).map_or(default.into(), PathBuf::from);
    let database = path("DATABASE", "shortener.db");
    let files = path(
        "STATIC_FILES",
        concat!(env!("CARGO_MANIFEST_DIR"), "/static"),
    );
    anyhost::run_with(async || shortener::app(&database, &files))
}
