//! AWS Lambda functions, which a simulated Runtime API invokes with events of a Function URL.

mod cold_start;
mod function;
mod instructions;
mod peers;
mod runtime_api;
mod time;
mod workload;

pub use instructions::instructions;
pub use peers::ANYHOST;
pub use workload::Workload;

use crate::Result;

pub fn measure() -> Result {
    let workloads = Workload::all();
    instructions::measure(&workloads)?;
    time::measure(&workloads)?;
    cold_start::measure()
}
