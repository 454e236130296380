//! A Lambda Runtime API for one function. It uses blocking I/O and does as little as possible, because its work is part of the
//! measured time of an invocation.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Result;

/// How long the function may take to connect or to respond. Programs under callgrind are about 50 times slower.
const TIMEOUT: Duration = Duration::from_secs(120);

pub struct RuntimeApi {
    listener: TcpListener,
    connections: Vec<BufReader<TcpStream>>,
    /// The index of the connection of the last call.
    current: usize,
}

/// A request of the function.
struct Call {
    line: String,
    body: Vec<u8>,
}

impl RuntimeApi {
    pub fn start() -> Result<RuntimeApi> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(RuntimeApi {
            listener,
            connections: Vec::new(),
            current: 0,
        })
    }

    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Invokes the function with an event, and returns the response that the function posts.
    pub fn invoke(&mut self, event: &[u8]) -> Result<Vec<u8>> {
        let next = self.receive()?;
        if next.line != "GET /2018-06-01/runtime/invocation/next HTTP/1.1" {
            return Err(format!("unexpected call of the Runtime API: {}", next.line).into());
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\n\
             Content-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
             Lambda-Runtime-Invocation-Id: 0b6ae1e3-5a2f-4f0e-9c8b-52f3b6a0a5d1\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             Date: Fri, 27 Nov 2026 00:00:00 GMT\r\n\
             Content-Length: {}\r\n\r\n",
            event.len()
        );
        self.send(&[head.as_bytes(), event].concat())?;
        let response = self.receive()?;
        self.send(
            b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n",
        )?;
        if !response.line.ends_with("/response HTTP/1.1") {
            let body = String::from_utf8_lossy(&response.body);
            return Err(format!("the function posted {}: {body}", response.line).into());
        }
        Ok(response.body)
    }

    /// Waits for a call on any connection. A client with a pool of connections opens another one if its first one is not yet
    /// idle again.
    fn receive(&mut self) -> Result<Call> {
        loop {
            let listener = self.listener.as_fd();
            let sockets = self.connections.iter().map(|c| c.get_ref().as_fd());
            let sockets = [listener].into_iter().chain(sockets);
            let mut sockets: Vec<PollFd<'_>> = sockets
                .map(|socket| PollFd::new(socket, PollFlags::POLLIN))
                .collect();
            if poll(&mut sockets, PollTimeout::try_from(TIMEOUT)?)? == 0 {
                return Err("the function did not call the Runtime API in time".into());
            }
            let ready = sockets.iter().position(|s| s.any() == Some(true));
            match ready.unwrap_or(0) {
                0 => {
                    let (stream, _) = self.listener.accept()?;
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(TIMEOUT))?;
                    self.connections.push(BufReader::new(stream));
                }
                n => match read(&mut self.connections[n - 1])? {
                    Some(call) => {
                        self.current = n - 1;
                        return Ok(call);
                    }
                    None => drop(self.connections.remove(n - 1)),
                },
            }
        }
    }

    /// Responds to the last call.
    fn send(&mut self, bytes: &[u8]) -> Result {
        let connection = &mut self.connections[self.current];
        Ok(connection.get_mut().write_all(bytes)?)
    }
}

/// Reads a request, or returns `None` at the end of the connection.
fn read(connection: &mut BufReader<TcpStream>) -> Result<Option<Call>> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let line = line.trim_end().to_owned();
    let mut length = 0;
    let mut header = String::new();
    loop {
        header.clear();
        connection.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("the function streams its response, expected a Content-Length".into());
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(Some(Call { line, body }))
}
