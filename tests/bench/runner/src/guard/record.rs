//! The recorded counts, in `guard.json`. A line for each function shows in a review which of them changed.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::callgrind::Count;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guard.json");

#[derive(Deserialize, Serialize)]
pub struct Record {
    pub environment: Environment,
    pub workloads: BTreeMap<String, Recorded>,
}

/// The counts depend on these, and not on the processor: valgrind presents the same one to programs on every machine with
/// AVX2, so the C library selects the same variants of its functions.
#[derive(Deserialize, Serialize, PartialEq)]
pub struct Environment {
    pub rustc: String,
    pub target: String,
    pub libc: String,
    pub valgrind: String,
}

#[derive(Deserialize, Serialize)]
pub struct Recorded {
    pub total: u64,
    /// The functions of at least [`Recorded::smallest_recorded`] instructions, without the functions that they call.
    pub functions: BTreeMap<String, u64>,
}

impl Recorded {
    pub fn of(count: &Count) -> Recorded {
        let mut recorded = Recorded {
            total: count.total(),
            functions: count.functions.clone(),
        };
        let smallest = recorded.smallest_recorded();
        recorded.functions.retain(|_, count| *count >= smallest);
        recorded
    }

    /// Smaller functions are not recorded, because they would make the file longer than a reviewer can read.
    pub fn smallest_recorded(&self) -> u64 {
        self.total / 200
    }
}

impl Record {
    pub fn new(environment: Environment) -> Record {
        Record {
            environment,
            workloads: BTreeMap::new(),
        }
    }

    pub fn read() -> Result<Record> {
        let text = std::fs::read(FILE).map_err(|error| format!("cannot read {FILE}: {error}"))?;
        Ok(serde_json::from_slice(&text).map_err(|error| format!("{FILE}: {error}"))?)
    }

    pub fn write(&self) -> Result {
        Ok(std::fs::write(
            FILE,
            serde_json::to_string_pretty(self)? + "\n",
        )?)
    }
}

impl Environment {
    pub fn present() -> Result<Environment> {
        let rustc = output("rustc", &["-vV"])?;
        let field = |name| {
            let mut lines = rustc.lines();
            let value = lines.find_map(|line| line.strip_prefix(name));
            value.ok_or_else(|| format!("`rustc -vV` did not print \"{name}\""))
        };
        Ok(Environment {
            rustc: field("release: ")?.to_owned(),
            target: field("host: ")?.to_owned(),
            libc: output("getconf", &["GNU_LIBC_VERSION"])?.trim().to_owned(),
            valgrind: output("valgrind", &["--version"])?.trim().to_owned(),
        })
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Environment {
            rustc,
            target,
            libc,
            valgrind,
        } = self;
        write!(f, "rustc {rustc} for {target}, {libc} and {valgrind}")
    }
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    Ok(String::from_utf8(output.stdout)?)
}
