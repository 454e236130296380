//! A server and the program that loads it run on different cores, because two programs that compete for the same cores
//! give different results in each run.

use std::path::Path;
use std::process::Command;

use crate::Result;

/// A program on the first core that this process may use.
pub fn first(program: &Path) -> Result<Command> {
    Ok(pinned(allowed()?.0, program))
}

/// A program on the last core that this process may use.
pub fn last(program: &Path) -> Result<Command> {
    Ok(pinned(allowed()?.1, program))
}

/// `taskset` replaces itself with the program, so the process id is that of the program.
fn pinned(core: u32, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// The numbers of the first and the last core, which differ from 0 and the number of cores in some containers.
fn allowed() -> Result<(u32, u32)> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .ok_or("no Cpus_allowed_list in /proc/self/status")?;
    let ends = list.trim().split(['-', ',']).map(str::parse);
    let ends = ends.collect::<std::result::Result<Vec<u32>, _>>()?;
    match ends[..] {
        [first, .., last] => Ok((first, last)),
        _ => Err("expected at least two cores: one for the server, one for its load".into()),
    }
}
