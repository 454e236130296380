//! The end of a process: by itself, by a signal, by a deadline, by a server that left.

use super::{finish, read_some, run, signal, spawn};
use rustix::process::Signal;

/// One piece now, and the next after ten minutes.
const STUCK: &[(&str, &[u8])] = &[
    ("PATH_INFO", b"/stream"),
    ("QUERY_STRING", b"chunks=2&delay_ms=600000"),
];

#[test]
fn sigterm_cancels_the_handler() {
    let mut child = spawn(STUCK);
    read_some(&mut child, 16);
    signal(&child, Signal::TERM);
    assert_eq!(finish(child).code, Some(143));
}

#[test]
fn sigterm_after_the_reply_does_not_end_the_work() {
    // lighttpd and Apache send it as soon as they have the reply.
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    let mut child = spawn(&[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/after/500"),
        ("PROBE_DONE", done.as_os_str().as_encoded_bytes()),
    ]);
    let stdout = child.stdout.take().unwrap();
    let reply = std::io::read_to_string(stdout).unwrap();
    assert!(reply.ends_with("scheduled"), "{reply}");
    signal(&child, Signal::TERM);
    assert_eq!(finish(child).code, Some(0));
    assert!(done.exists(), "the work was not done");
}

#[test]
fn work_after_the_reply_is_done_before_the_process_ends_and_nobody_waits_for_it() {
    let mut child = spawn(&[("REQUEST_METHOD", b"POST"), ("PATH_INFO", b"/after/1500")]);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reply = std::io::read_to_string(stdout.unwrap()).unwrap();
    // Apache waits for the end of stderr, too.
    std::io::read_to_string(stderr.unwrap()).unwrap();
    assert!(reply.ends_with("scheduled"), "{reply}");
    assert!(
        child.try_wait().unwrap().is_none(),
        "the process ended with its work undone"
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_deadline_answers_504_for_a_handler_that_hangs() {
    let vars: &[(&str, &[u8])] = &[
        ("PATH_INFO", b"/sleep/600000"),
        ("ANYHOST_CGI_DEADLINE", b"0.2"),
    ];
    let outcome = run(vars, b"");
    assert_eq!((outcome.status(), outcome.code), ("504", Some(0)));
    assert!(outcome.log.contains("deadline"), "{outcome:?}");
}

#[test]
fn a_handler_that_blocks_its_thread_does_not_outlive_the_deadline_or_sigterm() {
    use std::os::unix::process::ExitStatusExt;
    let blocked: &[(&str, &[u8])] = &[("PATH_INFO", b"/block/600000")];
    let mut vars = blocked.to_vec();
    vars.push(("ANYHOST_CGI_DEADLINE", b"0.2"));
    let mut late = spawn(&vars);
    let mut told = spawn(blocked);
    // Its first line says that it has begun.
    let mut log = std::io::BufReader::new(told.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut log, &mut String::new()).unwrap();
    signal(&told, Signal::TERM);
    for child in [&mut late, &mut told] {
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::ALARM.as_raw()));
    }
}

#[test]
fn a_deadline_cuts_a_reply_and_says_so() {
    let mut vars = STUCK.to_vec();
    vars.push(("ANYHOST_CGI_DEADLINE", b"0.2"));
    let outcome = run(&vars, b"");
    assert_eq!((outcome.body(), outcome.code), ("zzzzz", Some(1)));
    assert!(
        outcome.log.contains("the reply was cut: the deadline"),
        "{outcome:?}"
    );
}

#[test]
fn a_deadline_ends_work_after_the_reply() {
    let vars: &[(&str, &[u8])] = &[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", b"/after/600000"),
        ("ANYHOST_CGI_DEADLINE", b"0.2"),
    ];
    let outcome = run(vars, b"");
    assert_eq!((outcome.body(), outcome.code), ("scheduled", Some(0)));
}

#[test]
fn a_server_that_left_ends_the_program_quietly() {
    let mut child = spawn(&[
        ("PATH_INFO", b"/stream"),
        ("QUERY_STRING", b"chunks=1000000000&size=10000"),
    ]);
    read_some(&mut child, 16);
    drop(child.stdout.take());
    let outcome = finish(child);
    assert_eq!((outcome.log.as_str(), outcome.code), ("", Some(0)));
}

#[test]
fn a_request_without_a_body_starts_no_thread() {
    let mut child = spawn(STUCK);
    read_some(&mut child, 16);
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    assert_eq!(threads.count(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
}
