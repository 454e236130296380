//! A running function.

use std::process::{Command, Stdio};

use super::peers::Peer;
use super::runtime_api::RuntimeApi;
use super::workload::Workload;
use crate::Result;
use crate::process::Process;

pub struct Function {
    name: &'static str,
    pub process: Process,
    api: RuntimeApi,
    /// A response that was checked.
    checked: Option<Vec<u8>>,
}

impl Function {
    /// Starts the function with the environment that Lambda sets.
    pub fn start(peer: &Peer, mut command: Command) -> Result<Function> {
        let api = RuntimeApi::start()?;
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.address()?.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !peer.log {
            command.env("RUST_LOG", "off");
        }
        Ok(Function {
            name: peer.name,
            process: Process::start(&mut command)?,
            api,
            checked: None,
        })
    }

    /// Invokes the function, and checks its response.
    pub fn invoke(&mut self, workload: &Workload) -> Result {
        let response = self.api.invoke(&workload.event);
        let response = response.map_err(|error| format!("{}: {error}", self.name))?;
        // Comparing is faster than checking, which would be a large part of the time of an invocation.
        if self.checked.as_ref() != Some(&response) {
            workload.check(&response)?;
            self.checked = Some(response);
        }
        Ok(())
    }

    /// Stops the function while it waits for the next invocation.
    pub fn terminate(self) -> Result {
        self.process.terminate()?;
        Ok(())
    }
}
