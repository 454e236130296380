//! The load generators: wrk for HTTP/1.1, h2load for HTTP/2.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::peers::Running;
use super::workloads::Workload;
use crate::{Result, cores};

/// What one run measured.
pub struct Load {
    pub requests_per_second: f64,
    /// The time in milliseconds that 99 % of the responses did not exceed.
    pub p99: f64,
    /// The CPU time of the server in microseconds for each request.
    pub cpu: f64,
}

/// Loads the server for one second.
pub fn wrk(server: &Running, workload: &Workload, connections: u32) -> Result<Load> {
    let mut script = NamedTempFile::new()?;
    script.write_all(lua(workload).as_bytes())?;
    let mut command = cores::last(Path::new("wrk"))?;
    command
        .args(["--threads=1", "--duration=1s", "--timeout=10s"])
        .arg(format!("--connections={connections}"))
        .arg("--script")
        .arg(script.path())
        .arg(format!("http://{}{}", server.address, workload.path));
    let (output, cpu) = run(&mut command, server)?;
    let result = output.lines().find_map(|line| line.strip_prefix("result "));
    let numbers = result.ok_or_else(|| format!("no result in the output of wrk: {output}"))?;
    let numbers = numbers.split(' ').map(str::parse::<f64>);
    let numbers = numbers.collect::<std::result::Result<Vec<_>, _>>()?;
    match numbers[..] {
        [requests, microseconds, p99, 0.0] if requests > 0.0 => Ok(Load {
            requests_per_second: requests / microseconds * 1e6,
            p99: p99 / 1e3,
            cpu: cpu.as_secs_f64() * 1e6 / requests,
        }),
        _ => Err(format!("requests failed: {output}").into()),
    }
}

/// The script sets the request, and prints the number of requests, the microseconds of the run, the 99th percentile in
/// microseconds and the number of errors.
fn lua(workload: &Workload) -> String {
    let Workload {
        method,
        body,
        content_type,
        ..
    } = workload;
    let mut script = format!("wrk.method = '{method}'\n");
    if let Some(content_type) = content_type {
        script += &format!("wrk.headers['content-type'] = '{content_type}'\n");
    }
    if !body.is_empty() {
        // No body contains "]]".
        script += &format!("wrk.body = [[{}]]\n", String::from_utf8_lossy(body));
    }
    script
        + "done = function(summary, latency)
    local e = summary.errors
    local errors = e.connect + e.read + e.write + e.status + e.timeout
    print(string.format('result %d %d %d %d', summary.requests, summary.duration, latency:percentile(99), errors))
end
"
}

/// Sends requests in 100 streams of one connection.
pub fn h2load(server: &Running, path: &str, length: usize) -> Result<Load> {
    const REQUESTS: usize = 50_000;
    let log = NamedTempFile::new()?;
    let mut command = cores::last(Path::new("h2load"))?;
    command
        .arg(format!("--requests={REQUESTS}"))
        .args(["--clients=1", "--max-concurrent-streams=100"])
        .arg(format!("--log-file={}", log.path().display()))
        .arg(format!("http://{}{path}", server.address));
    let (output, cpu) = run(&mut command, server)?;
    for expected in [
        format!(" {REQUESTS} succeeded,"),
        format!(" {REQUESTS} 2xx,"),
        format!(" ({}) data", REQUESTS * length),
    ] {
        if !output.contains(&expected) {
            return Err(
                format!("expected \"{expected}\" in the output of h2load: {output}").into(),
            );
        }
    }
    // Each line has the start, the status and the duration in microseconds.
    let log = std::fs::read_to_string(log.path())?;
    let durations = log
        .lines()
        .filter_map(|line| line.rsplit_once('\t')?.1.parse().ok());
    let mut durations: Vec<f64> = durations.collect();
    durations.sort_by(f64::total_cmp);
    let p99 = durations
        .get(REQUESTS * 99 / 100)
        .ok_or("h2load wrote no log")?;
    let rate = output.lines().find_map(|line| {
        let rate = line.strip_prefix("finished in ")?.split(", ").nth(1)?;
        rate.strip_suffix(" req/s")?.parse().ok()
    });
    Ok(Load {
        requests_per_second: rate.ok_or("no rate in the output of h2load")?,
        p99: p99 / 1e3,
        cpu: cpu.as_secs_f64() * 1e6 / REQUESTS as f64,
    })
}

/// Runs a load generator, and returns its output and the CPU time that the server used meanwhile.
fn run(command: &mut Command, server: &Running) -> Result<(String, Duration)> {
    server.empty_log()?;
    let before = server.process.cpu_time()?;
    let output = command.output()?;
    let cpu = server.process.cpu_time()? - before;
    let text = String::from_utf8(output.stdout)?;
    match output.status.success() {
        true => Ok((text, cpu)),
        false => {
            let error = String::from_utf8_lossy(&output.stderr);
            Err(format!("the load generator failed: {text}{error}").into())
        }
    }
}
