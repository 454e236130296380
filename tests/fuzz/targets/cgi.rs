#![no_main]
//! CGI environments: each line of the head is a variable, such as `REQUEST_METHOD=GET`. The body is stdin.

use std::ffi::OsStr;
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex};

use anyhost_cgi::{Environment, Outcome, Program};
use anyhost_fuzz::{Message, Recorder, Seen, block_on, check_response, split_output};
use http::Method;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|input: &[u8]| {
    let message = Message::parse(input);
    let lines = std::iter::once(message.start).chain(message.lines.iter().copied());
    let variables: Vec<(&OsStr, &OsStr)> = lines
        .filter(|line| !line.contains(&0))
        .filter_map(|line| {
            let equals = line.iter().position(|&b| b == b'=')?;
            Some((
                OsStr::from_bytes(&line[..equals]),
                OsStr::from_bytes(&line[equals + 1..]),
            ))
        })
        .collect();
    let environment = Environment::new(variables);
    let mut program = Program::from_environment(&environment).unwrap_or_default();
    if environment.get("ANYHOST_CGI_DEADLINE").is_some() {
        // Runs without a deadline, because a deadline would make the result depend on the time.
        program = Program::new();
    }
    let (recorder, stdout) = (Recorder::default(), Stdout::default());
    let stdin = Cursor::new(message.body.to_vec());
    let exchange = program.exchange(recorder.clone(), environment.clone(), stdin, stdout.clone());
    let (_, outcome) = block_on(exchange);

    let output = stdout.0.lock().unwrap();
    let (status, headers, body) = split_output(&output);
    let method = environment
        .get("REQUEST_METHOD")
        .unwrap_or_default()
        .as_bytes();
    let method = Method::from_bytes(method).unwrap_or_default();
    match recorder.take_one() {
        Some(seen) => {
            assert_eq!(outcome, Outcome::Completed);
            check_response(&seen.parts.method, status, &headers, Some(body));
            check_decoded(&environment, &seen, message.body);
        }
        None => {
            assert_eq!(outcome, Outcome::Rejected);
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{status}"
            );
            check_response(&method, status, &headers, Some(body));
        }
    }
});

fn check_decoded(environment: &Environment, seen: &Seen, stdin: &[u8]) {
    let variable = |name| environment.get(name).unwrap_or_default().as_bytes();
    assert_eq!(
        seen.parts.method.as_str().as_bytes(),
        variable("REQUEST_METHOD")
    );
    // HTTP clients would treat `HTTP_PROXY` as a setting ("httpoxy").
    assert!(!seen.parts.headers.contains_key("proxy"));
    let base_path = seen.context.base_path();
    assert!(
        base_path.is_empty() || base_path.starts_with('/') && !base_path.ends_with('/'),
        "{base_path:?}"
    );
    assert!(
        base_path.bytes().all(|b| b.is_ascii_graphic()),
        "{base_path:?}"
    );
    if let Some(body) = &seen.body {
        assert!(stdin.starts_with(body));
        if let Some(length) = seen.parts.headers.get("content-length")
            && environment.get("ANYHOST_CGI_BODY_TO_END").is_none()
        {
            assert_eq!(length.to_str().unwrap(), body.len().to_string());
        }
    }
    // The web server checked the access to PATH_INFO, so the handler must see that path.
    let (path, info) = (seen.parts.uri.path(), variable("PATH_INFO"));
    if path != "*" && !info.is_empty() {
        let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
        let except_slashes = path.replace("%2F", "%252F").replace("%2f", "%252f");
        let except_slashes: Vec<u8> = percent_decode(except_slashes.as_bytes()).collect();
        // Some servers pass a path without its leading slash.
        let merged = merge_slashes(&[b"/", info.strip_prefix(b"/").unwrap_or(info)].concat());
        assert!(
            merge_slashes(&decoded) == merged || merge_slashes(&except_slashes) == merged,
            "{path:?} for {:?}",
            info.escape_ascii().to_string(),
        );
    }
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    path.dedup_by(|next, previous| (*next, *previous) == (b'/', b'/'));
    path
}

#[derive(Clone, Default)]
struct Stdout(Arc<Mutex<Vec<u8>>>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
