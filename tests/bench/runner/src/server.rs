//! HTTP servers.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use crate::process::{Process, connect, free_address};
use crate::{Result, callgrind, programs, table};

/// A server that is measured.
struct Peer {
    name: &'static str,
    package: &'static str,
    arguments: fn(SocketAddr) -> Vec<String>,
    environment: &'static [(&'static str, &'static str)],
}

/// As deployed comes first.
const PEERS: [Peer; 3] = [
    Peer {
        name: "anyhost",
        package: "peer-anyhost",
        arguments: listen,
        environment: &[],
    },
    Peer {
        name: "anyhost, log off",
        package: "peer-anyhost",
        arguments: listen,
        environment: &[("RUST_LOG", "off")],
    },
    Peer {
        name: "hyper",
        package: "peer-hyper",
        arguments: address,
        environment: &[],
    },
];

fn listen(address: SocketAddr) -> Vec<String> {
    vec!["-l".into(), address.to_string()]
}

fn address(address: SocketAddr) -> Vec<String> {
    vec![address.to_string()]
}

pub fn measure() -> Result {
    let mut rows = Vec::new();
    for peer in &PEERS {
        let program = programs::build(peer.package, "hello")?;
        let get = callgrind::per_repetition(200, 1200, |n, output| get(peer, &program, n, output))?;
        rows.push(vec![peer.name.to_owned(), table::grouped(get.total())]);
    }
    table::print(
        "GET over HTTP/1.1 keep-alive",
        &["server", "instructions"],
        &rows,
    );
    Ok(())
}

fn get(peer: &Peer, program: &Path, requests: u64, output: &Path) -> Result {
    let address = free_address()?;
    let mut command = callgrind::command(program, output);
    command
        .args((peer.arguments)(address))
        .envs(peer.environment.iter().copied())
        .stderr(std::process::Stdio::null());
    let process = Process::start(&mut command)?;
    let mut stream = connect(address)?;
    let mut response = [0; 1024];
    for _ in 0..requests {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let length = stream.read(&mut response)?;
        if !response[..length].ends_with(b"Hello, world!") {
            return Err(format!("unexpected response of {}", peer.name).into());
        }
    }
    drop(stream);
    process.terminate()?;
    Ok(())
}
