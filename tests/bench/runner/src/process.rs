//! A program that is being measured.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::Result;

/// Programs start more slowly under valgrind.
const START_UP_LIMIT: Duration = Duration::from_secs(60);

const FIRST_PORT: u32 = 10_000;
const PORTS: u32 = 20_000;

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

/// An address on which nothing listens at the moment. The kernel does not use ports below 32,768 for outgoing connections.
/// With a port above, a client that waits for the server can be given the port of the server as its own, so that it connects
/// to itself and the server cannot start.
pub fn free_address() -> Result<SocketAddr> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        if tried > PORTS {
            return Err("no free port".into());
        }
        // Other runners on the machine start elsewhere.
        let port = FIRST_PORT + (std::process::id().wrapping_mul(97).wrapping_add(tried)) % PORTS;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port)?));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
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
