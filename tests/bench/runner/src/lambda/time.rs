//! The time of an invocation, and the memory of a function.

use std::cell::RefCell;
use std::process::Command;
use std::time::Instant;

use super::function::Function;
use super::peers::PEERS;
use super::workload::Workload;
use crate::statistics::{Median, interleaved};
use crate::{Result, programs, table};

const ROUNDS: usize = 20;

/// A running function, and its processor time in microseconds when the measurement started.
struct Measured {
    function: RefCell<Function>,
    start: f64,
}

pub fn measure(workloads: &[Workload]) -> Result {
    let mut columns = vec!["function"];
    columns.extend(workloads.iter().map(|workload| workload.name));
    let mut cpu: Vec<Vec<String>> = names();
    let mut wall: Vec<Vec<String>> = names();
    let mut memory: Vec<Vec<String>> = names();
    for workload in workloads {
        let functions = start(workload)?;
        let times = interleaved(ROUNDS, &functions, |measured| {
            let mut function = measured.function.borrow_mut();
            let started = Instant::now();
            for _ in 0..workload.invocations_a_round {
                function.invoke(workload)?;
            }
            Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(workload.invocations_a_round))
        })?;
        let base = times[times.len() - 1].clone();
        for (i, (measured, times)) in functions.into_iter().zip(times).enumerate() {
            let function = measured.function.into_inner();
            let invocations = ROUNDS as f64 * f64::from(workload.invocations_a_round);
            let used = microseconds(&function)? - measured.start;
            cpu[i].push(format!("{:.1}", used / invocations));
            let ratios = times.iter().zip(&base).map(|(time, base)| time / base);
            wall[i].push(format!("{:.2}", Median::of(ratios.collect())));
            let peak = function.process.memory("VmHWM")? as f64;
            memory[i].push(format!("{:.1}", peak / f64::from(1 << 20)));
        }
    }
    table::print("Processor time of an invocation, µs", &columns, &cpu);
    table::print(
        "Time of an invocation with the simulated Runtime API, as ratio to lambda_runtime",
        &columns,
        &wall,
    );
    table::print("Peak resident memory, MB", &columns, &memory);
    Ok(())
}

fn names() -> Vec<Vec<String>> {
    let names = PEERS.iter().map(|peer| vec![peer.name.to_owned()]);
    names.collect()
}

/// Starts a function of each peer, and invokes each of them for the first time.
fn start(workload: &Workload) -> Result<Vec<Measured>> {
    let mut functions = Vec::new();
    for peer in &PEERS {
        let program = programs::build(peer.package, workload.program)?;
        let mut function = Function::start(peer, Command::new(program))?;
        function.invoke(workload)?;
        let start = microseconds(&function)?;
        functions.push(Measured {
            function: function.into(),
            start,
        });
    }
    Ok(functions)
}

fn microseconds(function: &Function) -> Result<f64> {
    Ok(function.process.cpu_time()?.as_secs_f64() * 1e6)
}
