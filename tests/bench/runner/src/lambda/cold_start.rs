//! The start of a function: from `exec` to the response of the first invocation, which includes the first line of the log.

use std::process::Command;
use std::time::Instant;

use super::function::Function;
use super::peers::{ANYHOST_LAMBDA, PEERS, Peer};
use super::workload::Workload;
use crate::statistics::{Median, interleaved};
use crate::{Result, callgrind, programs, table};

const ROUNDS: usize = 200;

pub fn measure() -> Result {
    let workload = Workload::hello();
    let mut functions = Vec::new();
    for peer in [ANYHOST_LAMBDA].into_iter().chain(PEERS) {
        functions.push((peer, programs::build(peer.package, workload.program)?));
    }
    let times = interleaved(ROUNDS, &functions, |(peer, program)| {
        let started = Instant::now();
        start(peer, Command::new(program), &workload)?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    })?;
    let base = &times[times.len() - 1];
    let mut rows = Vec::new();
    for ((peer, program), times) in functions.iter().zip(&times) {
        let output = tempfile::NamedTempFile::new()?;
        let command = callgrind::command(program, output.path());
        start(peer, command, &workload)?.terminate()?;
        let ratios = times.iter().zip(base).map(|(time, base)| time / base);
        rows.push(vec![
            peer.name.to_owned(),
            table::grouped(callgrind::read(output.path())?.total()),
            format!("{:.2}", Median::of(times.clone())),
            format!("{:.2}", Median::of(ratios.collect())),
            table::grouped(programs::stripped_size(program)? / 1024),
        ]);
    }
    table::print(
        "Cold start of `hello`: from `exec` to the first response",
        &[
            "function",
            "instructions",
            "ms",
            "ratio to lambda_runtime",
            "program without symbols, KB",
        ],
        &rows,
    );
    Ok(())
}

fn start(peer: &Peer, command: Command, workload: &Workload) -> Result<Function> {
    let mut function = Function::start(peer, command)?;
    function.invoke(workload)?;
    Ok(function)
}
