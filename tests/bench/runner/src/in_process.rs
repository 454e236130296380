//! Calls of a handler without a server, as in tests.

use std::path::Path;

use crate::callgrind::Count;
use crate::{Result, callgrind, programs, table};

/// A workload of the programs, and its size: see ../README.md.
#[derive(Clone, Copy)]
pub struct Workload {
    pub name: &'static str,
    pub size: u32,
}

impl Workload {
    pub const TEXT: Workload = Workload::new("text", 0);
    pub const JSON: Workload = Workload::new("json", 19);
    pub const PARAMETER: Workload = Workload::new("parameter", 1);

    pub const fn new(name: &'static str, size: u32) -> Workload {
        Workload { name, size }
    }
}

pub const ANYHOST: &str = "peer-in-process-anyhost";

const PEERS: [(&str, &str); 2] = [("anyhost", ANYHOST), ("axum", "peer-in-process-axum")];

const WORKLOADS: [(&str, Workload); 7] = [
    ("text", Workload::TEXT),
    ("JSON of 1 KB", Workload::JSON),
    ("1 route", Workload::new("route", 1)),
    ("1 route with a parameter", Workload::PARAMETER),
    (
        "200 routes with a parameter",
        Workload::new("parameter", 200),
    ),
    ("text, 10 headers", Workload::new("text", 10)),
    ("text, 50 headers", Workload::new("text", 50)),
];

pub fn measure() -> Result {
    let mut rows: Vec<Vec<String>> = WORKLOADS.map(|(name, _)| vec![name.to_owned()]).into();
    let mut columns = vec!["request"];
    for (name, package) in PEERS {
        columns.push(name);
        for (row, (_, workload)) in rows.iter_mut().zip(WORKLOADS) {
            row.push(table::grouped(instructions(package, workload)?.total()));
        }
    }
    table::print("Instructions of a call", &columns, &rows);
    Ok(())
}

/// The instructions of one call: a request is built, the handler is called, and the response is read.
pub fn instructions(package: &str, workload: Workload) -> Result<Count> {
    let program = programs::build(package, package)?;
    callgrind::per_repetition(200, 1200, |n, output| run(&program, workload, n, output))
}

/// The program checks each response.
fn run(program: &Path, workload: Workload, repetitions: u64, output: &Path) -> Result {
    let status = callgrind::command(program, output)
        .arg(workload.name)
        .arg(workload.size.to_string())
        .arg(repetitions.to_string())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{} failed with {status}", program.display()).into()),
    }
}
