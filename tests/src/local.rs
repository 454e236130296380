//! A run of all transports that this machine can offer.

use std::path::PathBuf;

use futures_util::{StreamExt, stream};

use crate::report::{Column, Report};
use crate::suite::Suite;
use crate::transports::{Start, local};

/// How many transports run at once: most of a run is waiting.
const AT_ONCE: usize = 8;

/// Runs the suite through every transport that can be started here, or those of these names.
pub async fn run_local(only: &[String]) -> Report {
    let suite = Suite::new().await;
    let chosen = local().into_iter().filter(|start| {
        let name = start.profile.name.as_ref();
        only.is_empty() || only.iter().any(|other| other == name)
    });
    let runs = stream::iter(chosen).map(|start| run(&suite, start));
    let mut report = Report::default();
    for result in runs.buffered(AT_ONCE).collect::<Vec<_>>().await {
        match result {
            Ok(column) => report.columns.push(column),
            Err(missing) => report.missing.push(missing),
        }
    }
    report
}

async fn run(suite: &Suite, start: Start) -> Result<Column, String> {
    let transport = start.start().await;
    let transport = transport.map_err(|why| format!("{}: {why}", start.profile.name))?;
    Ok(suite.run(transport.as_ref()).await)
}

/// The page that a full run renews.
pub fn page() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/CAPABILITIES.md").into()
}

/// Keeps what the probe's panics print, which are on purpose, out of the way of the table.
pub fn hush() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", std::panic::Location::file);
        if !file.contains("probe_app") {
            usual(panic);
        }
    }));
}
