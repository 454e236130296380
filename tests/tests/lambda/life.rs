//! The life of a function: its start, its deadline, many invocations at once, its end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;

/// The header for a deadline so far from now, once the function is up.
async fn deadline(api: &LambdaApi, left: i64) -> String {
    api.invoke(get("/hello")).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (i64::try_from(now.as_millis()).unwrap() + left).to_string()
}

#[tokio::test]
async fn a_handler_that_is_late_is_answered_for_before_lambda_ends_it() {
    let (api, mut probe) = started().await;
    let soon = deadline(&api, 1000).await;
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(get("/sleep/600000"), &headers).await;
    assert_eq!(answer.json()["statusCode"], 504);
    probe.log_line("no reply before the deadline").await;
    serves(&api).await;
}

#[tokio::test]
async fn a_streamed_reply_that_is_late_is_cut_in_trailers() {
    let (api, _probe) = started_with(&[("ANYHOST_LAMBDA_MODE", "stream")]).await;
    let soon = deadline(&api, 1000).await;
    let stuck = event("GET", "/stream", |event| {
        event["rawQueryString"] = json!("chunks=2&delay_ms=600000");
    });
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(stuck, &headers).await;
    assert!(answer.body.ends_with(b"\0zzzzz"));
    let kind = &answer.trailers["lambda-runtime-function-error-type"];
    assert_eq!(kind, "Runtime.Timeout");
}

#[tokio::test]
async fn a_panic_at_the_deadline_costs_one_invocation() {
    let (api, _probe) = started().await;
    let soon = deadline(&api, 1000).await;
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(get("/drop-panic"), &headers).await;
    assert_eq!(answer.call, "error");
    serves(&api).await;
}

#[tokio::test]
async fn work_that_never_ends_does_not_keep_the_next_invocation() {
    let (api, mut probe) = started().await;
    let soon = deadline(&api, 1000).await;
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(event("POST", "/after/600000", |_| {}), &headers);
    assert_eq!(answer.await.json()["body"], "scheduled");
    serves(&api).await;
    probe.log_line("beyond the deadline").await;
}

#[tokio::test]
async fn a_reply_is_posted_before_the_work_after_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    for mode in ["buffer", "stream"] {
        let vars = [
            ("PROBE_DONE", done.to_str().unwrap()),
            ("ANYHOST_LAMBDA_MODE", mode),
        ];
        let (api, _probe) = started_with(&vars).await;
        api.invoke(event("POST", "/after/1000", |_| {})).await;
        assert!(!done.exists(), "{mode}: the reply waited for the work");
        api.invoke(get("/hello")).await;
        assert!(
            done.exists(),
            "{mode}: the next invocation did not wait for the work"
        );
        std::fs::remove_file(&done).unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_died_while_the_process_was_frozen_costs_nothing() {
    for mode in ["buffer", "stream"] {
        let (api, _probe) = started_with(&[("ANYHOST_LAMBDA_MODE", mode)]).await;
        // The API closes it behind `/next`.
        let close = [("connection", "close")];
        for _ in 0..3 {
            let answer = api.invoke_with(get("/sleep/50"), &close).await;
            assert_eq!(answer.call, "response", "{mode}");
        }
    }
}

#[tokio::test]
async fn connections_that_break_are_made_again_after_growing_pauses() {
    let api = LambdaApi::start().await;
    api.drop_connections(3);
    let mut probe = Probe::start(&[], &[("AWS_LAMBDA_RUNTIME_API", &api.address())]);
    for pause in ["50ms", "100ms", "200ms"] {
        let line = probe.log_line("no invocation").await;
        assert!(line.contains(pause), "{line}");
    }
    let answer = api.invoke(get("/hello")).await;
    assert_eq!(answer.json()["body"], "Hello, world!");
}

#[tokio::test]
async fn a_poll_may_take_its_time() {
    let (api, _probe) = started().await;
    for _ in 0..2 {
        // Longer than any pause of ours; Lambda may take hours.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let answer = api.invoke(get("/hello")).await;
        assert_eq!(answer.json()["body"], "Hello, world!");
    }
}

/// Lambda is told why, and the process ends.
async fn fails_to_start(api: &LambdaApi, probe: Probe, why: &str) {
    let report = api.start_up().await;
    assert_eq!(report.call, "init");
    let message = report.json()["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.contains(why), "{message}");
    assert_eq!(probe.exit().await.code(), Some(1));
}

#[tokio::test]
async fn a_start_that_panics_is_reported() {
    let (api, probe) = started_with(&[("PROBE_START", "panic")]).await;
    fails_to_start(&api, probe, "at the start").await;
}

#[tokio::test]
async fn a_deadline_in_the_past_is_none() {
    let (api, _probe) = started().await;
    let headers = [("lambda-runtime-deadline-ms", "600000")];
    let answer = api.invoke_with(get("/sleep/50"), &headers).await;
    assert_eq!(answer.json()["body"], "slept");
}

#[tokio::test]
async fn invocations_are_served_beside_each_other_if_lambda_says_so() {
    let (api, _probe) = started_with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "3")]).await;
    let (first, second) = (
        api.invoke(get("/sleep/3000")),
        api.invoke(get("/sleep/3000")),
    );
    let slow = async { tokio::join!(first, second) };
    let quick = async {
        for _ in 0..20 {
            serves(&api).await;
        }
    };
    tokio::pin!(slow);
    tokio::select! {
        biased;
        _ = &mut slow => panic!("the quick ones waited for the slow ones"),
        () = quick => {}
    }
    let (first, second) = slow.await;
    assert_eq!(
        (first.json()["body"].clone(), second.json()["body"].clone()),
        (json!("slept"), json!("slept"))
    );
}

