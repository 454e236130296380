//! Start-up, deadlines, concurrent invocations, SnapStart, and shutdown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use anyhost_conformance::free_port;

/// The value of the deadline header for `left` milliseconds from now. Waits until the function has started, so that
/// `left` does not include the start-up.
async fn deadline(api: &LambdaApi, left: i64) -> String {
    api.invoke(get("/hello")).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (i64::try_from(now.as_millis()).unwrap() + left).to_string()
}

#[tokio::test]
async fn request_without_a_response_gets_a_504_shortly_before_the_deadline() {
    let (api, mut probe) = start().await;
    let soon = deadline(&api, 1000).await;
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(get("/sleep/600000"), &headers).await;
    assert_eq!(answer.json()["statusCode"], 504);
    probe.log_line("request timed out").await;
    assert_responds(&api).await;
}

#[tokio::test]
async fn deadline_aborts_a_streamed_response_with_a_timeout_error_in_the_trailers() {
    let (api, _probe) = start_with(&[("ANYHOST_LAMBDA_MODE", "stream")]).await;
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
async fn request_gets_a_504_if_its_handler_panics_while_the_deadline_drops_the_handler_and_the_next_invocation_succeeds()
 {
    let (api, _probe) = start().await;
    let soon = deadline(&api, 1000).await;
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(get("/drop-panic"), &headers).await;
    assert_eq!(answer.json()["statusCode"], 504);
    assert_responds(&api).await;
}

#[tokio::test]
async fn wait_until_work_that_never_ends_is_dropped_before_the_deadline() {
    let (api, mut probe) = start().await;
    let soon = deadline(&api, 2000).await;
    let start = std::time::Instant::now();
    let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
    let answer = api.invoke_with(event("POST", "/after/600000", |_| {}), &headers);
    assert_eq!(answer.await.json()["body"], "scheduled");
    assert_responds(&api).await;
    // The margin is 250 ms.
    assert!(start.elapsed() < Duration::from_millis(1990));
    probe.log_line("dropped wait_until work").await;
}

#[tokio::test]
async fn response_is_sent_before_wait_until_work_runs_and_the_next_invocation_is_requested_after_the_work()
 {
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    for mode in ["buffer", "stream"] {
        let vars = [
            ("PROBE_DONE", done.to_str().unwrap()),
            ("ANYHOST_LAMBDA_MODE", mode),
        ];
        let (api, _probe) = start_with(&vars).await;
        api.invoke(event("POST", "/after/1000", |_| {})).await;
        assert!(
            !done.exists(),
            "{mode}: the response was sent after the work"
        );
        api.invoke(get("/hello")).await;
        assert!(
            done.exists(),
            "{mode}: the next invocation was requested before the work was finished"
        );
        std::fs::remove_file(&done).unwrap();
    }
}

#[tokio::test]
async fn connection_that_the_runtime_api_closes_after_next_is_replaced_without_an_error() {
    for mode in ["buffer", "stream"] {
        let (api, _probe) = start_with(&[("ANYHOST_LAMBDA_MODE", mode)]).await;
        // Lambda freezes the process between invocations, and its connections can end meanwhile. Here the
        // API closes the connection after it has sent the invocation.
        let close = [("connection", "close")];
        for _ in 0..3 {
            let answer = api.invoke_with(get("/sleep/50"), &close).await;
            assert_eq!(answer.call, "response", "{mode}");
        }
    }
}

#[tokio::test]
async fn failed_connection_to_the_runtime_api_is_retried_with_growing_pauses() {
    let api = LambdaApi::start().await;
    api.drop_connections(3);
    let mut probe = Probe::start(&[], &[("AWS_LAMBDA_RUNTIME_API", &api.address())]);
    for pause in ["50ms", "100ms", "200ms"] {
        let line = probe.log_line("failed to get an invocation").await;
        assert!(line.contains(pause), "{line}");
    }
    let answer = api.invoke(get("/hello")).await;
    assert_eq!(answer.json()["body"], "Hello, world!");
}

/// Lambda may respond to `/next` after hours, so the request must not have a timeout. The process has a real clock,
/// so this test waits only for longer than the first pauses between retries.
#[tokio::test]
async fn idle_function_keeps_waiting_for_the_next_invocation() {
    let (api, mut probe) = start().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_responds(&api).await;
    // If the request had timed out, the log would contain a line about the timeout before this line.
    api.invoke(get("/fail")).await;
    let line = probe.log_line("ERROR").await;
    assert!(line.contains("secret detail"), "{line}");
}

/// Checks that the function reports this error to Lambda and exits.
async fn assert_start_up_fails(api: &LambdaApi, probe: Probe, error: &str) {
    let report = api.start_up().await;
    assert_eq!(report.call, "init");
    let has_type = report
        .headers
        .contains_key("lambda-runtime-function-error-type");
    assert!(has_type, "{report:?}");
    let message = report.json()["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.contains(error), "{message}");
    assert_eq!(probe.exit().await.code(), Some(1));
}

#[tokio::test]
async fn error_or_panic_at_start_up_is_reported_to_lambda_and_the_exit_status_is_1() {
    for (kind, error) in [("fail", "PROBE_START=fail"), ("panic", "PROBE_START=panic")] {
        let (api, probe) = start_with(&[("PROBE_START", kind)]).await;
        assert_start_up_fails(&api, probe, error).await;
    }
}

#[tokio::test]
async fn invalid_setting_is_reported_to_lambda_as_a_failed_start_up() {
    let (api, probe) = start_with(&[("ANYHOST_LAMBDA_MODE", "fast")]).await;
    assert_start_up_fails(&api, probe, "ANYHOST_LAMBDA_MODE").await;
}

#[tokio::test]
async fn deadline_in_the_past_is_ignored() {
    let (api, _probe) = start().await;
    let headers = [("lambda-runtime-deadline-ms", "600000")];
    let answer = api.invoke_with(get("/sleep/50"), &headers).await;
    assert_eq!(answer.json()["body"], "slept");
}

#[tokio::test]
async fn invocations_run_concurrently_with_aws_lambda_max_concurrency() {
    let (api, _probe) = start_with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "3")]).await;
    let (first, second) = (
        api.invoke(get("/sleep/3000")),
        api.invoke(get("/sleep/3000")),
    );
    let slow = async { tokio::join!(first, second) };
    let quick = async {
        for _ in 0..20 {
            assert_responds(&api).await;
        }
    };
    tokio::pin!(slow);
    tokio::select! {
        biased;
        _ = &mut slow => panic!("the fast invocations waited for the slow ones"),
        () = quick => {}
    }
    let (first, second) = slow.await;
    assert_eq!(
        (first.json()["body"].clone(), second.json()["body"].clone()),
        (json!("slept"), json!("slept"))
    );
}

