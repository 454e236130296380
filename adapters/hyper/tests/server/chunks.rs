//! Response bodies of several chunks.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use anyhost_core::Body;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use tokio::sync::mpsc;

use crate::{CLOSING, Chunks, GET, Serving, http2, read_until};

#[tokio::test]
async fn small_chunks_that_are_ready_at_the_same_time_are_sent_as_one_chunk() {
    let chunks = || Chunks {
        count: 1000,
        size: 10,
        fails: false,
    };
    let serving = Serving::start(move || async move { Body::new(chunks()) }).await;
    let response = serving.exchange(CLOSING).await;
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let sent = [4090, 4090, 1820].map(|length| format!("{length:X}\r\n{}\r\n", "x".repeat(length)));
    assert_eq!(body, sent.concat() + "0\r\n\r\n");
}

/// A body whose frames come from a channel.
struct Received(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// Starts a server that responds to its first request with the frames that are sent to the returned channel.
async fn start() -> (Serving, mpsc::UnboundedSender<Frame<Bytes>>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let body = Mutex::new(Some(Body::new(Received(receiver))));
    let serving = Serving::start(move || {
        let body = body.lock().unwrap().take();
        async move { body.unwrap_or_default() }
    });
    (serving.await, sender)
}

fn data(bytes: impl Into<Bytes>) -> Frame<Bytes> {
    Frame::data(bytes.into())
}

#[tokio::test]
async fn a_small_chunk_is_sent_while_the_body_waits_for_the_next_chunk() {
    let (serving, sender) = start().await;
    let mut stream = serving.send(GET).await;
    for n in 0..3 {
        sender.send(data("first")).unwrap();
        sender.send(data(format!("last{n}"))).unwrap();
        read_until(&mut stream, &format!("firstlast{n}\r\n")).await;
    }
    drop(sender);
    assert_eq!(read_until(&mut stream, "0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn small_chunks_large_chunks_and_trailers_arrive_complete_and_in_order() {
    let large = Bytes::from(vec![b'l'; 200_000]);
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("1"));
    let frames = [
        data("a"),
        data("b"),
        data(large.clone()),
        data(""),
        data("c"),
        data("d"),
        data(vec![b'e'; 5000]),
        Frame::trailers(trailers.clone()),
    ];
    let (serving, sender) = start().await;
    for frame in frames {
        sender.send(frame).unwrap();
    }
    let mut client = http2::connect(&serving).await;
    let request = http::Request::get("http://a/").body(Empty::new()).unwrap();
    let response = client.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    let expected = [b"ab", &large[..], b"cd", &[b'e'; 5000]].concat();
    assert!(body.to_bytes() == expected, "the bytes are different");
}
