//! Detection of CGI, and the file descriptors that web servers pass.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use super::{command, finish, post};

const HELLO: &[(&str, &[u8])] = &[("PATH_INFO", b"/hello")];

#[test]
fn command_line_arguments_made_from_the_query_are_ignored() {
    // A web server may pass a query without "=" as arguments (RFC 3875 §4.4), as Apache does.
    let child = command(HELLO).arg("--help").stdin(Stdio::null()).spawn();
    assert_eq!(finish(child.unwrap()).body(), "Hello, world!");
}

#[test]
fn connected_socket_on_stdin_and_stdout_is_detected_as_cgi() {
    // Apache's mod_cgid passes one socket for both directions.
    let (server, program) = UnixStream::pair().unwrap();
    let mut command = command(HELLO);
    command
        .stdin(Stdio::from(OwnedFd::from(program.try_clone().unwrap())))
        .stdout(OwnedFd::from(program));
    let child = command.spawn().unwrap();
    drop(command);
    let response = std::io::read_to_string(server).unwrap();
    assert!(response.ends_with("\r\n\r\nHello, world!"), "{response}");
    assert_eq!(finish(child).code, Some(0));
}

#[test]
fn program_exits_with_1_if_stdin_is_a_listening_socket_because_fastcgi_is_not_supported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = command(&[])
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn();
    let outcome = finish(child.unwrap());
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(1)));
    assert!(outcome.log.contains("fcgiwrap"), "{}", outcome.log);
}

#[test]
fn program_with_the_setting_anyhost_cgi_but_no_cgi_variables_exits_with_1_without_a_response() {
    let child = command(&[])
        .env_clear()
        .env("ANYHOST", "cgi")
        .stdin(Stdio::null())
        .spawn();
    let outcome = finish(child.unwrap());
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("", Some(1)));
    assert!(outcome.log.contains("GATEWAY_INTERFACE"), "{}", outcome.log);
}

#[test]
fn fastcgi_variables_from_fcgiwrap_do_not_prevent_detection_of_cgi() {
    let child = command(HELLO)
        .env("FCGI_ROLE", "RESPONDER")
        .env("REQUEST_METHOD", "GET")
        .stdin(Stdio::null())
        .spawn();
    assert_eq!(finish(child.unwrap()).body(), "Hello, world!");
}

#[test]
fn request_body_is_read_from_a_pipe_a_file_or_a_socket_and_dev_null_as_stdin_is_a_400() {
    let body = vec![b'x'; 200_000];
    assert_eq!(post("/limit/1mb", &[], &body).status(), "400");
    assert_eq!(post("/limit/200000", &[], &body).body(), "200000");

    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &body).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let (server, socket) = UnixStream::pair().unwrap();
    let writer = std::thread::spawn({
        let body = body.clone();
        move || std::io::Write::write_all(&mut { server }, &body).unwrap()
    });
    let null = File::open("/dev/null").unwrap();
    for (stdin, expected) in [
        (OwnedFd::from(file), "200000"),
        (OwnedFd::from(socket), "200000"),
        (OwnedFd::from(null), "Invalid body"),
    ] {
        let child = command(&[
            ("REQUEST_METHOD", b"POST"),
            ("PATH_INFO", b"/limit/200000"),
            ("CONTENT_LENGTH", b"200000"),
        ])
        .stdin(Stdio::from(stdin))
        .spawn();
        assert_eq!(finish(child.unwrap()).body(), expected);
    }
    writer.join().unwrap();
}

#[test]
fn closed_stdin_stdout_or_stderr_does_not_cause_a_panic() {
    let vars: &[(&str, &[u8])] = &[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/limit/100"),
        ("CONTENT_LENGTH", b"5"),
    ];
    let probe = command(vars);
    let run = |redirections: &str| {
        let mut shell = std::process::Command::new("/bin/sh");
        let script = format!("exec \"$0\" {redirections}");
        shell.args(["-c", &script]).arg(probe.get_program());
        for (name, value) in probe.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let child = shell
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        finish(child.unwrap())
    };
    let without_stdin = run("<&-");
    assert_eq!(without_stdin.status(), "400", "{without_stdin:?}");
    let without_stderr = run("2>&-");
    assert_eq!(without_stderr.status(), "400", "{without_stderr:?}");
    let without_all = run("<&- >&- 2>&-");
    assert_eq!(
        (without_all.stdout.as_str(), without_all.code),
        ("", Some(0))
    );
}
