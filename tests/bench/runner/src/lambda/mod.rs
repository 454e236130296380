//! AWS Lambda functions, which a simulated Runtime API invokes with events of a Function URL.

mod runtime_api;
mod workload;

use std::path::Path;
use std::process::{Command, Stdio};

pub use workload::Workload;

use crate::callgrind::Count;
use crate::process::Process;
use crate::{Result, callgrind, programs, table};
use runtime_api::RuntimeApi;

/// A function that is measured, with or without its log.
#[derive(Clone, Copy)]
pub struct Peer {
    name: &'static str,
    package: &'static str,
    log: bool,
}

pub const ANYHOST: Peer = Peer {
    name: "anyhost",
    package: "peer-anyhost",
    log: true,
};

const PEERS: [Peer; 1] = [ANYHOST];

pub fn measure() -> Result {
    let mut rows = Vec::new();
    for peer in &PEERS {
        let mut row = vec![peer.name.to_owned()];
        for workload in Workload::all() {
            row.push(table::grouped(instructions(peer, &workload)?.total()));
        }
        rows.push(row);
    }
    table::print(
        "Lambda: instructions of an invocation",
        &[
            "function",
            "hello",
            "JSON",
            "100 KB text",
            "100 KB base64",
            "5 MB text",
            "5 MB base64",
        ],
        &rows,
    );
    Ok(())
}

impl Peer {
    /// The same function without its log.
    pub fn without_log(self) -> Peer {
        Peer { log: false, ..self }
    }

    /// Sets the environment as Lambda does.
    fn configure(&self, command: &mut Command, api: &RuntimeApi) -> Result {
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.address()?.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !self.log {
            command.env("RUST_LOG", "off");
        }
        Ok(())
    }
}

/// The instructions of one invocation.
pub fn instructions(peer: &Peer, workload: &Workload) -> Result<Count> {
    let program = programs::build(peer.package, workload.program)?;
    let (few, many) = workload.invocations;
    callgrind::per_repetition(few, many, |n, output| {
        under_callgrind(peer, &program, workload, n, output)
    })
}

fn under_callgrind(
    peer: &Peer,
    program: &Path,
    workload: &Workload,
    invocations: u64,
    output: &Path,
) -> Result {
    let mut api = RuntimeApi::start()?;
    let mut command = callgrind::command(program, output);
    peer.configure(&mut command, &api)?;
    let process = Process::start(&mut command)?;
    for _ in 0..invocations {
        workload.check(&api.invoke(&workload.event)?)?;
    }
    process.terminate()?;
    Ok(())
}
