//! A program that is being measured.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::Result;

/// Programs start more slowly under valgrind.
const START_UP_LIMIT: Duration = Duration::from_secs(60);

/// A running program, which is killed when the value is dropped.
pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Result<Process> {
        Ok(Process(command.spawn()?))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Stops the program with SIGTERM, and waits until it has exited.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        let status = Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()?;
        if !status.success() {
            return Err("the program exited before it was stopped".into());
        }
        Ok(self.0.wait()?)
    }

    /// The processor time in user and kernel mode since the start.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The name of the program is in parentheses and can contain spaces. utime and stime are fields 14 and 15, in ticks of 10 ms.
        let fields = stat
            .rsplit_once(')')
            .ok_or("unexpected format of /proc/PID/stat")?
            .1;
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u64>);
        Ok(Duration::from_millis(
            10 * ticks.sum::<std::result::Result<u64, _>>()?,
        ))
    }

    /// The resident memory in bytes: now (`VmRSS`), or the highest value so far (`VmHWM`).
    pub fn memory(&self, field: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes
            .ok_or_else(|| format!("no {field} in /proc/PID/status"))?
            .parse::<u64>()?
            * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address on which nothing listens at the moment.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Connects as soon as a program that was just started listens.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let started = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return Ok(stream),
            Err(error) if started.elapsed() > START_UP_LIMIT => {
                return Err(format!("no program listens on {address}: {error}").into());
            }
            Err(_) => std::thread::yield_now(),
        }
    }
}
