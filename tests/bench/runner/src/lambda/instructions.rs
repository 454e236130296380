//! The instructions of an invocation.

use super::function::Function;
use super::peers::{PEERS, Peer};
use super::workload::Workload;
use crate::callgrind::Count;
use crate::{Result, callgrind, programs, table};

pub fn measure(workloads: &[Workload]) -> Result {
    let mut columns = vec!["function"];
    columns.extend(workloads.iter().map(|workload| workload.name));
    let mut rows = Vec::new();
    for peer in &PEERS {
        rows.push(row(peer, workloads)?);
    }
    table::print("Instructions of an invocation", &columns, &rows);

    let small = &workloads[..2];
    let mut rows = Vec::new();
    for peer in PEERS {
        rows.push(row(&peer.without_log(), small)?);
    }
    table::print(
        "Instructions of an invocation with `RUST_LOG=off`",
        &columns[..3],
        &rows,
    );
    Ok(())
}

fn row(peer: &Peer, workloads: &[Workload]) -> Result<Vec<String>> {
    let mut row = vec![peer.name.to_owned()];
    for workload in workloads {
        row.push(table::grouped(instructions(peer, workload)?.total()));
    }
    Ok(row)
}

/// The instructions of one invocation.
pub fn instructions(peer: &Peer, workload: &Workload) -> Result<Count> {
    let program = programs::build(peer.package, workload.program)?;
    let (few, many) = workload.invocations;
    callgrind::per_repetition(few, many, |invocations, output| {
        let mut function = Function::start(peer, callgrind::command(&program, output))?;
        for _ in 0..invocations {
            function.invoke(workload)?;
        }
        function.terminate()
    })
}
