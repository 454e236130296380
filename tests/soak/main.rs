//! The soak test: loads the server and the Lambda function, and measures their processes. `tests/soak/run` starts it.
//!
//! Three processes of the probe run at the same time:
//!
//! | process | load |
//! |---|---|
//! | `server` | Well-behaved clients over HTTP/1.1, HTTP/2 and TLS; attacks; a new certificate every three seconds. It has at most 256 descriptors and never restarts. |
//! | `restarted` | Well-behaved clients. Every five seconds, another process takes over its listener. |
//! | `lambda` | Concurrent invocations, panics, failed invocations, and a Runtime API that fails. |
//!
//! The test fails if a request of a well-behaved client is lost or gets a wrong response, or if `server` or `lambda`
//! exceeds a limit:
//!
//! - The median resident memory of the second half is at most 10 % plus 1 MiB above that of the first half. The first
//!   tenth of the time does not count, because caches and the allocator fill up.
//! - After the load, the numbers of descriptors and threads are at most those before the load.

mod attacks;
mod clients;
mod functions;
mod process;
mod servers;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lexopt::prelude::*;

use process::Series;
use tally::Tally;

const HELP: &str = "\
Usage: soak --probe PATH [--minutes N]

  --probe PATH   the program `probe`
  --minutes N    how long to load it; the default is 20

With SOAK_LOG=1 in the environment, standard error is the log of the processes.
";

/// The time after the load in which connections must close and threads must end.
const COOL_DOWN: Duration = Duration::from_secs(20);

struct Args {
    probe: PathBuf,
    time: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = match arguments() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let until = Instant::now() + args.time;
    let (server, restarted, lambda) = tokio::join!(
        servers::steady(&args.probe, until),
        servers::restarted(&args.probe, until),
        functions::invoked(&args.probe, until),
    );
    println!(
        "Load for {} s on the processors of this machine\n",
        args.time.as_secs()
    );
    let mut passed = true;
    let tallies = [
        ("server", &server.tally),
        ("restarted", &restarted),
        ("lambda", &lambda.tally),
    ];
    println!("{}", Tally::HEADING);
    for (name, tally) in tallies {
        println!("{}", tally.row(name));
        passed &= tally.passed();
    }
    println!("\n{}", Series::HEADING);
    for (name, series) in [("server", &server.series), ("lambda", &lambda.series)] {
        print!("{}", series.rows(name));
        println!(
            "{name:<10}median memory in KiB, in each tenth of the run: {}",
            series.memory_by_tenths()
        );
        for growth in series.growth() {
            println!("FAILED  {name}: {growth}");
            passed = false;
        }
    }
    for (name, tally) in tallies {
        for (what, count) in tally.events() {
            println!("{name}: {what}: {count}");
        }
        for failure in tally.failures() {
            println!("FAILED  {name}: {failure}");
        }
    }
    match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn arguments() -> Result<Args, lexopt::Error> {
    let (mut probe, mut minutes) = (None, 20.0_f64);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("probe") => probe = Some(PathBuf::from(parser.value()?)),
            Long("minutes") => minutes = parser.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    let time = Duration::try_from_secs_f64(minutes * 60.0);
    Ok(Args {
        probe: probe.ok_or("missing option --probe")?,
        time: time
            .map_err(|_| format!("invalid --minutes {minutes}: expected a positive number"))?,
    })
}
