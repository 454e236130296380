//! Responses, the log, and web servers that write the whole request before they read.

use std::io::{Read, Write};

use super::{command, finish, get, post, run};

#[test]
fn response_is_written_as_status_headers_and_body() {
    let outcome = get("/hello");
    let expected = "Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\nHello, world!";
    assert_eq!(
        (outcome.stdout.as_str(), outcome.log.as_str(), outcome.code),
        (expected, "", Some(0))
    );
}

#[test]
fn body_of_3_mib_is_echoed_to_a_web_server_that_writes_the_whole_body_before_it_reads() {
    let body = vec![b'x'; 3 << 20];
    let outcome = post("/pipe", &[], &body);
    assert_eq!(outcome.body().len(), body.len());
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn response_that_begins_before_the_body_is_read_does_not_deadlock_with_a_web_server_that_writes_the_whole_body_before_it_reads()
 {
    let outcome = post("/before/300000", &[], &vec![b'x'; 1 << 20]);
    assert_eq!(outcome.body().len(), 300_007);
    assert!(outcome.body().ends_with("x1048576"));
}

#[test]
fn response_413_is_sent_after_the_rest_of_the_body_was_discarded() {
    let outcome = post("/limit/10", &[], &vec![b'x'; 3 << 20]);
    assert_eq!(
        (outcome.status(), outcome.body()),
        ("413", "Body exceeded 10 limit")
    );
}

#[test]
fn body_that_the_handler_does_not_read_is_discarded_before_the_process_exits() {
    let outcome = post("/ignore", &[], &vec![b'x'; 3 << 20]);
    assert_eq!((outcome.body(), outcome.code), ("ignored", Some(0)));
}

#[test]
fn streamed_response_reaches_a_web_server_that_reads_while_it_writes() {
    // busybox and lighttpd poll both directions.
    let mut child = command(&[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/pipe"),
        ("CONTENT_LENGTH", b"3"),
    ])
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut received = Vec::new();
    for chunk in [b"a", b"b", b"c"] {
        stdin.write_all(chunk).unwrap();
        // The echo of each chunk arrives before the test sends the next chunk.
        while !received.ends_with(chunk) {
            let mut block = [0; 1024];
            let length = child.stdout.as_mut().unwrap().read(&mut block).unwrap();
            assert_ne!(length, 0, "the response ended early");
            received.extend_from_slice(&block[..length]);
        }
    }
    // The process exits although stdin is still open, because it has read as many bytes as Content-Length declares
    // (RFC 3875 §4.2).
    assert_eq!(finish(child).code, Some(0));
    drop(stdin);
}

#[test]
fn aborted_response_is_logged_with_its_cause_and_path_and_the_exit_status_is_1() {
    for path in ["/stream-error", "/panic-late"] {
        let outcome = get(path);
        assert_eq!((outcome.body(), outcome.code), ("first", Some(1)));
        let line = outcome.log.lines().last().unwrap();
        assert!(line.contains("late") && line.contains(path), "{outcome:?}");
    }
}

#[test]
fn output_of_println_is_in_the_log_and_not_in_the_response() {
    let outcome = run(&[("PATH_INFO", b"/hello"), ("PROBE_START", b"print")], b"");
    assert!(
        outcome.stdout.starts_with("Status: 200 OK\r\n"),
        "{outcome:?}"
    );
    assert_eq!(outcome.body(), "Hello, world!");
    assert!(
        outcome.log.contains("printed by the program"),
        "{outcome:?}"
    );
}

#[test]
fn failed_start_up_is_a_500_and_its_cause_is_logged() {
    let outcome = run(&[("PATH_INFO", b"/hello"), ("PROBE_START", b"fail")], b"");
    assert_eq!(
        (outcome.status(), outcome.body()),
        ("500", "Internal Server Error")
    );
    assert!(outcome.log.contains("PROBE_START=fail"), "{outcome:?}");
}

#[test]
fn each_log_event_is_one_line_without_control_characters() {
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
fn response_header_longer_than_web_servers_accept_is_sent_and_logged() {
    let outcome = get("/header-size/5000");
    assert!(
        outcome
            .stdout
            .contains(&format!("\r\nx-large: {}\r\n", "y".repeat(5000)))
    );
    assert!(outcome.log.contains("x-large"), "{}", outcome.log);
    assert_eq!(get("/header-size/3000").log, "");
}
