//! The programs of the servers: start-up time, size and build time.

use std::process::Command;
use std::time::Instant;

use super::peers::{PEERS, Server};
use super::workloads::{self, Workload};
use super::{build, verify};
use crate::statistics::{Median, interleaved};
use crate::{Result, programs, table};

const STARTS: usize = 41;

pub fn measure() -> Result {
    let text = &workloads::all()[0];
    let peers = PEERS.into_iter().filter(|peer| !peer.is_variant);
    let servers = build(&peers.collect::<Vec<_>>(), "hello")?;
    verify(&servers, text)?;
    let starts = interleaved(STARTS, &servers, |server| start(server, text))?;
    let mut rows = Vec::new();
    for (server, starts) in servers.iter().zip(starts) {
        let mut row = vec![
            server.peer.name.to_owned(),
            format!("{:.1}", Median::of(starts)),
        ];
        match server.peer.source.package() {
            Some(package) => {
                row.push(kilobytes(std::fs::metadata(&server.program)?.len()));
                row.push(kilobytes(programs::stripped_size(&server.program)?));
                row.push(format!(
                    "{:.0}",
                    programs::build_time(package, "hello")?.as_secs_f64()
                ));
            }
            None => row.extend(["–", "–", "–"].map(str::to_owned)),
        }
        rows.push(row);
    }
    table::print(
        "The smallest program",
        &[
            "server",
            "start to first response, ms",
            "size, KB",
            "size without symbols, KB",
            "build from nothing, s",
        ],
        &rows,
    );
    Ok(())
}

/// The milliseconds from the start of the process to its first response. The process may use every core.
fn start(server: &Server, workload: &Workload) -> Result<f64> {
    let started = Instant::now();
    let running = server.start_as(Command::new(&server.program))?;
    let response = running.connect()?.exchange(&workload.request())?;
    let time = started.elapsed().as_secs_f64() * 1e3;
    workload.check(&response)?;
    Ok(time)
}

fn kilobytes(bytes: u64) -> String {
    table::grouped(bytes / 1024)
}
