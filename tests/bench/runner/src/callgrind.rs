//! Counts instructions in user space with callgrind. Unlike times, they do not depend on the speed and load of the
//! machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// The instructions of each function, without the functions that it calls.
#[derive(Debug, Default)]
pub struct Count {
    pub functions: BTreeMap<String, u64>,
}

impl Count {
    pub fn total(&self) -> u64 {
        self.functions.values().sum()
    }

    /// The difference of two counts, divided by the number of repetitions between them. Start-up is part of both counts and
    /// so not part of the result.
    pub fn per_repetition(few: &Count, many: &Count, repetitions: u64) -> Count {
        let functions = many.functions.iter().map(|(name, count)| {
            let start = few.functions.get(name).copied().unwrap_or(0);
            (name.clone(), count.saturating_sub(start) / repetitions)
        });
        Count {
            functions: functions.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// The program under callgrind, which writes its counts to `output` when it exits. Tokio starts one worker thread: with several,
/// the counts depend on which of them wakes up, and so on the number of cores.
pub fn command(program: &Path, output: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args([
            "--tool=callgrind",
            "--quiet",
            "--compress-strings=no",
            "--compress-pos=no",
        ])
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(program)
        .env("TOKIO_WORKER_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Measures the work of one repetition: `run` performs the given number of repetitions in a program that [`command`] started
/// with the given file as output, and returns after the program has exited. It is called twice at the same time, because
/// other programs on the machine do not change the counts.
pub fn per_repetition(
    few: u64,
    many: u64,
    run: impl Fn(u64, &Path) -> Result + Sync,
) -> Result<Count> {
    let count = |n| {
        let file = tempfile::NamedTempFile::new()?;
        run(n, file.path())?;
        read(file.path())
    };
    let (few_counted, many_counted) = std::thread::scope(|threads| {
        let few_counted = threads.spawn(|| count(few));
        let many_counted = count(many);
        (few_counted.join(), many_counted)
    });
    let few_counted = few_counted.map_err(|_| "the thread that counts instructions panicked")?;
    Ok(Count::per_repetition(
        &few_counted?,
        &many_counted?,
        many - few,
    ))
}

/// Reads a file that callgrind wrote.
pub fn read(path: &Path) -> Result<Count> {
    let count = parse(&std::fs::read_to_string(path)?);
    match count.total() {
        0 => Err("callgrind wrote no counts".into()),
        _ => Ok(count),
    }
}

/// A `fn=` line names the function of the cost lines that follow it. The line after a `calls=` line is the cost of the called
/// function, which is also part of the called function's own lines.
fn parse(text: &str) -> Count {
    let mut count = Count::default();
    let mut function = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = without_hash(name).to_owned();
        } else if line.starts_with("calls=") {
            lines.next();
        } else if line.starts_with(|c: char| c.is_ascii_digit())
            && let Some(cost) = line
                .split(' ')
                .nth(1)
                .and_then(|cost| cost.parse::<u64>().ok())
        {
            *count.functions.entry(function.clone()).or_default() += cost;
        }
    }
    count
}

/// Removes the hash from the name of a Rust function, because it changes with every version of the compiler, and the number
/// that callgrind appends to recursive functions.
fn without_hash(name: &str) -> &str {
    let name = name.split_once('\'').map_or(name, |(name, _)| name);
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_a_call_is_counted_only_in_the_called_function() {
        let count = parse(
            "events: Ir\n\nfn=a::b::h0123456789abcdef\n0 10\ncfn=c\ncalls=1 0\n0 7\n0 5\n\nfn=c\n0 7\n",
        );
        assert_eq!(
            count.functions,
            BTreeMap::from([("a::b".to_owned(), 15), ("c".to_owned(), 7)])
        );
        assert_eq!(count.total(), 22);
    }
}
