//! Replies that are posted while they are made.

use std::io;

use super::*;
use anyhost_core::testing::Reply;
use anyhost_core::{Body, BoxError, http};
use anyhost_lambda::front_door::Client;
use anyhost_lambda::{Function, Mode};
use futures_util::stream;

fn pieces(pieces: impl IntoIterator<Item = Bytes, IntoIter: Send + 'static>) -> Body {
    Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, BoxError>)))
}

fn posted(parts: &[&'static [u8]]) -> Body {
    pieces(
        parts
            .iter()
            .map(|part| Bytes::from_static(part))
            .collect::<Vec<_>>(),
    )
}

async fn through<K>(door: FrontDoor, handler: impl anyhost_core::IntoHandler<K>) -> Reply {
    let streaming = Function::new().with_mode(Mode::Stream);
    let client = Client::new(door, handler).with_function(streaming);
    client
        .send(Request::get("/").body("").expect("a request"))
        .await
}

#[tokio::test]
async fn a_streamed_reply_arrives_piece_by_piece_where_the_front_door_streams() {
    let slowly = || async { posted(&[b"one", b"two"]) };
    for door in FrontDoor::ALL {
        let mut reply = through(door, slowly).await;
        assert_eq!(reply.status(), 200, "{door}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/octet-stream"),
            "{door}"
        );
        let first = reply
            .chunk()
            .await
            .expect("it is not cut")
            .expect("it has a body");
        let expected = if door.streams() { "one" } else { "onetwo" };
        assert_eq!(first, expected, "{door}");
    }
}

#[tokio::test]
async fn a_streamed_head_has_its_cookies_and_repeated_headers() {
    let headers = || async {
        http::Response::builder()
            .status(201)
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-multi", "one")
            .header("x-multi", "two")
            .body(posted(&[]))
            .map_err(anyhost_core::Error::from)
    };
    for (door, multi) in [
        (FrontDoor::FunctionUrl, &[("x-multi", "one, two")][..]),
        (
            FrontDoor::RestApi,
            &[("x-multi", "one"), ("x-multi", "two")],
        ),
    ] {
        let reply = through(door, headers).await;
        assert_eq!(reply.status(), 201, "{door}");
        let mut expected = vec![
            ("content-type", "application/octet-stream"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        expected.extend(multi);
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(pairs(reply.headers()), expected, "{door}");
        assert_eq!(reply.bytes().await.expect("it is not cut"), "", "{door}");
    }
}

#[tokio::test]
async fn a_body_that_fails_is_a_cut_where_it_streams_and_a_500_elsewhere() {
    let failing = || async {
        let pieces = [Ok("first"), Err(io::Error::other("late"))];
        Body::from_stream(stream::iter(pieces))
    };
    for door in FrontDoor::ALL {
        let mut reply = through(door, failing).await;
        if !door.streams() {
            assert_eq!(reply.status(), 500, "{door}");
            continue;
        }
        assert_eq!(reply.status(), 200, "{door}");
        let first = reply.chunk().await.expect("it is not cut yet");
        assert_eq!(first.as_deref(), Some(&b"first"[..]), "{door}");
        let cut = reply.chunk().await.expect_err("it is cut");
        let expected =
            "500 Internal Server Error: cut: the function failed with \"Runtime.StreamError\"";
        assert_eq!(format!("{cut:?}"), expected, "{door}");
    }
}

#[tokio::test]
async fn the_nuls_are_found_wherever_the_pieces_end() {
    let whole =
        b"{\"statusCode\":418,\"headers\":{\"x-a\":\"1\"}}\0\0\0\0\0\0\0\0body\0\0\0\0\0\0\0\0";
    for cut in 0..whole.len() {
        let (head, tail) = whole.split_at(cut);
        let reply = FrontDoor::FunctionUrl.streamed(posted(&[head, tail])).await;
        let reply = Reply::from(reply);
        assert_eq!(
            (reply.status().as_u16(), reply.header("x-a")),
            (418, Some("1")),
            "{cut}"
        );
        let body = reply.bytes().await.expect("it is not cut");
        assert_eq!(body, &b"body\0\0\0\0\0\0\0\0"[..], "{cut}");
    }
}

#[tokio::test]
async fn a_stream_without_a_prelude_is_a_502() {
    for parts in [
        &[&b"{\"statusCode\":200}"[..]][..],
        &[b"{\"statusCode\":200}\0\0\0\0\0\0\0"],
        &[b"no JSON\0\0\0\0\0\0\0\0"],
        &[b"{\"statusCode\":200,\"headers\":{\"a b\":\"1\"}}\0\0\0\0\0\0\0\0"],
    ] {
        for door in [FrontDoor::FunctionUrl, FrontDoor::RestApi] {
            assert_eq!(door.streamed(posted(parts)).await.status(), 502, "{door}");
        }
    }
    let padding = vec![b' '; 20_000];
    let late = [&padding[..], b"{\"statusCode\":200}\0\0\0\0\0\0\0\0"].concat();
    let late = late
        .chunks(1000)
        .map(Bytes::copy_from_slice)
        .collect::<Vec<_>>();
    assert_eq!(
        FrontDoor::RestApi.streamed(pieces(late)).await.status(),
        502
    );
}

#[tokio::test]
async fn a_front_door_that_does_not_stream_takes_a_stream_for_no_json() {
    let parts = &[&b"{\"statusCode\":200}\0\0\0\0\0\0\0\0body"[..]];
    for door in FrontDoor::ALL.into_iter().filter(|door| !door.streams()) {
        let failed = if door == FrontDoor::Lattice { 500 } else { 502 };
        assert_eq!(
            door.streamed(posted(parts)).await.status(),
            failed,
            "{door}"
        );
    }
}

#[tokio::test]
async fn a_stream_of_more_than_two_hundred_mebibytes_is_cut() {
    let block = Bytes::from(vec![b'x'; 1 << 20]);
    let prelude = Bytes::from_static(b"{\"statusCode\":200}\0\0\0\0\0\0\0\0");
    let endless = pieces(std::iter::once(prelude).chain(std::iter::repeat(block)));
    let mut reply = Reply::from(FrontDoor::FunctionUrl.streamed(endless).await);
    let mut length = 0;
    let cut = loop {
        match reply.chunk().await {
            Ok(chunk) => length += chunk.expect("it has no end").len(),
            Err(cut) => break cut,
        }
    };
    assert_eq!(length, 200 << 20);
    assert!(
        format!("{cut:?}").contains("more than Lambda streams"),
        "{cut:?}"
    );
}
