//! Resident memory. In contrast to the heap, which valgrind shows, this also has the unused parts of pages, and can be
//! measured for every program.

use super::peers::{Running, Server};
use super::workloads::Workload;
use crate::Result;

const FEW: usize = 100;
const MANY: usize = 1000;

/// The bytes for each connection that had a request and is now idle. Memory that does not depend on the number of
/// connections is part of both numbers, and so not part of the result.
pub fn per_idle_connection(server: &Server, workload: &Workload) -> Result<f64> {
    let running = server.start()?;
    let mut connections = Vec::new();
    let mut with = |count| -> Result<u64> {
        while connections.len() < count {
            let mut connection = running.connect()?;
            workload.check(&connection.exchange(&workload.request())?)?;
            connections.push(connection);
        }
        running.process.memory("VmRSS")
    };
    let (few, many) = (with(FEW)?, with(MANY)?);
    Ok(many.saturating_sub(few) as f64 / (MANY - FEW) as f64)
}

/// The highest number of bytes so far.
pub fn peak(running: &Running) -> Result<u64> {
    running.process.memory("VmHWM")
}
