use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;

use super::*;
use crate::runtime::raw_api::RawApi;

/// The header with a deadline this many milliseconds from now.
fn deadline(left: u128) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_millis();
    format!("Lambda-Runtime-Deadline-Ms: {}\r\n", now + left)
}

fn body(text: &'static str) -> StreamingBody {
    Box::pin(Full::<Bytes>::from(text).map_err(|never| match never {}))
}

/// Receives an invocation and sends its result, as the invocation loop does.
async fn respond_once(client: &mut Client, kind: &str) -> io::Result<()> {
    let next = client.next().await?;
    match kind {
        "buffered" => client.respond(&next.id, "{}".into()).await,
        "streamed" => {
            let never = std::future::pending();
            client.stream(&next.id, body("x"), never).await;
        }
        _ => {
            let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, "no");
            client
                .fail(&next.id, &Failure::new("Test.Failed", error))
                .await;
        }
    }
    Ok(())
}

/// Spawns an invocation and then a `GET /next`, which shows that nothing more was sent for the invocation.
fn spawn_once_and_next(endpoint: Endpoint, kind: &'static str) {
    let mut client = Client::new(endpoint);
    tokio::spawn(async move {
        respond_once(&mut client, kind).await?;
        client.next().await
    });
}

#[tokio::test]
async fn the_invocation_id_is_sent_back_with_each_result() -> io::Result<()> {
    for kind in ["buffered", "streamed", "failed"] {
        let (api, endpoint) = RawApi::start().await?;
        spawn_once_and_next(endpoint, kind);
        let mut connection = api.accept().await?;
        connection.expect_next().await?;
        let id = "Lambda-Runtime-Invocation-Id: i-7\r\n";
        connection.send_invocation(id, "{}").await?;
        let (head, _) = connection.read().await?;
        assert!(
            head.contains("\r\nlambda-runtime-invocation-id: i-7\r\n"),
            "{kind}: {head}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_id_is_percent_encoded_in_the_path_to_which_the_result_is_posted()
-> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    spawn_once_and_next(endpoint, "buffered");
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    let answer =
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a:b/c=\r\nContent-Length: 2\r\n\r\n{}";
    connection.send(answer).await?;
    let (head, _) = connection.read().await?;
    let target = "post /2018-06-01/runtime/invocation/a%3ab%2fc%3d/response ";
    assert!(head.starts_with(target), "{head}");
    Ok(())
}

#[tokio::test]
async fn the_report_of_a_failed_invocation_has_the_cause_for_x_ray() -> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    let mut client = Client::new(endpoint);
    tokio::spawn(async move {
        let next = client.next().await?;
        let message = format!("caf\u{e9} \u{1f600}\n{}", "x".repeat(10_000));
        let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, message);
        client
            .fail(&next.id, &Failure::new("Order.Unknown", error))
            .await;
        client.next().await
    });
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    connection.send_invocation("", "{}").await?;
    let (head, _) = connection.read().await?;
    let name = "\r\nlambda-runtime-function-xray-error-cause: ";
    let (_, rest) = head.split_once(name).unwrap_or_default();
    let value = rest.split("\r\n").next().unwrap_or_default();
    assert!(value.is_ascii(), "{value}");
    let cause: serde_json::Value = serde_json::from_str(value)?;
    assert_eq!(cause["exceptions"][0]["type"], "order.unknown", "{head}");
    let message = cause["exceptions"][0]["message"].as_str();
    let message = message.unwrap_or_default();
    assert!(message.contains("caf\u{e9} \u{1f600}\n"), "{message}");
    assert_eq!(message.chars().count(), 1000);
    assert!(cause["working_directory"].is_string() && cause["paths"].is_array());
    Ok(())
}

