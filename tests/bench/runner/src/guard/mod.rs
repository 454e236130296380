//! Compares the instructions of small workloads with the recorded ones in `guard.json`, so that a change which makes a request
//! more expensive is noticed in its review.

mod comparison;
mod record;
mod workloads;

use std::process::ExitCode;

use crate::Result;
use crate::callgrind::Count;
use comparison::Comparison;
use record::{Environment, Record, Recorded};
use workloads::Workload;

/// The exit status if the counts of this machine cannot be compared with the recorded ones.
const CANNOT_COMPARE: u8 = 77;

const ACCEPT: &str = "accept the present counts with `./tests/bench/run guard --update`, and explain them in the commit";

/// Fails if a workload grew.
pub fn compare() -> Result<ExitCode> {
    let record = Record::read()?;
    let present = Environment::present()?;
    if record.environment != present {
        let recorded = &record.environment;
        println!("the counts were recorded with {recorded}, and this machine has {present}");
        // If only the image of CI has changed, the counts have to be recorded again.
        let must_compare = std::env::var_os("CI").is_some() && recorded.rustc == present.rustc;
        return Ok(match must_compare {
            true => ExitCode::FAILURE,
            false => ExitCode::from(CANNOT_COMPARE),
        });
    }
    let (mut grew, mut fell) = (false, false);
    for workload in workloads::ALL {
        let name = workload.name;
        let recorded = record.workloads.get(name);
        let recorded = recorded.ok_or_else(|| format!("guard.json lacks \"{name}\": {ACCEPT}"))?;
        let comparison = Comparison::of(recorded, &count(&workload, Some(recorded))?);
        println!("{name:35}{comparison}");
        grew |= comparison.grew();
        fell |= comparison.fell();
    }
    if grew {
        println!("A workload became more expensive. Make it cheaper, or {ACCEPT}.");
        return Ok(ExitCode::FAILURE);
    }
    if fell {
        println!("A workload became cheaper. So that later changes cannot use this up, {ACCEPT}.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Records the present counts. Workloads that changed as little as they do between two runs keep their recorded counts, so
/// that the file changes only where the code did.
pub fn accept() -> Result<ExitCode> {
    let mut record = Record::new(Environment::present()?);
    if let Ok(previous) = Record::read()
        && previous.environment == record.environment
    {
        record = previous;
    }
    record
        .workloads
        .retain(|name, _| workloads::ALL.iter().any(|workload| workload.name == name));
    for workload in workloads::ALL {
        let name = workload.name;
        let recorded = record.workloads.get(name);
        let count = count(&workload, recorded)?;
        match recorded.map(|recorded| Comparison::of(recorded, &count)) {
            Some(comparison) => println!("{name:35}{comparison}"),
            None => println!("{name:35}{:>9}", count.total()),
        }
        if recorded.is_none_or(|recorded| !Comparison::of(recorded, &count).is_noise()) {
            record
                .workloads
                .insert(name.to_owned(), Recorded::of(&count));
        }
    }
    record.write()?;
    Ok(ExitCode::SUCCESS)
}

/// Counts up to three times, until the count is the recorded one, and returns the lowest count. The other ones contain more of
/// the polls and wake-ups that depend on the time.
fn count(workload: &Workload, recorded: Option<&Recorded>) -> Result<Count> {
    let mut lowest = (workload.count)()?;
    for _ in 0..2 {
        if recorded.is_some_and(|recorded| Comparison::of(recorded, &lowest).is_noise()) {
            break;
        }
        let count = (workload.count)()?;
        if count.total() < lowest.total() {
            lowest = count;
        }
    }
    Ok(lowest)
}
