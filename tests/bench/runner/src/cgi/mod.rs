//! CGI programs, from the start to the end of the process.

mod peers;
mod process;
mod request;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use peers::anyhost;
pub use process::instructions;
pub use request::Request;

use crate::statistics::{Median, interleaved};
use crate::{Result, programs, table};
use peers::PEERS;

/// The difference in variables or headers between two processes, from which the cost of one is calculated.
const FURTHER: usize = 100;

pub fn measure() -> Result {
    let folder = tempfile::tempdir()?;
    let hello = Request::hello();
    let programs = build(&hello, folder.path())?;
    measure_request("GET of a text", &hello, &programs, 1000)?;
    measure_environment(&programs)?;
    let echo = Request::echo(1 << 20);
    let programs = build(&echo, folder.path())?;
    measure_request("POST of 1 MB, which is echoed", &echo, &programs, 100)
}

/// The names and the programs of the peers.
fn build(request: &Request, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    PEERS
        .iter()
        .map(|peer| Ok((peer.name, peer.build(request, folder)?)))
        .collect()
}

fn measure_request(
    title: &str,
    request: &Request,
    programs: &[(&str, PathBuf)],
    rounds: usize,
) -> Result {
    // The first runs fill the caches of the system.
    for (_, program) in programs {
        process::run(Command::new(program), request)?;
    }
    let usages = interleaved(rounds, programs, |(_, program)| {
        process::run(Command::new(program), request)
    })?;
    let base = &usages[usages.len() - 1];
    let mut rows = Vec::new();
    for ((name, program), usages) in programs.iter().zip(&usages) {
        let page_faults = usages.iter().map(|usage| usage.page_faults as f64);
        let times = usages.iter().map(|usage| usage.time.as_secs_f64());
        let base = base.iter().map(|usage| usage.time.as_secs_f64());
        let ratios = times.clone().zip(base).map(|(time, base)| time / base);
        rows.push(vec![
            (*name).to_owned(),
            table::grouped(instructions(program, request)?.total()),
            format!("{:.0}", Median::of(page_faults.collect()).median),
            format!(
                "{:.0}",
                Median::of(times.map(|time| time * 1e6).collect()).median
            ),
            format!("{:.2}", Median::of(ratios.collect()).median),
            table::grouped(programs::stripped_size(program)? / 1024),
        ]);
    }
    table::print(
        title,
        &[
            "program",
            "instructions",
            "page faults",
            "time, µs",
            "time, ratio to C",
            "program without symbols, KB",
        ],
        &rows,
    );
    Ok(())
}

fn measure_environment(programs: &[(&str, PathBuf)]) -> Result {
    let hello = Request::hello();
    let variables = Request {
        variables: FURTHER,
        ..hello.clone()
    };
    let headers = Request {
        headers: FURTHER,
        ..hello.clone()
    };
    let mut rows = Vec::new();
    for (name, program) in programs {
        let few = instructions(program, &hello)?.total();
        let mut row = vec![(*name).to_owned()];
        for many in [&variables, &headers] {
            let many = instructions(program, many)?.total();
            row.push(table::grouped(many.saturating_sub(few) / FURTHER as u64));
        }
        rows.push(row);
    }
    table::print(
        "Instructions of each further variable of the environment",
        &["program", "variable", "request header"],
        &rows,
    );
    Ok(())
}
