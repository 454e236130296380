//! The deadline, mostly with paused time.

use std::io;
use std::time::{Duration, SystemTime};

use anyhost_cgi::{Outcome, Program};
use anyhost_core::http::Response;
use anyhost_core::{Body, Request, RequestExt};
use futures_util::{StreamExt, stream};

use super::{CountedStdin, inspect, run_program};

const MINUTE: Duration = Duration::from_secs(60);

fn program() -> Program {
    Program::new().with_deadline(Duration::from_secs(30))
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_handler_misses_the_deadline_gets_a_504() {
    let slow = || async {
        tokio::time::sleep(MINUTE).await;
        "too late"
    };
    let (stdout, outcome) = run_program(program(), slow, &[], io::empty()).await;
    assert_eq!(outcome, Outcome::TimedOut);
    let response = stdout.text();
    assert!(
        response.starts_with("Status: 504 Gateway Timeout\r\n"),
        "{response}"
    );
    assert!(response.ends_with("\r\n\r\nGateway Timeout"), "{response}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_aborts_a_response_in_progress() {
    let slow = || async {
        let first = stream::iter([Ok::<_, io::Error>("first")]);
        let late = stream::once(async {
            tokio::time::sleep(MINUTE).await;
            Ok("late")
        });
        Body::from_stream(first.chain(late))
    };
    let (stdout, outcome) = run_program(program(), slow, &[], io::empty()).await;
    assert_eq!(outcome, Outcome::Aborted);
    assert!(
        stdout.text().ends_with("\r\n\r\nfirst"),
        "{}",
        stdout.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_deadline_is_complete() {
    let quick = || async {
        tokio::time::sleep(Duration::from_secs(29)).await;
        "in time"
    };
    let (stdout, outcome) = run_program(program(), quick, &[], io::empty()).await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(stdout.text().ends_with("\r\n\r\nin time"));
}

#[tokio::test]
async fn a_long_head_that_waits_for_the_request_body_becomes_a_504_at_the_deadline() {
    let large = || async {
        Response::builder()
            .header("x-large", "x".repeat(5000))
            .body(Body::empty())
    };
    let program = Program::new().with_deadline(Duration::from_millis(50));
    // The request body does not arrive until the pipe is closed, after the deadline.
    let (stdin, server) = io::pipe().unwrap();
    let vars = [("CONTENT_LENGTH", "5")];
    let close = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(server);
    };
    let ((stdout, outcome), ()) = tokio::join!(run_program(program, large, &vars, stdin), close);
    assert_eq!(outcome, Outcome::TimedOut);
    let response = stdout.text();
    assert!(response.starts_with("Status: 504 "), "{response}");
}

#[tokio::test]
async fn the_request_body_is_discarded_after_a_504() {
    let hanging = std::future::pending::<&str>;
    let program = Program::new().with_deadline(Duration::from_millis(1));
    let stdin = CountedStdin::new(100_000);
    let vars = [("CONTENT_LENGTH", "100000")];
    let (stdout, _) = run_program(program, hanging, &vars, stdin.clone()).await;
    assert!(stdout.text().starts_with("Status: 504 "));
    assert_eq!(stdin.read(), 100_000);
}

#[tokio::test]
async fn the_context_of_a_request_has_the_deadline() {
    let is_set = |request: Request| async move {
        let remaining = request.context().deadline();
        let remaining = remaining.and_then(|at| at.duration_since(SystemTime::now()).ok());
        format!(
            "{}",
            remaining.is_some_and(|remaining| remaining > Duration::from_secs(20))
        )
    };
    let (stdout, _) = run_program(program(), is_set, &[], io::empty()).await;
    assert!(stdout.text().ends_with("\r\n\r\ntrue"), "{}", stdout.text());
    let deadline = |request: &Request| format!("{:?}", request.context().deadline());
    assert_eq!(inspect(deadline, &[]).await, "None");
}

#[tokio::test]
async fn a_deadline_too_far_away_for_the_clock_is_ignored() {
    let program = Program::new().with_deadline(Duration::MAX);
    let (stdout, outcome) = run_program(program, || async { "hi" }, &[], io::empty()).await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(stdout.text().ends_with("\r\n\r\nhi"));
}
