//! Runs the conformance suite: against a deployment, or through every transport of this machine.

use std::process::ExitCode;

use anyhost_conformance::{Report, Suite, Wire, hush, page, profile, profiles, run_local};
use lexopt::prelude::*;

const HELP: &str = "\
Usage: anyhost-conformance [--as PROFILE] URL
       anyhost-conformance [--only NAME]... [--write]

With a URL it runs every case against the probe (examples/probe.rs) that is deployed there, with
PROBE_LINT=1 in its environment: the path of the URL is its mount. --as tells what is known of the host, so that what it cannot carry is no
failure; the default is http1, which carries everything.

Without one it runs every case through every transport that this machine can offer, and says what
it could not.

  --only NAME   just this transport; may be repeated
  --write       renew tests/CAPABILITIES.md
  --help

The exit status is 0 if everything holds or is a lack that was declared, 1 if not, and 2 for a wrong
command line.

PROFILE and NAME are one of:
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
    hush();
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
    if args.write
        && let Err(error) = std::fs::write(page(), report.markdown())
    {
        eprintln!("{}: {error}", page().display());
        return ExitCode::FAILURE;
    }
    match report.conforms() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn deployed(url: &str, name: &str) -> Result<Report, String> {
    let profile = profile(name).ok_or_else(|| format!("no profile is called {name}"))?;
    let wire = Wire::to(url, profile)?;
    Ok(Report {
        columns: vec![Suite::new().await.run(&wire).await],
        missing: Vec::new(),
    })
}

fn help() -> String {
    let names: Vec<_> = profiles().map(|profile| profile.name.as_ref()).collect();
    format!("{HELP}  {}", names.join(", "))
}

/// `None` if help was asked for.
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