#[tokio::test]
async fn one_invocation_at_a_time_is_the_rule() {
    let (api, _probe) = started().await;
    let slow = api.invoke(get("/sleep/300"));
    let quick = api.invoke(get("/hello"));
    tokio::pin!(slow, quick);
    tokio::select! {
        biased;
        slow = &mut slow => assert_eq!(slow.json()["body"], "slept"),
        _ = &mut quick => panic!("the quick one did not wait"),
    }
    assert_eq!(quick.await.json()["body"], "Hello, world!");
}

#[tokio::test]
async fn sigterm_lets_what_is_in_flight_come_to_its_end() {
    for vars in [&[][..], &[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]] {
        let (api, mut probe) = started_with(vars).await;
        let answer = api.invoke(get("/block/500"));
        let terminate = async {
            probe.log_line("blocking").await;
            probe.terminate();
        };
        let (answer, ()) = tokio::join!(answer, terminate);
        assert_eq!(answer.json()["body"], "blocked");
        assert!(probe.exit().await.success());
    }
}

#[tokio::test]
async fn an_extension_is_registered_before_the_first_poll_so_that_sigterm_comes() {
    for vars in [
        ("ANYHOST_LAMBDA_EXTENSION", "1"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "2"),
    ] {
        let (api, _probe) = started_with(&[vars]).await;
        let register = api.start_up().await;
        assert_eq!(register.call, "register");
        assert_eq!(register.headers["lambda-extension-name"], "anyhost");
        serves(&api).await;
    }
}

#[tokio::test]
async fn a_host_that_wants_no_extension_is_served_without() {
    let api = LambdaApi::start().await;
    api.refuse_extensions();
    let address = api.address();
    let vars = [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("ANYHOST_LAMBDA_EXTENSION", "1"),
    ];
    let _probe = Probe::start(&[], &vars);
    serves(&api).await;
}

#[tokio::test]
async fn a_snapshot_is_waited_for_before_anything_is_asked_for() {
    let vars = [("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")];
    let (api, _probe) = started_with(&vars).await;
    assert_eq!(api.start_up().await.call, "restore-next");
    let answer = api.invoke(get("/hello"));
    tokio::pin!(answer);
    // It waits: the next thing that is heard of it comes after the restore.
    tokio::select! {
        biased;
        _ = &mut answer => panic!("it did not wait"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    api.restore();
    assert_eq!(answer.await.json()["body"], "Hello, world!");
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_a_failed_start() {
    let (api, probe) = started_with(&[("ANYHOST_LAMBDA_MODE", "fast")]).await;
    fails_to_start(&api, probe, "ANYHOST_LAMBDA_MODE").await;
}

#[tokio::test]
async fn events_of_no_front_door_reach_the_handler_if_asked_for() {
    let (api, _probe) = started_with(&[("ANYHOST_LAMBDA_EVENTS", "/json")]).await;
    let answer = api.invoke(r#"{"Records": [1]}"#).await;
    assert_eq!(
        (answer.call.as_str(), answer.json()),
        ("response", json!({"received": {"Records": [1]}}))
    );
    let (api, _probe) = started_with(&[("ANYHOST_LAMBDA_EVENTS", "/fail")]).await;
    assert_eq!(api.invoke(r#"{"Records": [1]}"#).await.call, "error");
}
