//! The end of the process: `wait_until` work, SIGTERM, the deadline, and a web server that disconnects.

use super::{finish, read_start, run, signal, spawn};
use rustix::process::Signal;

/// A response that sends its first chunk at once, and its second after ten minutes.
const STALLED_RESPONSE: &[(&str, &[u8])] = &[
    ("PATH_INFO", b"/stream"),
    ("QUERY_STRING", b"chunks=2&delay_ms=600000"),
];

#[test]
fn sigterm_aborts_the_response_in_progress_and_the_exit_status_is_143() {
    let mut child = spawn(STALLED_RESPONSE);
    read_start(&mut child, 16);
    signal(&child, Signal::TERM);
    assert_eq!(finish(child).code, Some(143));
}

#[test]
fn sigterm_after_the_response_does_not_stop_wait_until_work() {
    // lighttpd and Apache send SIGTERM as soon as they have the response.
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    let mut child = spawn(&[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/after/500"),
        ("PROBE_DONE", done.as_os_str().as_encoded_bytes()),
    ]);
    let stdout = child.stdout.take().unwrap();
    let response = std::io::read_to_string(stdout).unwrap();
    assert!(response.ends_with("scheduled"), "{response}");
    signal(&child, Signal::TERM);
    assert_eq!(finish(child).code, Some(0));
    assert!(done.exists(), "the work was not finished");
}

#[test]
fn wait_until_work_runs_after_stdout_and_stderr_are_closed() {
    let mut child = spawn(&[("REQUEST_METHOD", b"POST"), ("PATH_INFO", b"/after/1500")]);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let response = std::io::read_to_string(stdout.unwrap()).unwrap();
    // Apache waits until stdout and stderr are closed before it completes the response to its client.
    std::io::read_to_string(stderr.unwrap()).unwrap();
    assert!(response.ends_with("scheduled"), "{response}");
    assert!(
        child.try_wait().unwrap().is_none(),
        "the process exited before its work was finished"
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn request_without_a_response_at_the_deadline_gets_a_504() {
    let vars: &[(&str, &[u8])] = &[
        ("PATH_INFO", b"/sleep/600000"),
        ("ANYHOST_CGI_DEADLINE", b"0.2"),
    ];
    let outcome = run(vars, b"");
    assert_eq!((outcome.status(), outcome.code), ("504", Some(0)));
    assert!(outcome.log.contains("request timed out"), "{outcome:?}");
}

#[test]
fn process_whose_handler_blocks_its_thread_is_killed_at_the_deadline_or_after_sigterm() {
    use std::os::unix::process::ExitStatusExt;
    let blocked: &[(&str, &[u8])] = &[("PATH_INFO", b"/block/600000")];
    let mut vars = blocked.to_vec();
    vars.push(("ANYHOST_CGI_DEADLINE", b"0.2"));
    let mut with_deadline = spawn(&vars);
    let mut with_sigterm = spawn(blocked);
    // The handler logs a line before it blocks.
    let mut log = std::io::BufReader::new(with_sigterm.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut log, &mut String::new()).unwrap();
    signal(&with_sigterm, Signal::TERM);
    for child in [&mut with_deadline, &mut with_sigterm] {
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::ALARM.as_raw()));
    }
}

#[test]
fn deadline_aborts_a_response_in_progress_and_the_exit_status_is_1() {
    let mut vars = STALLED_RESPONSE.to_vec();
    vars.push(("ANYHOST_CGI_DEADLINE", b"0.2"));
    let outcome = run(&vars, b"");
    assert_eq!((outcome.body(), outcome.code), ("zzzzz", Some(1)));
    assert!(
        outcome.log.contains("response aborted") && outcome.log.contains("deadline exceeded"),
        "{outcome:?}"
    );
}

#[test]
fn deadline_ends_wait_until_work_and_the_exit_status_is_0() {
    let vars: &[(&str, &[u8])] = &[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/after/600000"),
        ("ANYHOST_CGI_DEADLINE", b"0.2"),
    ];
    let outcome = run(vars, b"");
    assert_eq!((outcome.body(), outcome.code), ("scheduled", Some(0)));
}

#[test]
fn web_server_that_closes_stdout_ends_the_process_without_an_error() {
    let mut child = spawn(&[
        ("PATH_INFO", b"/stream"),
        ("QUERY_STRING", b"chunks=1000000000&size=10000"),
    ]);
    read_start(&mut child, 16);
    drop(child.stdout.take());
    let outcome = finish(child);
    assert_eq!((outcome.log.as_str(), outcome.code), ("", Some(0)));
}

#[test]
fn request_without_a_body_is_handled_without_a_second_thread() {
    let mut child = spawn(STALLED_RESPONSE);
    read_start(&mut child, 16);
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    assert_eq!(threads.count(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
}
