//! Runs the suite through every transport of this project, and keeps the generated pages up to date.

use std::fs;
use std::io;
use std::path::Path;

use futures_util::{StreamExt, stream};

use crate::report::{Column, Report, with_readme_table};
use crate::suite::Suite;
use crate::transports::{LocalTransport, local_transports};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/CAPABILITIES.md");
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// The number of transports that run concurrently. Transports mostly wait, so more of them run than there are
/// processors.
const CONCURRENCY: usize = 8;

/// Runs the suite through the transports with these names, or through all of them if there are no names.
pub async fn run_local(names: &[String]) -> Report {
    let suite = Suite::new().await;
    let chosen = local_transports().into_iter().filter(|transport| {
        let name = transport.profile.name.as_ref();
        names.is_empty() || names.iter().any(|other| other == name)
    });
    let runs = stream::iter(chosen).map(|transport| run(&suite, transport));
    let mut report = Report::default();
    for result in runs.buffered(CONCURRENCY).collect::<Vec<_>>().await {
        match result {
            Ok(column) => report.columns.push(column),
            Err(why) => report.not_run.push(why),
        }
    }
    report
}

async fn run(suite: &Suite, local: LocalTransport) -> Result<Column, String> {
    let transport = local.start().await;
    let transport = transport.map_err(|why| format!("{}: {why}", local.profile.name))?;
    Ok(suite.run(transport.as_ref()).await)
}

/// Checks that `tests/CAPABILITIES.md` is up to date.
///
/// # Errors
/// The page differs from the one that would be generated, or cannot be read.
pub fn check_capabilities_page() -> Result<(), String> {
    check(PAGE, |_| Ok(Report::expected().markdown()))
}

/// Checks that the table in the README is up to date.
///
/// # Errors
/// The table differs from the one that would be generated, its markers are missing, or the README cannot be read.
pub fn check_readme() -> Result<(), String> {
    check(README, with_readme_table)
}

fn check(path: &str, generate: fn(&str) -> Result<String, String>) -> Result<(), String> {
    let written = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    match generate(&written)? == written {
        true => Ok(()),
        false => Err(format!(
            "{path} is out of date: run `cargo run -p anyhost-conformance -- --write`"
        )),
    }
}

/// Writes `tests/CAPABILITIES.md` and the table in the README.
///
/// # Errors
/// A file cannot be read or written, or the markers of the table are missing.
pub fn write_pages() -> io::Result<()> {
    fs::write(PAGE, Report::expected().markdown())?;
    let readme = fs::read_to_string(Path::new(README))?;
    let readme = with_readme_table(&readme).map_err(io::Error::other)?;
    fs::write(README, readme)
}

/// Suppresses the messages of panics in the probe, which some cases cause on purpose, so that the table stays readable.
pub fn silence_probe_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", std::panic::Location::file);
        if !file.contains("probe_app") {
            print(panic);
        }
    }));
}
