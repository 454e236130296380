use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhost_core::{Body, IntoHandler, Request};
use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::*;
use crate::runtime::Endpoint;
use crate::runtime::raw_api::{RawApi, RawConnection};

const EVENT: &str = r#"{"rawPath": "/", "headers": {"x-amzn-trace-id": "Root=forged"}, "requestContext": {"http": {"method": "GET"}}}"#;

/// Runs a function with this number of clients until the test ends.
fn spawn<K>(endpoint: &Endpoint, clients: usize, handler: impl IntoHandler<K>) {
    let clients = (0..clients).map(|_| Client::new(endpoint.clone()));
    let handler = Arc::new(handler.into_handler());
    tokio::spawn(run(handler, clients.collect(), FunctionOptions::default()));
}

/// Invokes the function, and returns the body that it sends.
async fn invoke(connection: &mut RawConnection, headers: &str) -> io::Result<String> {
    connection.expect_next().await?;
    connection.send_invocation(headers, EVENT).await?;
    let (_, body) = connection.read().await?;
    connection.send_status(202).await?;
    let response: serde_json::Value = serde_json::from_slice(&body)?;
    Ok(response["body"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_trace_variable_and_header_have_the_value_of_the_invocation() -> io::Result<()> {
    let trace = |request: Request| async move {
        let variable = std::env::var("_X_AMZN_TRACE_ID").unwrap_or_default();
        let header = request.headers()["x-amzn-trace-id"].to_str();
        format!("{variable} {}", header.unwrap_or_default())
    };
    let (first, second) = (
        "Lambda-Runtime-Trace-Id: Root=1\r\n",
        "Lambda-Runtime-Trace-Id: Root=2;Sampled=1\r\n",
    );
    let (api, endpoint) = RawApi::start().await?;
    spawn(&endpoint, 1, trace);
    let mut connection = api.accept().await?;
    assert_eq!(invoke(&mut connection, first).await?, "Root=1 Root=1");
    let expected = "Root=2;Sampled=1 Root=2;Sampled=1";
    assert_eq!(invoke(&mut connection, second).await?, expected);
    assert_eq!(invoke(&mut connection, "").await?, " Root=forged");

    // The variable is not set for concurrent invocations, because it cannot have the values of several invocations.
    spawn(&endpoint, 2, trace);
    let mut connection = api.accept().await?;
    assert_eq!(invoke(&mut connection, first).await?, " Root=1");
    Ok(())
}

#[tokio::test]
async fn a_failed_invocation_has_an_error_type_that_step_functions_can_catch() -> io::Result<()> {
    for (body, kind) in [
        ("busy", "handler.status503"),
        (
            r#"{"errorType": "Order.Unknown", "errorMessage": "no"}"#,
            "order.unknown",
        ),
    ] {
        let handler = move || async move { (StatusCode::SERVICE_UNAVAILABLE, body) };
        let (api, endpoint) = RawApi::start().await?;
        let settings = FunctionOptions::from_vars(|name| {
            (name == "ANYHOST_LAMBDA_EVENTS").then(|| "/events".to_owned())
        });
        let settings = settings.map_err(io::Error::other)?;
        let handler = Arc::new(handler.into_handler());
        let clients = vec![Client::new(endpoint)];
        tokio::spawn(run(handler, clients, settings));
        let mut connection = api.accept().await?;
        connection.expect_next().await?;
        connection.send_invocation("", r#"{"Records": []}"#).await?;
        let (head, body) = connection.read().await?;
        let header = format!("lambda-runtime-function-error-type: {kind}\r\n");
        assert!(head.contains(&header), "{head}");
        let error: serde_json::Value = serde_json::from_slice(&body)?;
        let body_kind = error["errorType"].as_str().unwrap_or_default();
        assert_eq!(body_kind.to_ascii_lowercase(), kind);
    }
    Ok(())
}

/// The header with a deadline this many milliseconds from now.
fn deadline(left: u128) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_millis();
    format!("Lambda-Runtime-Deadline-Ms: {}\r\n", now + left)
}

/// A stream of 200 MB in chunks of 1 MB.
async fn large() -> Body {
    let chunk = Bytes::from(vec![b'x'; 1 << 20]);
    let chunks = std::iter::repeat_n(chunk, 200).map(Ok::<_, Infallible>);
    Body::from_stream(futures_util::stream::iter(chunks))
}

fn spawn_stream(endpoint: Endpoint, handler: impl Handler) {
    let settings = FunctionOptions {
        mode: crate::options::Mode::Stream,
        ..FunctionOptions::default()
    };
    let clients = vec![Client::new(endpoint)];
    tokio::spawn(run(Arc::new(handler), clients, settings));
}

#[tokio::test]
async fn trailers_of_a_long_stream_arrive_before_the_deadline_at_the_bandwidth_of_lambda()
-> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    spawn_stream(endpoint, large.into_handler());
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    let start = Instant::now();
    connection.send_invocation(&deadline(3000), EVENT).await?;
    // Reads 6 MiB at once, and then 2 MiB per second, like Lambda.
    let mut read = 0;
    let mut buffer = vec![0; 32 * 1024];
    let mut end = Vec::new();
    loop {
        let length = connection.0.read(&mut buffer).await?;
        read += length;
        end.extend_from_slice(&buffer[..length]);
        end.drain(..end.len().saturating_sub(1000));
        if end.ends_with(b"\r\n\r\n") || length == 0 {
            break;
        }
        let over = read.saturating_sub(6 << 20) as f64;
        tokio::time::sleep_until(start + Duration::from_secs_f64(over / (2 << 20) as f64)).await;
    }
    let end = String::from_utf8_lossy(&end).to_ascii_lowercase();
    assert!(
        end.contains("lambda-runtime-function-error-type: runtime.timeout"),
        "{end}"
    );
    assert!(start.elapsed() < Duration::from_millis(3000));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_the_api_does_not_read_ends_at_the_deadline() -> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    spawn_stream(endpoint, large.into_handler());
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    let start = Instant::now();
    connection.send_invocation(&deadline(1000), EVENT).await?;
    let mut next = api.accept().await?;
    next.expect_next().await?;
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(900), "{elapsed:?}");
    assert!(elapsed < Duration::from_millis(3000), "{elapsed:?}");
    Ok(())
}
