//! Programs that must end, with time that the test makes.

use std::io;
use std::time::{Duration, SystemTime};

use anyhost_cgi::Program;
use anyhost_core::{Body, Request, RequestExt};
use futures_util::{StreamExt, stream};

use super::{Counted, environment, run_as, seen};

const MINUTE: Duration = Duration::from_secs(60);

fn program() -> Program {
    Program::new().with_deadline(Duration::from_secs(30))
}

#[tokio::test(start_paused = true)]
async fn a_handler_without_a_reply_is_answered_for_with_a_504() {
    let stuck = || async {
        tokio::time::sleep(MINUTE).await;
        "too late"
    };
    let (stdout, _, result) = run_as(program(), stuck, &[], io::empty()).await;
    result.unwrap();
    let reply = stdout.text();
    assert!(
        reply.starts_with("Status: 504 Gateway Timeout\r\n"),
        "{reply}"
    );
    assert!(reply.ends_with("\r\n\r\nGateway Timeout"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_on_its_way_is_cut() {
    let slow = || async {
        let first = stream::iter([Ok::<_, io::Error>("first")]);
        let late = stream::once(async {
            tokio::time::sleep(MINUTE).await;
            Ok("late")
        });
        Body::from_stream(first.chain(late))
    };
    let (stdout, _, result) = run_as(program(), slow, &[], io::empty()).await;
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(
        stdout.text().ends_with("\r\n\r\nfirst"),
        "{}",
        stdout.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_in_time_is_not_touched() {
    let quick = || async {
        tokio::time::sleep(Duration::from_secs(29)).await;
        "in time"
    };
    let (stdout, _, result) = run_as(program(), quick, &[], io::empty()).await;
    result.unwrap();
    assert!(stdout.text().ends_with("\r\n\r\nin time"));
}

#[tokio::test]
async fn a_504_is_followed_by_what_is_left_of_the_body() {
    let stuck = std::future::pending::<&str>;
    let program = Program::new().with_deadline(Duration::from_millis(1));
    let stdin = Counted::new(100_000);
    let vars = [("CONTENT_LENGTH", "100000")];
    let (stdout, ..) = run_as(program, stuck, &vars, stdin.clone()).await;
    assert!(stdout.text().starts_with("Status: 504 "));
    assert_eq!(stdin.read(), 100_000);
}

#[tokio::test]
async fn the_handler_knows_its_deadline() {
    let left = |request: Request| async move {
        let left = request.context().deadline();
        let left = left.and_then(|at| at.duration_since(SystemTime::now()).ok());
        format!(
            "{}",
            left.is_some_and(|left| left > Duration::from_secs(20))
        )
    };
    let (stdout, ..) = run_as(program(), left, &[], io::empty()).await;
    assert!(stdout.text().ends_with("\r\n\r\ntrue"), "{}", stdout.text());
    let none = |request: &Request| format!("{:?}", request.context().deadline());
    assert_eq!(seen(none, &[]).await, "None");
}

#[tokio::test]
async fn a_deadline_beyond_the_end_of_time_is_none() {
    let program = Program::new().with_deadline(Duration::MAX);
    let (stdout, _, result) = run_as(program, || async { "hi" }, &[], io::empty()).await;
    result.unwrap();
    assert!(stdout.text().ends_with("\r\n\r\nhi"));
}

#[test]
fn the_environment_can_set_it_and_is_refused_if_it_makes_no_sense() {
    let program = |name, value| {
        let program = Program::from_environment(&environment(&[(name, value)]));
        program.map(|program| format!("{program:?}"))
    };
    let deadline = |value| program("ANYHOST_CGI_DEADLINE", value);
    assert!(deadline("30").unwrap().contains("deadline: Some(30s)"));
    assert!(deadline("0.5").unwrap().contains("deadline: Some(500ms)"));
    assert!(deadline("").unwrap().contains("deadline: None"));
    for wrong in ["soon", "-1", "NaN", "inf", "30s", "1e300"] {
        let error = deadline(wrong).unwrap_err();
        assert!(format!("{error:?}").contains(wrong), "{error:?}");
    }
    let to_end = |value| program("ANYHOST_CGI_BODY_TO_END", value);
    assert!(to_end("1").unwrap().contains("body_to_end: true"));
    assert!(to_end("0").unwrap().contains("body_to_end: false"));
    assert!(to_end("yes").is_err());
}
