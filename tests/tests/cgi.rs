//! The probe as a CGI program: as a child of ours, and under Apache.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use anyhost_conformance::probe_path;

/// Runs the probe with these variables and this stdin; gives its stdout, its log and its exit code.
fn run(vars: &[(&str, &[u8])], stdin: &[u8]) -> (String, String, Option<i32>) {
    use std::os::unix::ffi::OsStrExt;
    let mut child = Command::new(probe_path())
        .env_clear()
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("SERVER_PROTOCOL", "HTTP/1.1")
        .env("REQUEST_METHOD", "GET")
        .env("SCRIPT_NAME", "/app")
        .envs(
            vars.iter()
                .map(|(name, value)| (name, std::ffi::OsStr::from_bytes(value))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Like Apache: all of the body first, and only then the reply.
    let written = child.stdin.take().unwrap().write_all(stdin);
    let (mut reply, mut log) = (Vec::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut reply)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    let code = child.wait().unwrap().code();
    written.unwrap_or_else(|error| panic!("the body was not taken: {error}; {log}"));
    (String::from_utf8_lossy(&reply).into_owned(), log, code)
}

/// Starts the probe with these variables and no body, for a test that looks at it while it runs.
fn spawn(vars: &[(&str, &str)]) -> std::process::Child {
    Command::new(probe_path())
        .env_clear()
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .envs(vars.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn get(path: &str) -> (String, String, Option<i32>) {
    run(&[("PATH_INFO", path.as_bytes())], b"")
}

fn post(path: &str, vars: &[(&str, &[u8])], stdin: &[u8]) -> (String, String, Option<i32>) {
    let length = stdin.len().to_string();
    let all: Vec<(&str, &[u8])> = [
        ("REQUEST_METHOD", &b"POST"[..]),
        ("PATH_INFO", path.as_bytes()),
        ("CONTENT_LENGTH", length.as_bytes()),
    ]
    .into_iter()
    .chain(vars.iter().copied())
    .collect();
    run(&all, stdin)
}

#[test]
fn the_reply_is_status_headers_and_body() {
    let (reply, log, code) = get("/hello");
    let expected = "Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\nHello, world!";
    assert_eq!(
        (reply.as_str(), log.as_str(), code),
        (expected, "", Some(0))
    );
}

#[test]
fn hostile_environments_get_a_4xx() {
    for (vars, status) in [
        (&[("REQUEST_METHOD", &b"G T"[..])][..], "400"),
        (&[("CONTENT_LENGTH", b"abc")], "400"),
        (&[("CONTENT_LENGTH", b"-1")], "400"),
        (&[("CONTENT_LENGTH", b"+5")], "400"),
        (&[("CONTENT_LENGTH", b"99999999999999999999")], "400"),
        (&[("HTTP_HOST", b"u@a")], "400"),
        (&[("HTTP_HOST", b"a:99999")], "400"),
        (&[("HTTP_X", b"a\rb")], "400"),
        (
            &[
                ("HTTP_TRANSFER_ENCODING", b"chunked"),
                ("SERVER_SOFTWARE", b"busybox httpd/1.35"),
            ],
            "411",
        ),
        (&[("REQUEST_METHOD", b"")], "500"),
    ] {
        let mut all = vec![("PATH_INFO", &b"/hello"[..])];
        all.extend_from_slice(vars);
        let (reply, log, code) = run(&all, b"");
        assert!(
            reply.starts_with(&format!("Status: {status} ")),
            "{vars:?}: {reply} {log}"
        );
        assert_eq!(code, Some(0), "{vars:?}: {log}");
    }
    let long = vec![b'a'; 70_000];
    let (reply, ..) = run(&[("PATH_INFO", &[b"/", &long[..]].concat())], b"");
    assert!(reply.starts_with("Status: 414 "), "{reply}");
}

#[test]
fn bytes_that_are_no_utf_8_do_no_harm() {
    let (reply, log, code) = run(
        &[
            ("PATH_INFO", b"/echo/\xFF"),
            ("HTTP_X_NAME", b"caf\xE9"),
            ("QUERY_STRING", b"q=\xFF"),
        ],
        b"",
    );
    assert!(
        reply.contains(r#""path":"/echo/%FF""#) && reply.contains(r#"["x-name","café"]"#),
        "{reply}"
    );
    assert!(reply.contains(r#""query":"q=%FF""#), "{reply}");
    assert_eq!((log.as_str(), code), ("", Some(0)));
}

#[test]
fn a_body_that_ends_too_early_is_a_400() {
    let (reply, ..) = post("/raw", &[("CONTENT_LENGTH", b"100")], b"hello");
    assert!(reply.starts_with("Status: 400 "), "{reply}");
    assert!(reply.ends_with("Invalid body"), "{reply}");
}

#[test]
fn what_follows_the_declared_length_is_not_read() {
    let (reply, ..) = post("/limit/100", &[("CONTENT_LENGTH", b"5")], b"hello and more");
    assert!(reply.ends_with("\r\n\r\n5"), "{reply}");
}

#[test]
fn a_length_that_lies_about_gigabytes_costs_nothing() {
    let (reply, ..) = post("/raw", &[("CONTENT_LENGTH", b"99999999999")], b"hello");
    assert!(reply.starts_with("Status: 413 "), "{reply}");
}

#[test]
fn a_body_of_unknown_length_is_read_to_its_end() {
    let vars = [
        ("CONTENT_LENGTH", &b""[..]),
        ("HTTP_TRANSFER_ENCODING", b"chunked"),
    ];
    let (reply, ..) = post("/limit/100", &vars, b"hello");
    assert!(reply.ends_with("\r\n\r\n5"), "{reply}");
}

#[test]
fn megabytes_are_echoed_to_a_server_that_writes_all_before_it_reads() {
    let body = vec![b'x'; 3 << 20];
    let (reply, _, code) = post("/pipe", &[], &body);
    assert_eq!(reply.split_once("\r\n\r\n").unwrap().1.len(), body.len());
    assert_eq!(code, Some(0));
}

#[test]
fn an_early_413_is_sent_and_the_body_drained() {
    let body = vec![b'x'; 3 << 20];
    let (reply, ..) = post("/limit/10", &[], &body);
    assert!(
        reply.starts_with("Status: 413 ") && reply.ends_with("Body exceeded 10b limit"),
        "{reply}"
    );
}

#[test]
fn a_proxy_header_reaches_neither_the_handler_nor_the_environment() {
    let (reply, ..) = run(
        &[
            ("PATH_INFO", b"/echo"),
            ("HTTP_PROXY", b"http://evil.example"),
            ("HTTP_X", b"1"),
        ],
        b"",
    );
    assert!(reply.contains(r#""headers":[["x","1"]]"#), "{reply}");
}

#[test]
fn work_after_the_reply_is_done_before_the_process_ends_and_nobody_waits_for_it() {
    let mut child = spawn(&[("REQUEST_METHOD", "POST"), ("PATH_INFO", "/after/1500")]);
    let mut reply = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut reply)
        .unwrap();
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(reply.ends_with("scheduled"), "{reply}");
    assert!(
        child.try_wait().unwrap().is_none(),
        "the process ended with its work undone"
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_query_is_never_taken_for_the_command_line() {
    let output = Command::new(probe_path())
        .arg("--help")
        .env_clear()
        .envs([
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "GET"),
            ("PATH_INFO", "/hello"),
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.stdout.ends_with(b"Hello, world!"));
}

#[test]
fn a_reply_that_is_cut_is_an_exit_status_and_a_line_in_the_log() {
    let (reply, log, code) = get("/stream-error");
    assert!(reply.ends_with("\r\n\r\nfirst"), "{reply}");
    assert_eq!(code, Some(1));
    assert!(
        log.contains("late") && log.contains("/stream-error"),
        "{log}"
    );
}

#[test]
fn what_the_program_prints_is_in_the_log_and_not_in_the_reply() {
    let (reply, log, _) = run(&[("PATH_INFO", b"/hello"), ("PROBE_START", b"print")], b"");
    assert!(reply.starts_with("Status: 200 OK\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\nHello, world!"), "{reply}");
    assert!(log.contains("printed by the program"), "{log}");
}

#[test]
fn a_program_that_cannot_start_is_a_500_and_says_why_in_the_log() {
    let (reply, log, _) = run(&[("PATH_INFO", b"/hello"), ("PROBE_START", b"fail")], b"");
    assert!(
        reply.starts_with("Status: 500 Internal Server Error\r\n"),
        "{reply}"
    );
    assert!(reply.ends_with("Internal Server Error"), "{reply}");
    assert!(log.contains("PROBE_START says so"), "{log}");
}

#[test]
fn sigterm_cancels_the_handler() {
    let mut child = spawn(&[
        ("REQUEST_METHOD", "GET"),
        ("PATH_INFO", "/stream"),
        ("QUERY_STRING", "chunks=2&delay_ms=600000"),
    ]);
    // The first piece shows that the handler is at work.
    let mut reply = [0; 16];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut reply)
        .unwrap();
    let id = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
