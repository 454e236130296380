//! A client for HTTP/1.1 that sends exactly the bytes of the workload. Other clients add headers, whose cost would be
//! counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::Result;

pub struct Connection(BufReader<TcpStream>);

pub struct Response {
    pub status: String,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Connection {
        Connection(BufReader::new(stream))
    }

    /// Sends a request, and reads the response.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Response> {
        self.0.get_mut().write_all(request)?;
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).ok_or("no status")?.to_owned();
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                Some(("content-length", value)) => length = Some(value.trim().parse()?),
                Some(_) => {}
                None if line.is_empty() => break,
                None => return Err(format!("invalid header line: {line}").into()),
            }
        }
        let body = match length {
            Some(length) => self.bytes(length)?,
            None => self.chunks()?,
        };
        Ok(Response { status, body })
    }

    /// A body with `Transfer-Encoding: chunked`: each chunk has its length before it, and the last one is empty.
    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16)?;
            body.extend(self.bytes(length)?);
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}
