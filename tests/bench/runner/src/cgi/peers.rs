//! The programs that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Request;
use crate::{Result, programs};

pub struct Peer {
    pub name: &'static str,
    source: Source,
}

/// All programs are linked statically.
enum Source {
    /// A package in `peers/`.
    Package(&'static str),
    C,
}

/// The last one is the base of the ratios.
pub const PEERS: [Peer; 5] = [
    Peer::package("anyhost", "peer-anyhost"),
    Peer::package("anyhost, only feature `cgi`", "peer-cgi-anyhost"),
    Peer::package("crate `cgi`", "peer-cgi-crate"),
    Peer::package("Rust, standard library", "peer-cgi-std"),
    Peer {
        name: "C",
        source: Source::C,
    },
];

impl Peer {
    const fn package(name: &'static str, package: &'static str) -> Peer {
        Peer {
            name,
            source: Source::Package(package),
        }
    }

    /// Builds the program for this request in a folder. All programs are written in the same way, so that the system caches
    /// them in the same way.
    pub fn build(&self, request: &Request, folder: &Path) -> Result<PathBuf> {
        let program = match self.source {
            Source::Package(package) => programs::build_static(package, request.program)?,
            Source::C => compile(request.program, folder)?,
        };
        let copy = folder.join(format!("{} {}", self.name, request.program));
        std::fs::copy(program, &copy)?;
        Ok(copy)
    }
}

fn compile(program: &str, folder: &Path) -> Result<PathBuf> {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../peers/cgi-c");
    let output = folder.join(program);
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O2", "-o"]).arg(&output);
    cc.arg(format!("{sources}/{program}.c"));
    match cc.status()?.success() {
        true => Ok(output),
        false => Err(format!("cc failed to compile {program}.c").into()),
    }
}

/// Builds the program of anyhost for this request.
pub fn anyhost(request: &Request) -> Result<PathBuf> {
    programs::build_static("peer-anyhost", request.program)
}
