//! Runs the conformance suite against a deployment, or through every transport that this machine can start.

use std::process::ExitCode;

use anyhost_conformance::{
    HttpTransport, Report, Suite, profile, profiles, run_local, silence_probe_panics, write_pages,
};
use lexopt::prelude::*;

const HELP: &str = "\
Usage: anyhost-conformance [--as PROFILE] URL
       anyhost-conformance [--only PROFILE]...
       anyhost-conformance --write

With a URL: sends every case to the probe that is deployed there. The path of the URL is the base path.
Deploy the program `probe` (cargo build --release --example probe) with PROBE_LINT=1 in its environment.

Without a URL: runs every case through every transport of this machine, and lists the transports that
could not be started.

  --as PROFILE    what the host of the URL supports; the default is http1, which supports everything
  --only PROFILE  run only this transport; may be repeated
  --write         do not run any case; write tests/CAPABILITIES.md and the table in README.md
  --help

Exit status: 0 if every case passed or showed a declared limitation, 1 if a case failed, 2 if the
command line is invalid.

Profiles:
";

#[derive(Default)]
struct Args {
    url: Option<String>,
    profile: Option<String>,
    only: Vec<String>,
    write: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = match arguments() {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", help());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", help());
            return ExitCode::from(2);
        }
    };
    if args.write {
        return match write_pages() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("failed to write the pages: {error}");
                ExitCode::FAILURE
            }
        };
    }
    silence_probe_panics();
    let report = match &args.url {
        Some(url) => match deployed(url, args.profile.as_deref().unwrap_or("http1")).await {
            Ok(report) => report,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        },
        None => run_local(&args.only).await,
    };
    println!("{}", report.text());
    match report.conforms() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn deployed(url: &str, name: &str) -> Result<Report, String> {
    let profile = profile(name).ok_or_else(|| {
        format!("invalid --as {name:?}: expected one of the profiles that --help lists")
    })?;
    let transport = HttpTransport::to(url, profile)?;
    let mut report = Report::default();
    report
        .columns
        .push(Suite::new().await.run(&transport).await);
    Ok(report)
}

fn help() -> String {
    let names: Vec<_> = profiles().map(|profile| profile.name.as_ref()).collect();
    format!("{HELP}  {}", names.join(", "))
}

/// Returns `None` for `--help`.
fn arguments() -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("as") => args.profile = Some(parser.value()?.string()?),
            Long("only") => args.only.push(parser.value()?.string()?),
            Long("write") => args.write = true,
            Long("help") | Short('h') => return Ok(None),
            Value(url) if args.url.is_none() => args.url = Some(url.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(args))
}
