//! The standalone server compared with a bare hyper-util server without any limits, and with axum.
//!
//! `cargo bench -p anyhost-conformance --bench server` needs valgrind and wrk. It prints for each server:
//!
//! - the user-space instructions of a GET on a keep-alive connection, which do not depend on the machine;
//! - the requests per second under wrk with 64 and with 1000 connections, as a ratio to hyper. The servers are
//!   measured in turn, and the median of the ratios of all rounds is printed;
//! - the heap bytes of an idle connection.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhost::server::Server;
use anyhost_conformance::free_port;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PEERS: [&str; 3] = ["hyper", "axum", "anyhost"];
const TEXT: &str = "Hello, world!";
const ROUNDS: usize = 9;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, peer, port] if PEERS.contains(&peer) => serve(peer, port.parse()?),
        _ => measure(),
    }
}

fn serve(peer: &str, port: u16) -> Outcome {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match peer {
            "hyper" => bare(address).await,
            "axum" => {
                let app = axum::Router::new().route("/", axum::routing::get(|| async { TEXT }));
                let listener = TcpListener::bind(address).await?;
                let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                    let _ = stream.set_nodelay(true);
                });
                Ok(axum::serve(listener, app).await?)
            }
            _ => Ok(Server::bind(address)
                .await?
                .serve(|| async { TEXT })
                .await?),
        }
    })
}

/// A server as in the examples of hyper-util.
async fn bare(address: SocketAddr) -> Outcome {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let hello = service_fn(|_| async {
                let response =
                    http::Response::builder().header("content-type", "text/plain; charset=utf-8");
                response.body(Full::new(Bytes::from_static(TEXT.as_bytes())))
            });
            let connection = auto::Builder::new(TokioExecutor::new());
            let _ = connection
                .serve_connection_with_upgrades(TokioIo::new(stream), hello)
                .await;
        });
    }
}

fn measure() -> Outcome {
    println!("{:>9} instructions of a GET over HTTP/1.1 keep-alive", "");
    for peer in PEERS {
        let slope = (instructions(peer, 1200)? - instructions(peer, 200)?) / 1000;
        println!("{slope:>9}  {peer}");
    }
    for connections in [64, 1000] {
        let mut rates: [Vec<f64>; 3] = Default::default();
        let running: Vec<_> = PEERS
            .iter()
            .map(|peer| start(peer, &[]))
            .collect::<Outcome<_>>()?;
        for _ in 0..ROUNDS {
            for (server, rates) in running.iter().zip(&mut rates) {
                rates.push(throughput(server.address, connections)?);
            }
        }
        println!(
            "{:>9} requests a second under wrk -c{connections}, as ratios to hyper",
            ""
        );
        for (peer, rates_of_peer) in PEERS.iter().zip(&rates) {
            let ratios = rates_of_peer
                .iter()
                .zip(&rates[0])
                .map(|(rate, bare)| rate / bare);
            println!("{:>9.3}  {peer}", median(ratios.collect()));
        }
    }
    println!(
        "{:>9} heap bytes of an idle connection that had one request",
        ""
    );
    for peer in PEERS {
        println!("{:>9}  {peer}", idle_memory(peer)?);
    }
    Ok(())
}

struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Stops the server with SIGTERM, and returns what it wrote to stderr.
    fn terminate(&mut self) -> Outcome<String> {
        let id = rustix::process::Pid::from_raw(self.child.id().try_into()?)
            .ok_or("invalid process id")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let mut log = String::new();
        let stderr = self
            .child
            .stderr
            .as_mut()
            .ok_or("expected a pipe as stderr")?;
        stderr.read_to_string(&mut log)?;
        self.child.wait()?;
        Ok(log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(peer: &str, under: &[&str]) -> Outcome<Running> {
    let port = free_port();
    let this = std::env::current_exe()?;
    let this = this
        .to_str()
        .ok_or("the path of the benchmark is not UTF-8")?;
    let port_text = port.to_string();
    let all: Vec<&str> = under
        .iter()
        .copied()
        .chain([this, peer, &port_text])
        .collect();
    let mut command = Command::new(all[0]);
    let child = command.args(&all[1..]).stderr(Stdio::piped()).spawn()?;
    let running = Running {
        child,
        address: SocketAddr::from(([127, 0, 0, 1], port)),
    };
    while TcpStream::connect(running.address).is_err() {
        std::thread::yield_now();
    }
    Ok(running)
}

fn request(stream: &mut TcpStream) -> Outcome {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut response = [0; 1024];
    let length = stream.read(&mut response)?;
    match response[..length].ends_with(TEXT.as_bytes()) {
        true => Ok(()),
        false => Err("unexpected response".into()),
    }
}

fn instructions(peer: &str, requests: u32) -> Outcome<u64> {
    let valgrind = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ];
    let mut running = start(peer, &valgrind)?;
    let mut stream = TcpStream::connect(running.address)?;
    for _ in 0..requests {
        request(&mut stream)?;
    }
    drop(stream);
    let log = running.terminate()?;
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    Ok(collected
        .ok_or("no instruction count in the output of callgrind")?
        .1
        .trim()
        .parse()?)
}

/// Runs wrk for two seconds, and returns its requests per second.
fn throughput(address: SocketAddr, connections: u32) -> Outcome<f64> {
    let wrk = Command::new("wrk")
        .args([
            "-t1",
            &format!("-c{connections}"),
            "-d2s",
            &format!("http://{address}/"),
        ])
        .output()?;
    let text = String::from_utf8(wrk.stdout)?;
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(rate
        .ok_or_else(|| format!("no request rate in the output of wrk: {text}"))?
        .trim()
        .parse()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The heap bytes of one connection. The resident memory is not measured, because it also depends on earlier
/// allocations of the process.
fn idle_memory(peer: &str) -> Outcome<u64> {
    let (few, many) = (100, 500);
    Ok((heap(peer, many)? - heap(peer, few)?) / u64::from(many - few))
}

/// The peak of the heap with this number of open connections, each after one request.
fn heap(peer: &str, connections: u32) -> Outcome<u64> {
    let file = tempfile::NamedTempFile::new()?;
    let out = format!("--massif-out-file={}", file.path().display());
    let mut running = start(peer, &["valgrind", "--tool=massif", &out])?;
    let mut streams = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(running.address)?;
        request(&mut stream)?;
        streams.push(stream);
    }
    running.terminate()?;
    let snapshots = std::fs::read_to_string(file.path())?;
    let bytes = snapshots
        .lines()
        .filter_map(|line| line.strip_prefix("mem_heap_B="));
    let most = bytes.filter_map(|bytes| bytes.parse().ok()).max();
    most.ok_or_else(|| "no heap size in the output of massif".into())
}
