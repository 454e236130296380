//! The requests that a CGI program is started for, and the check of its response.

use std::process::Command;

use crate::Result;

#[derive(Clone)]
pub struct Request {
    pub name: &'static str,
    /// The program of the peer: see ../../README.md.
    pub program: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub body: Vec<u8>,
    /// Further variables of the environment, of which the program needs none.
    pub variables: usize,
    /// Further headers of the request.
    pub headers: usize,
}

impl Request {
    pub fn hello() -> Request {
        Request {
            name: "hello",
            program: "hello",
            method: "GET",
            path: "/",
            body: Vec::new(),
            variables: 0,
            headers: 0,
        }
    }

    /// A POST of this number of bytes, which are the body of the response.
    pub fn echo(length: usize) -> Request {
        Request {
            name: "echo",
            program: "echo",
            method: "POST",
            path: "/",
            body: (0..length).map(|i| (i * 31 % 251) as u8).collect(),
            ..Request::hello()
        }
    }

    /// Sets the variables that Apache sets, and no others.
    pub fn configure(&self, command: &mut Command) {
        command.env_clear();
        command.env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        command.envs([
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("SERVER_SOFTWARE", "Apache/2.4.62 (Debian)"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_ADDR", "127.0.0.1"),
            ("SERVER_PORT", "80"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REMOTE_PORT", "40000"),
            ("REQUEST_SCHEME", "http"),
            ("DOCUMENT_ROOT", "/var/www/html"),
            ("SCRIPT_FILENAME", "/usr/lib/cgi-bin/app"),
            ("SCRIPT_NAME", "/app"),
            ("QUERY_STRING", "x=1"),
            ("HTTP_HOST", "localhost"),
            ("HTTP_USER_AGENT", "curl/7.88.1"),
            ("HTTP_ACCEPT", "*/*"),
        ]);
        command.env("REQUEST_METHOD", self.method);
        command.env("REQUEST_URI", format!("/app{}?x=1", self.path));
        command.env("PATH_INFO", self.path);
        if !self.body.is_empty() {
            command.env("CONTENT_LENGTH", self.body.len().to_string());
            command.env("CONTENT_TYPE", "application/octet-stream");
        }
        for n in 0..self.variables {
            command.env(format!("VARIABLE_{n}"), "some value");
        }
        for n in 0..self.headers {
            command.env(format!("HTTP_X_HEADER_{n}"), "some value");
        }
    }

    /// Checks the status and the body in the output of the program.
    pub fn check(&self, output: &[u8]) -> Result {
        let expected = match self.method {
            "GET" => b"Hello, world!",
            _ => &self.body[..],
        };
        // Lines can end with LF or CR LF (RFC 3875, section 6.2.1).
        let ends = ["\r\n\r\n", "\n\n"].iter().filter_map(|end| {
            let found = output
                .windows(end.len())
                .position(|bytes| bytes == end.as_bytes());
            Some(found? + end.len())
        });
        let (head, body) = output.split_at(ends.min().unwrap_or(0));
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        // A response without a status has the status 200 (RFC 3875, section 6.3.3).
        let is_ok = !head.is_empty() && (!head.contains("status:") || head.contains("status: 200"));
        match is_ok && body == expected {
            true => Ok(()),
            false => Err(format!("unexpected response to {}: {head}", self.name).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_must_have_status_200_and_the_expected_body() {
        let check = |output: &[u8]| Request::hello().check(output);
        assert!(check(b"Status: 200 OK\r\n\r\nHello, world!").is_ok());
        assert!(check(b"Status: 200 OK\n\nHello, world!").is_ok());
        assert!(check(b"Content-Type: text/plain\r\n\r\nHello, world!").is_ok());
        assert!(check(b"Status: 500 Internal Server Error\r\n\r\nHello, world!").is_err());
        assert!(check(b"Status: 200 OK\r\n\r\nHello").is_err());
        assert!(check(b"").is_err());
    }
}
