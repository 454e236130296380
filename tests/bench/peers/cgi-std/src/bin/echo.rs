//! Responds with the body of the request.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let length = std::env::var("CONTENT_LENGTH").unwrap_or_default();
    let mut body = vec![0; length.parse().unwrap_or(0)];
    std::io::stdin().read_exact(&mut body)?;
    let mut stdout = std::io::stdout().lock();
    write!(
        stdout,
        "Status: 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )?;
    stdout.write_all(&body)
}
