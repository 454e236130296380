//! Whether this is CGI, and what a program may believe of its surroundings.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use super::{command, finish, post};

const HELLO: &[(&str, &[u8])] = &[("PATH_INFO", b"/hello")];

#[test]
fn the_query_is_never_taken_for_the_command_line() {
    // Apache makes arguments of `?--help` (RFC 3875 §4.4).
    let child = command(HELLO).arg("--help").stdin(Stdio::null()).spawn();
    assert_eq!(finish(child.unwrap()).body(), "Hello, world!");
}

#[test]
fn a_connected_socket_on_stdin_is_still_cgi() {
    // mod_cgid gives its children one socket for both directions.
    let (server, program) = UnixStream::pair().unwrap();
    let mut command = command(HELLO);
    command
        .stdin(Stdio::from(OwnedFd::from(program.try_clone().unwrap())))
        .stdout(OwnedFd::from(program));
    let child = command.spawn().unwrap();
    drop(command);
    let reply = std::io::read_to_string(server).unwrap();
    assert!(reply.ends_with("\r\n\r\nHello, world!"), "{reply}");
    assert_eq!(finish(child).code, Some(0));
}

#[test]
fn a_listening_socket_on_stdin_is_fastcgi_and_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = command(&[])
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn();
    let outcome = finish(child.unwrap());
    assert_eq!((outcome.reply.as_str(), outcome.code), ("", Some(1)));
    assert!(outcome.log.contains("fcgiwrap"), "{}", outcome.log);
}

#[test]
fn without_a_web_server_it_is_an_error_and_no_reply_on_a_terminal() {
    let child = command(&[])
        .env_clear()
        .env("ANYHOST", "cgi")
        .stdin(Stdio::null())
        .spawn();
    let outcome = finish(child.unwrap());
    assert_eq!((outcome.reply.as_str(), outcome.code), ("", Some(1)));
    assert!(outcome.log.contains("GATEWAY_INTERFACE"), "{}", outcome.log);
}

#[test]
fn fcgiwraps_own_variables_do_not_make_it_fastcgi() {
    let child = command(HELLO)
        .env("FCGI_ROLE", "RESPONDER")
        .env("REQUEST_METHOD", "GET")
        .stdin(Stdio::null())
        .spawn();
    assert_eq!(finish(child.unwrap()).body(), "Hello, world!");
}

#[test]
fn stdin_can_be_a_pipe_a_file_a_socket_or_nothing() {
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
fn closed_descriptors_are_no_reason_to_panic() {
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
    let no_stdin = run("<&-");
    assert_eq!(no_stdin.status(), "400", "{no_stdin:?}");
    let no_log = run("2>&-");
    assert_eq!(no_log.status(), "400", "{no_log:?}");
    let nothing = run("<&- >&- 2>&-");
    assert_eq!((nothing.reply.as_str(), nothing.code), ("", Some(0)));
}
