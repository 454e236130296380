//! Streamed and aborted responses, backpressure, disconnects and trailers.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::json;

use super::{BYTES, TEXT, chunks, get, post, request, with};
use crate::capability::Need::*;
use crate::case::{Case, Check, same};
use crate::profile::Profile;
use crate::received::Received;
use crate::scenario::{counted, fresh_key};
use http::Method;

pub(super) const CASES: &[Case] = &[
    Case::new("a streamed response is complete").sends(
        || get("/stream?chunks=20&size=1000&delay_ms=1"),
        |response, _| response.is(200, Some(BYTES), "z".repeat(20_000).as_bytes()),
    ),
    Case::new("empty chunks in a streamed response are ignored").sends(
        || chunks(json!({}), &["", "a", "", "", "b", ""]),
        |response, _| response.is(200, Some(BYTES), b"ab"),
    ),
    Case::new("a streamed response without chunks is empty").sends(
        || chunks(json!({"headers": [["content-type", "text/css"]]}), &[]),
        |response, _| response.is(200, Some("text/css"), b""),
    ),
    Case::new("server-sent events reach the client").sends(
        || get("/sse?n=2"),
        |response, _| response.is(200, Some("text/event-stream"), b"data: 0\n\ndata: 1\n\n"),
    ),
    Case::new("the first chunk arrives before the second is produced")
        .needs(&[Streaming])
        .sends(
            || get("/stream?chunks=2&delay_ms=2000"),
            |response, _| {
                response.is(200, Some(BYTES), b"zzzzzzzzzz")?;
                let (first, last) = response.chunk_times.ok_or("the body has no chunks")?;
                apart(last.saturating_sub(first))
            },
        ),
    Case::new("the response head arrives before the first chunk is produced")
        .needs(&[Streaming, EarlyHead])
        .sends(
            || get("/stream?chunks=1&first_ms=2000"),
            |response, _| {
                response.is(200, Some(BYTES), b"zzzzz")?;
                let (first, _) = response.chunk_times.ok_or("the body has no chunks")?;
                apart(first)
            },
        ),
    Case::new("a panic in a streamed body aborts the response")
        .needs(&[AbortedBody])
        .sends(|| get("/panic-late"), cut),
    Case::new("an error in a streamed body aborts the response")
        .needs(&[AbortedBody])
        .sends(|| get("/stream-error"), cut),
    Case::new("an error before the first chunk aborts the response")
        .needs(&[AbortBeforeBody])
        .sends(
            || chunks(json!({"fails": true}), &[]),
            |response, _| {
                response.has_status(200)?;
                same(&response.body.len(), &0, "length")?;
                same(&response.aborted, &true, "aborted")
            },
        ),
    Case::new("an error within the declared Content-Length aborts the response")
        .needs(&[AbortWithinLength])
        .sends(
            || {
                let headers = json!([["content-length", "9"]]);
                chunks(json!({"headers": headers, "fails": true}), &["first"])
            },
            cut,
        ),
    Case::new("the request after an aborted response succeeds")
        .sends(
            || get("/hello"),
            |response, _| response.is(200, Some(TEXT), b"Hello, world!"),
        )
        .after(&[|| get("/stream-error")]),
    Case::new("response trailers reach the client")
        .needs(&[ResponseTrailers])
        .sends(
            || with(get("/trailers"), "te", "trailers"),
            |response, _| {
                same(&&response.body[..], &&b"checked"[..], "body")?;
                let trailers = response.trailers.as_ref().ok_or("no trailers")?;
                same(
                    &trailers.get("x-checksum").map(|sum| sum == "1"),
                    &Some(true),
                    "x-checksum",
                )
            },
        ),
    Case::new("a response with trailers has a complete body")
        .sends(
            || get("/trailers"),
            |response, _| same(&&response.body[..], &&b"checked"[..], "body"),
        )
        .host_specific(),
    Case::new("a slow client stops the production of a streamed body")
        .needs(&[Memory, Streaming, Backpressure])
        // A host that serves one request at a time never responds to the second request, so use a short timeout.
        .timeout(Duration::from_secs(10))
        .scenario(|transport| {
            Box::pin(async move {
                let key = fresh_key();
                let mut response = transport.send(get(&format!("/poured/{key}/500"))).await?;
                first_chunk(&mut response).await?;
                // The probe first fills the buffers between probe and client. Wait until the counter no longer changes.
                let mut produced = 0;
                loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let now = counted(transport, &key).await?;
                    if now == produced {
                        break;
                    }
                    produced = now;
                }
                match produced {
                    1..300 => Ok(()),
                    _ => Err(format!(
                        "{produced} of 500 chunks of 64 KiB were produced, want fewer than 300"
                    )),
                }
            })
        }),
    Case::new("a disconnect drops the streamed body once")
        .needs(&[Memory, Disconnect])
        .scenario(|transport| {
            Box::pin(async move {
                let (key, begun) = (fresh_key(), Instant::now());
                let mut response = transport.send(get(&format!("/held/{key}/200"))).await?;
                first_chunk(&mut response).await?;
                drop(response);
                dropped_once(transport, &key).await?;
                // Without the disconnect, the stream would last three seconds.
                same(
                    &(begun.elapsed() < Duration::from_secs(2)),
                    &true,
                    "the stream ended within two seconds",
                )
            })
        }),
    Case::new("a streamed body that may not be sent is dropped once")
        .needs(&[Memory])
        .scenario(|transport| {
            Box::pin(async move {
                for (method, code) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)]
                {
                    let key = fresh_key();
                    let target = format!("/held/{key}/{code}");
                    let response = transport.send(request(method, &target, "")).await?;
                    Received::read(response)
                        .await
                        .is(code, None, b"")
                        .or_else(|wrong| if code == 200 { Ok(()) } else { Err(wrong) })?;
                    dropped_once(transport, &key).await?;
                }
                Ok(())
            })
        }),
    Case::new("request trailers reach the handler")
        .needs(&[UnknownLength, RequestTrailers])
        .sends(
            || {
                let frames = [
                    Ok(http_body::Frame::data(bytes::Bytes::from_static(b"body"))),
                    Ok::<_, std::io::Error>(http_body::Frame::trailers(
                        http::HeaderMap::from_iter([(
                            http::HeaderName::from_static("x-sum"),
                            http::HeaderValue::from_static("2"),
                        )]),
                    )),
                ];
                let frames = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
                let request = post("/trailing", anyhost::Body::new(frames));
                with(with(request, "te", "trailers"), "trailer", "x-sum")
            },
            |response, _| response.is(200, Some(TEXT), b"x-sum: 2"),
        ),
];

fn cut(response: &Received, _: &Profile) -> Check {
    response.has_status(200)?;
    same(&&response.body[..], &&b"first"[..], "body")?;
    same(&response.aborted, &true, "aborted")
}

/// The probe pauses for two seconds. The check requires only a quarter of this pause, because the client may be
/// scheduled late.
fn apart(time: Duration) -> Check {
    if time >= Duration::from_millis(500) {
        return Ok(());
    }
    Err(format!(
        "the whole body arrived within {time:?}, want a pause of 500 ms"
    ))
}

async fn first_chunk(response: &mut anyhost::Response) -> Check {
    same(&response.status().as_u16(), &200, "status")?;
    let chunk = response
        .body_mut()
        .frame()
        .await
        .ok_or("the body has no chunks")?;
    chunk.map(drop).map_err(|error| error.to_string())
}

async fn dropped_once(transport: &dyn crate::Transport, key: &str) -> Check {
    for _ in 0..100 {
        if counted(transport, key).await? > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    same(
        &counted(transport, key).await?,
        &1,
        "the number of times that the body was dropped",
    )
}