#[tokio::test]
async fn no_result_is_sent_after_the_deadline_of_an_invocation() -> io::Result<()> {
    for kind in ["buffered", "streamed", "failed"] {
        let (api, endpoint) = RawApi::start().await?;
        let mut client = Client::new(endpoint);
        tokio::spawn(async move {
            let next = client.next().await?;
            // Simulates a handler that blocks its thread.
            std::thread::sleep(Duration::from_millis(60));
            match kind {
                "buffered" => client.respond(&next.id, "{}".into()).await,
                "streamed" => {
                    let never = std::future::pending();
                    client.stream(&next.id, body("x"), never).await;
                }
                _ => {
                    let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, "no");
                    client
                        .fail(&next.id, &Failure::new("Test.Failed", error))
                        .await;
                }
            }
            client.next().await
        });
        let mut connection = api.accept().await?;
        connection.expect_next().await?;
        connection.send_invocation(&deadline(50), "{}").await?;
        connection.expect_next().await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_error_is_sent_after_the_api_rejected_a_response_with_400_403_or_410() -> io::Result<()>
{
    for kind in ["buffered", "streamed"] {
        for status in [400, 403, 410] {
            let (api, endpoint) = RawApi::start().await?;
            spawn_once_and_next(endpoint, kind);
            let mut connection = api.accept().await?;
            connection.expect_next().await?;
            connection.send_invocation("", "{}").await?;
            connection.read().await?;
            connection.send_status(status).await?;
            let mut connection = match kind {
                "buffered" => connection,
                _ => api.accept().await?,
            };
            connection.expect_next().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_response_that_is_too_large_for_the_api_is_a_failed_invocation() -> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    spawn_once_and_next(endpoint, "buffered");
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    connection.send_invocation("", "{}").await?;
    connection.read().await?;
    connection.send_status(413).await?;
    let (head, _) = connection.read().await?;
    assert!(
        head.starts_with("post /2018-06-01/runtime/invocation/r-1/error "),
        "{head}"
    );
    Ok(())
}

#[tokio::test]
async fn a_result_is_sent_once_on_a_new_connection_if_the_api_closed_the_connection_of_next()
-> io::Result<()> {
    for kind in ["buffered", "streamed", "failed"] {
        for ending in ["Connection: close\r\n", "HTTP/1.0", "closed"] {
            let (api, endpoint) = RawApi::start().await?;
            spawn_once_and_next(endpoint, kind);
            let mut connection = api.accept().await?;
            connection.expect_next().await?;
            if ending == "HTTP/1.0" {
                let answer = "HTTP/1.0 200 OK\r\nLambda-Runtime-Aws-Request-Id: r-1\r\nContent-Length: 2\r\n\r\n{}";
                connection.send(answer).await?;
            } else {
                let headers = ending.strip_prefix("closed").unwrap_or(ending);
                connection.send_invocation(headers, "{}").await?;
            }
            drop(connection);
            let mut connection = api.accept().await?;
            let (head, _) = connection.read().await?;
            assert!(head.starts_with("post "), "{kind}, {ending}: {head}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_response_is_not_sent_again_if_the_api_did_not_respond_to_it() -> io::Result<()> {
    for kind in ["buffered", "streamed"] {
        let (api, endpoint) = RawApi::start().await?;
        spawn_once_and_next(endpoint, kind);
        let mut connection = api.accept().await?;
        connection.expect_next().await?;
        connection.send_invocation("", "{}").await?;
        connection.read().await?;
        drop(connection);
        api.accept().await?.expect_next().await?;
    }
    Ok(())
}

/// The API responds once the response was delivered, which may take minutes.
#[tokio::test(start_paused = true)]
async fn a_post_to_the_runtime_api_has_no_timeout() -> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    spawn_once_and_next(endpoint, "buffered");
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    connection.send_invocation("", "{}").await?;
    connection.read().await?;
    tokio::time::sleep(Duration::from_secs(120)).await;
    connection.send_status(202).await?;
    connection.expect_next().await
}

#[tokio::test]
async fn a_get_is_repeated_without_a_pause_if_the_api_closed_the_kept_connection() -> io::Result<()>
{
    let (api, endpoint) = RawApi::start().await?;
    spawn_once_and_next(endpoint, "buffered");
    let mut connection = api.accept().await?;
    connection.expect_next().await?;
    connection.send_invocation("", "{}").await?;
    connection.read().await?;
    connection.send_status(202).await?;
    connection.expect_next().await?;
    // The API had read the request, so the client notices the end when it reads the response.
    let start = Instant::now();
    drop(connection);
    api.accept().await?.expect_next().await?;
    assert!(start.elapsed() < Duration::from_millis(50));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn next_fails_once_the_api_has_refused_connections_for_seconds() -> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    drop(api);
    let start = Instant::now();
    let error = Client::new(endpoint).next().await.err();
    let error = error.map(|error| error.kind());
    assert_eq!(error, Some(io::ErrorKind::ConnectionRefused));
    let elapsed = start.elapsed();
    assert!(
        elapsed >= GONE_AFTER && elapsed < 2 * GONE_AFTER,
        "{elapsed:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn next_retries_an_api_that_responds_with_500_for_minutes() -> io::Result<()> {
    let (api, endpoint) = RawApi::start().await?;
    let mut client = Client::new(endpoint);
    let next = tokio::spawn(async move { client.next().await });
    let mut connection = api.accept().await?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        connection.expect_next().await?;
        connection.send_status(500).await?;
    }
    connection.expect_next().await?;
    connection.send_invocation("", "{}").await?;
    let next = next.await.map_err(io::Error::other)??;
    assert_eq!(next.event, "{}");
    Ok(())
}