#[tokio::test]
async fn handlers_that_block_their_threads_do_not_delay_other_invocations() {
    let (api, _probe) = start_with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]).await;
    assert_responds(&api).await;
    let blocked = async {
        let block = || api.invoke(get("/block/4000"));
        tokio::join!(block(), block(), block())
    };
    let quick = async {
        // Waits until the blocked handlers have been called.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let soon = deadline(&api, 1000).await;
        let headers = [("lambda-runtime-deadline-ms", soon.as_str())];
        let answer = api.invoke_with(get("/sleep/600000"), &headers).await;
        assert_eq!(answer.json()["statusCode"], 504);
        for _ in 0..10 {
            assert_responds(&api).await;
        }
    };
    tokio::pin!(blocked);
    tokio::select! {
        biased;
        _ = &mut blocked => panic!("the other invocations waited for the blocked ones"),
        () = quick => {}
    }
    blocked.await;
}

#[tokio::test]
async fn function_exits_with_1_after_the_runtime_api_refused_connections_for_seconds() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut probe = Probe::start(&[], &[("AWS_LAMBDA_RUNTIME_API", &address)]);
    let refuses = "the Lambda Runtime API refuses connections";
    probe.log_line(refuses).await;
    assert_eq!(probe.exit().await.code(), Some(1));
}

#[tokio::test]
async fn invocations_run_one_at_a_time_by_default() {
    let (api, _probe) = start().await;
    let slow = api.invoke(get("/sleep/300"));
    let quick = api.invoke(get("/hello"));
    tokio::pin!(slow, quick);
    tokio::select! {
        biased;
        slow = &mut slow => assert_eq!(slow.json()["body"], "slept"),
        _ = &mut quick => panic!("the second invocation did not wait for the first"),
    }
    assert_eq!(quick.await.json()["body"], "Hello, world!");
}

#[tokio::test]
async fn sigterm_lets_the_invocation_in_flight_finish() {
    for vars in [&[][..], &[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]] {
        let (api, mut probe) = start_with(vars).await;
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

/// Lambda sends SIGTERM only to functions with an extension.
#[tokio::test]
async fn extension_is_registered_at_start_up_if_enabled_or_if_invocations_run_concurrently() {
    for vars in [
        ("ANYHOST_LAMBDA_EXTENSION", "1"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "2"),
    ] {
        let (api, _probe) = start_with(&[vars]).await;
        let register = api.start_up().await;
        assert_eq!(register.call, "register");
        assert_eq!(register.headers["lambda-extension-name"], "anyhost");
        assert_responds(&api).await;
    }
}

#[tokio::test]
async fn function_works_if_the_extensions_api_rejects_the_registration() {
    let api = LambdaApi::start().await;
    api.refuse_extensions();
    let address = api.address();
    let vars = [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("ANYHOST_LAMBDA_EXTENSION", "1"),
    ];
    let _probe = Probe::start(&[], &vars);
    assert_responds(&api).await;
}

#[tokio::test]
async fn function_with_snap_start_requests_no_invocation_before_the_restore() {
    let vars = [("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")];
    let (api, _probe) = start_with(&vars).await;
    assert_eq!(api.start_up().await.call, "restore-next");
    let answer = api.invoke(get("/hello"));
    tokio::pin!(answer);
    // The API would send the queued invocation at once. Nothing can signal that a request was not sent, so the test
    // waits for a time in which the function would have requested the invocation.
    tokio::select! {
        biased;
        _ = &mut answer => panic!("requested an invocation before the restore"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    api.restore();
    assert_eq!(answer.await.json()["body"], "Hello, world!");
}

#[tokio::test]
async fn events_that_are_not_http_become_a_post_to_the_path_in_anyhost_lambda_events() {
    let (api, _probe) = start_with(&[("ANYHOST_LAMBDA_EVENTS", "/json")]).await;
    let answer = api.invoke(r#"{"Records": [1]}"#).await;
    assert_eq!(
        (answer.call.as_str(), answer.json()),
        ("response", json!({"received": {"Records": [1]}}))
    );
    let (api, _probe) = start_with(&[("ANYHOST_LAMBDA_EVENTS", "/fail")]).await;
    assert_eq!(api.invoke(r#"{"Records": [1]}"#).await.call, "error");
}
