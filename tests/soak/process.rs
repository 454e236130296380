//! A running probe, and the figures of its process over time.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::COOL_DOWN;

/// A process of the probe. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    id: Pid,
}

impl Process {
    /// Runs a shell script that replaces itself with the probe, and waits for the lines of the log with these parts.
    /// Returns those lines, too.
    pub(crate) async fn start(
        script: &str,
        probe: &Path,
        args: &[&str],
        vars: &[(&str, &str)],
        awaited: &[&str],
    ) -> (Self, Vec<String>) {
        // Uses bash and not `sh`, because dash cannot redirect file descriptors above 9.
        let mut child = Command::new("bash")
            .args(["-c", &format!("{script} && exec \"$0\" \"$@\"")])
            .arg(probe)
            .args(args)
            .envs(vars.iter().copied())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("expected bash to be installed");
        let id = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let id = id.expect("expected the process to run");
        let stderr = child.stderr.take().expect("expected a pipe as stderr");
        let mut log = BufReader::new(stderr).lines();
        let mut found = Vec::new();
        while found.len() < awaited.len() {
            let line = log.next_line().await.expect("expected to read the log");
            let line = line.unwrap_or_else(|| panic!("the probe exited before {awaited:?}"));
            if line.contains(awaited[found.len()]) {
                found.push(line);
            }
        }
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                // The variable RUST_LOG, which the probe inherits, selects the lines that the probe writes.
                if std::env::var_os("SOAK_LOG").is_some() {
                    eprintln!("{line}");
                }
            }
        });
        (Self { child, id }, found)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.id, signal).expect("expected the process to run");
    }

    /// Waits until the process exits, and returns whether the process exited with status 0 within the time limit.
    pub(crate) async fn exits(mut self, limit: Duration) -> bool {
        let exited = tokio::time::timeout(limit, self.child.wait()).await;
        matches!(exited, Ok(Ok(status)) if status.success())
    }

    fn figures(&self) -> Figures {
        let folder = format!("/proc/{}", self.id.as_raw_nonzero());
        let status = std::fs::read_to_string(format!("{folder}/status"));
        let status = status.expect("expected the process to run");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            number.expect("expected a number in the field")
        };
        let descriptors = std::fs::read_dir(format!("{folder}/fd"));
        Figures {
            memory: field("VmRSS:"),
            descriptors: descriptors.expect("expected the process to run").count() as u64,
            threads: field("Threads:"),
        }
    }

    /// Measures the process every second until this time, and after the load has ended.
    pub(crate) async fn measure(&self, until: Instant) -> Series {
        let start = self.figures();
        let mut during = Vec::new();
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(1)).await;
            during.push(self.figures());
        }
        let end = Instant::now() + COOL_DOWN;
        let mut after = self.figures();
        while Instant::now() < end
            && (after.descriptors, after.threads) > (start.descriptors, start.threads)
        {
            tokio::time::sleep(Duration::from_millis(500)).await;
            after = self.figures();
        }
        Series {
            start,
            during,
            after,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    /// VmRSS in KiB.
    memory: u64,
    descriptors: u64,
    threads: u64,
}

/// The figures of a process before, during and after the load.
#[derive(Debug)]
pub(crate) struct Series {
    start: Figures,
    during: Vec<Figures>,
    after: Figures,
}

type Figure = (&'static str, fn(&Figures) -> u64);

const MEMORY: Figure = ("memory in KiB", |figures| figures.memory);
const DESCRIPTORS: Figure = ("descriptors", |figures| figures.descriptors);
const THREADS: Figure = ("threads", |figures| figures.threads);

impl Series {
    pub(crate) const HEADING: &str =
        "process   figure            before   1st half   2nd half    highest      after";

    pub(crate) fn rows(&self, name: &str) -> String {
        let mut rows = String::new();
        for figure in [MEMORY, DESCRIPTORS, THREADS] {
            let (title, of) = figure;
            let (first, second) = self.halves(of);
            let highest = self.during.iter().map(of).max().unwrap_or_default();
            let _ = writeln!(
                rows,
                "{name:<10}{title:<15}{:>9}{first:>11}{second:>11}{highest:>11}{:>11}",
                of(&self.start),
                of(&self.after)
            );
        }
        rows
    }

    /// The median resident memory in each tenth of the time, in KiB.
    pub(crate) fn memory_by_tenths(&self) -> String {
        let tenths = self.during.chunks(self.during.len().div_ceil(10).max(1));
        let medians = tenths.map(|tenth| median(tenth, MEMORY.1).to_string());
        medians.collect::<Vec<_>>().join(" ")
    }

    /// One sentence for each figure that grew.
    pub(crate) fn growth(&self) -> Vec<String> {
        let mut growth = Vec::new();
        let (first, second) = self.halves(MEMORY.1);
        if second > first + first / 10 + 1024 {
            growth.push(format!("memory grew from {first} to {second} KiB"));
        }
        for (title, of) in [DESCRIPTORS, THREADS] {
            let (before, after) = (of(&self.start), of(&self.after));
            if after > before {
                growth.push(format!(
                    "{before} {title} before the load, {after} after it"
                ));
            }
        }
        growth
    }

    /// The medians of both halves, without the first tenth of the time.
    fn halves(&self, of: fn(&Figures) -> u64) -> (u64, u64) {
        let counted = &self.during[self.during.len() / 10..];
        let (first, second) = counted.split_at(counted.len() / 2);
        (median(first, of), median(second, of))
    }
}

fn median(figures: &[Figures], of: fn(&Figures) -> u64) -> u64 {
    let mut values: Vec<_> = figures.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
