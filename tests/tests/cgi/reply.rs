//! Replies, what else a program writes, and servers that write all of the body before they read.

use std::io::{Read, Write};

use super::{command, finish, get, post, run};

#[test]
fn the_reply_is_status_headers_and_body() {
    let outcome = get("/hello");
    let expected = "Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\nHello, world!";
    assert_eq!(
        (outcome.reply.as_str(), outcome.log.as_str(), outcome.code),
        (expected, "", Some(0))
    );
}

#[test]
fn megabytes_are_echoed_to_a_server_that_writes_all_before_it_reads() {
    let body = vec![b'x'; 3 << 20];
    let outcome = post("/pipe", &[], &body);
    assert_eq!(outcome.body().len(), body.len());
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_reply_that_begins_before_its_request_was_read_waits_for_such_a_server() {
    let outcome = post("/before/300000", &[], &vec![b'x'; 1 << 20]);
    assert_eq!(outcome.body().len(), 300_007);
    assert!(outcome.body().ends_with("x1048576"));
}

#[test]
fn an_early_413_is_sent_and_the_body_drained() {
    let outcome = post("/limit/10", &[], &vec![b'x'; 3 << 20]);
    assert_eq!(
        (outcome.status(), outcome.body()),
        ("413", "Body exceeded 10b limit")
    );
}

#[test]
fn a_body_that_nobody_reads_is_drained_before_the_process_ends() {
    let outcome = post("/ignore", &[], &vec![b'x'; 3 << 20]);
    assert_eq!((outcome.body(), outcome.code), ("ignored", Some(0)));
}

#[test]
fn a_server_that_reads_as_it_writes_gets_the_body_as_it_went() {
    // busybox and lighttpd poll both directions.
    let mut child = command(&[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/pipe"),
        ("CONTENT_LENGTH", b"3"),
    ])
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut seen = Vec::new();
    for piece in [b"a", b"b", b"c"] {
        stdin.write_all(piece).unwrap();
        // What went in comes out before the next goes in.
        while !seen.ends_with(piece) {
            let mut block = [0; 1024];
            let length = child.stdout.as_mut().unwrap().read(&mut block).unwrap();
            assert_ne!(length, 0, "the reply ended early");
            seen.extend_from_slice(&block[..length]);
        }
    }
    // stdin stays open, as RFC 3875 §4.2 allows.
    assert_eq!(finish(child).code, Some(0));
    drop(stdin);
}

#[test]
fn a_reply_that_is_cut_is_an_exit_status_and_a_line_in_the_log() {
    for path in ["/stream-error", "/panic-late"] {
        let outcome = get(path);
        assert_eq!((outcome.body(), outcome.code), ("first", Some(1)));
        let line = outcome.log.lines().last().unwrap();
        assert!(line.contains("late") && line.contains(path), "{outcome:?}");
    }
}

#[test]
fn what_the_program_prints_is_in_the_log_and_not_in_the_reply() {
    let outcome = run(&[("PATH_INFO", b"/hello"), ("PROBE_START", b"print")], b"");
    assert!(
        outcome.reply.starts_with("Status: 200 OK\r\n"),
        "{outcome:?}"
    );
    assert_eq!(outcome.body(), "Hello, world!");
    assert!(
        outcome.log.contains("printed by the program"),
        "{outcome:?}"
    );
}

#[test]
fn a_program_that_cannot_start_is_a_500_and_says_why_in_the_log() {
    let outcome = run(&[("PATH_INFO", b"/hello"), ("PROBE_START", b"fail")], b"");
    assert_eq!(
        (outcome.status(), outcome.body()),
        ("500", "Internal Server Error")
    );
    assert!(outcome.log.contains("PROBE_START says so"), "{outcome:?}");
}

#[test]
fn an_event_is_one_plain_line_of_the_log() {
    for (path, backtrace) in [("/panic", "0"), ("/panic", "1"), ("/fail", "0")] {
        let vars = [
            ("PATH_INFO", path.as_bytes()),
            ("RUST_BACKTRACE", backtrace.as_bytes()),
        ];
        let outcome = run(&vars, b"");
        assert_eq!((outcome.status(), outcome.code), ("500", Some(0)));
        assert!(!outcome.log.is_empty());
        for line in outcome.log.lines() {
            assert!(line.starts_with("ERROR ") && line.len() < 8192, "{line}");
            assert!(!line.contains(char::is_control), "{line}");
        }
    }
    let panic = get("/panic").log;
    assert!(
        panic.contains("panicked at ") && panic.contains("on purpose"),
        "{panic}"
    );
}

#[test]
fn a_header_longer_than_servers_take_is_sent_and_in_the_log() {
    let outcome = get("/header-size/5000");
    assert!(
        outcome
            .reply
            .contains(&format!("\r\nx-large: {}\r\n", "y".repeat(5000)))
    );
    assert!(outcome.log.contains("x-large"), "{}", outcome.log);
    assert_eq!(get("/header-size/3000").log, "");
}
