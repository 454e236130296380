//! Replies that are made while they are sent, and what becomes of those that break off.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::json;

use super::{BYTES, TEXT, get, pieces, post, request, with};
use crate::capability::Need::*;
use crate::case::{Case, Check, same};
use crate::profile::Profile;
use crate::received::Received;
use crate::story::{counted, fresh_key};
use http::Method;

pub(super) const CASES: &[Case] = &[
    Case::new("a stream arrives whole").sends(
        || get("/stream?chunks=20&size=1000&delay_ms=1"),
        |reply, _| reply.is(200, Some(BYTES), "z".repeat(20_000).as_bytes()),
    ),
    Case::new("empty pieces mean nothing").sends(
        || pieces(json!({}), &["", "a", "", "", "b", ""]),
        |reply, _| reply.is(200, Some(BYTES), b"ab"),
    ),
    Case::new("a stream of nothing is empty").sends(
        || pieces(json!({"headers": [["content-type", "text/css"]]}), &[]),
        |reply, _| reply.is(200, Some("text/css"), b""),
    ),
    Case::new("events arrive").sends(
        || get("/sse?n=2"),
        |reply, _| reply.is(200, Some("text/event-stream"), b"data: 0\n\ndata: 1\n\n"),
    ),
    Case::new("the first piece arrives before the second is made")
        .needs(&[Streaming])
        .sends(
            || get("/stream?chunks=2&delay_ms=1000"),
            |reply, _| {
                reply.is(200, Some(BYTES), b"zzzzzzzzzz")?;
                let (first, last) = reply.pieces.ok_or("no pieces")?;
                apart(last.saturating_sub(first))
            },
        ),
    Case::new("the head arrives before the first piece is made")
        .needs(&[Streaming, EarlyHead])
        .sends(
            || get("/stream?chunks=1&first_ms=1000"),
            |reply, _| {
                reply.is(200, Some(BYTES), b"zzzzz")?;
                let (first, _) = reply.pieces.ok_or("no pieces")?;
                apart(first)
            },
        ),
    Case::new("a panic in the body cuts the reply")
        .needs(&[Cut])
        .sends(|| get("/panic-late"), cut),
    Case::new("an error in the body cuts the reply")
        .needs(&[Cut])
        .sends(|| get("/stream-error"), cut),
    Case::new("so does one before the first piece")
        .needs(&[CutAtOnce])
        .sends(
            || pieces(json!({"fails": true}), &[]),
            |reply, _| {
                reply.has_status(200)?;
                same(&reply.body.len(), &0, "length")?;
                same(&reply.cut, &true, "cut")
            },
        ),
    Case::new("so it does where the length was declared")
        .needs(&[CutOfKnownLength])
        .sends(
            || {
                let headers = json!([["content-length", "9"]]);
                pieces(json!({"headers": headers, "fails": true}), &["first"])
            },
            cut,
        ),
    Case::new("what follows a reply that was cut is not harmed")
        .sends(
            || get("/hello"),
            |reply, _| reply.is(200, Some(TEXT), b"Hello, world!"),
        )
        .after(&[|| get("/stream-error")]),
    Case::new("trailers follow a body")
        .needs(&[ReplyTrailers])
        .sends(
            || with(get("/trailers"), "te", "trailers"),
            |reply, _| {
                same(&&reply.body[..], &&b"checked"[..], "body")?;
                let trailers = reply.trailers.as_ref().ok_or("no trailers")?;
                same(
                    &trailers.get("x-checksum").map(|sum| sum == "1"),
                    &Some(true),
                    "x-checksum",
                )
            },
        ),
    Case::new("a body with trailers arrives without them if need be")
        .sends(
            || get("/trailers"),
            |reply, _| same(&&reply.body[..], &&b"checked"[..], "body"),
        )
        .unlike(),
    Case::new("no more is made than the client takes")
        .needs(&[Memory, Streaming, Backpressure])
        // Where one request waits for another, this one waits for ever.
        .within(Duration::from_secs(10))
        .tells(|transport| {
            Box::pin(async move {
                let key = fresh_key();
                let mut reply = transport.send(get(&format!("/poured/{key}/500"))).await?;
                first_piece(&mut reply).await?;
                // Until it stops: what fits into the buffers on the way is made.
                let mut made = 0;
                loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let now = counted(transport, &key).await?;
                    if now == made {
                        break;
                    }
                    made = now;
                }
                match made {
                    1..300 => Ok(()),
                    _ => Err(format!("{made} of 500 pieces of 64 KiB were made")),
                }
            })
        }),
    Case::new("a client that leaves ends the stream, once")
        .needs(&[Memory, Disconnect])
        .tells(|transport| {
            Box::pin(async move {
                let (key, begun) = (fresh_key(), Instant::now());
                let mut reply = transport.send(get(&format!("/held/{key}/200"))).await?;
                first_piece(&mut reply).await?;
                drop(reply);
                dropped_once(transport, &key).await?;
                // It would go on for three seconds.
                same(
                    &(begun.elapsed() < Duration::from_secs(2)),
                    &true,
                    "it ended early",
                )
            })
        }),
    Case::new("a stream that nobody may send is dropped, once")
        .needs(&[Memory])
        .tells(|transport| {
            Box::pin(async move {
                for (method, code) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)]
                {
                    let key = fresh_key();
                    let target = format!("/held/{key}/{code}");
                    let reply = transport.send(request(method, &target, "")).await?;
                    Received::read(reply)
                        .await
                        .is(code, None, b"")
                        .or_else(|wrong| if code == 200 { Ok(()) } else { Err(wrong) })?;
                    dropped_once(transport, &key).await?;
                }
                Ok(())
            })
        }),
    Case::new("the trailers of a request come back behind its body")
        .needs(&[UnknownLength, RequestTrailers])
        .sends(
            || {
                let pieces = [
                    Ok(http_body::Frame::data(bytes::Bytes::from_static(b"body"))),
                    Ok::<_, std::io::Error>(http_body::Frame::trailers(
                        http::HeaderMap::from_iter([(
                            http::HeaderName::from_static("x-sum"),
                            http::HeaderValue::from_static("2"),
                        )]),
                    )),
                ];
                let pieces = http_body_util::StreamBody::new(futures_util::stream::iter(pieces));
                let request = post("/trailing", anyhost::Body::new(pieces));
                with(with(request, "te", "trailers"), "trailer", "x-sum")
            },
            |reply, _| reply.is(200, Some(TEXT), b"x-sum: 2"),
        ),
];

fn cut(reply: &Received, _: &Profile) -> Check {
    reply.has_status(200)?;
    same(&&reply.body[..], &&b"first"[..], "body")?;
    same(&reply.cut, &true, "cut")
}

/// Half of what the probe waits: the client, too, may be late.
fn apart(time: Duration) -> Check {
    if time >= Duration::from_millis(500) {
        return Ok(());
    }
    Err(format!("all of it came within {time:?}"))
}

async fn first_piece(reply: &mut anyhost::Response) -> Check {
    same(&reply.status().as_u16(), &200, "status")?;
    let piece = reply.body_mut().frame().await.ok_or("no pieces")?;
    piece.map(drop).map_err(|error| error.to_string())
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
        "times that it was dropped",
    )
}
