//! Streams both ways, neither held whole: what comes in goes out in capitals, piece by piece.
//!
//! `curl -N http://localhost:3000/shout -d 'hello'` and `curl -N http://localhost:3000/count`

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use anyhost::http::header::CONTENT_TYPE;
use anyhost::http::{self, Response};
use anyhost::{Body, Request, RequestExt, Result, Router};
use futures_util::stream;

/// Reads a piece, sends a piece. If the client breaks off, the error ends the reply as well.
async fn shout(request: Request) -> Body {
    Body::from_stream(stream::try_unfold(request, |mut request| async move {
        let piece = request.chunk().await.map_err(anyhost::Error::into_boxed)?;
        Ok::<_, anyhost::BoxError>(piece.map(|piece| (piece.to_ascii_uppercase(), request)))
    }))
}

/// Server-sent events, one every second.
async fn count() -> Result<Response<Body>, http::Error> {
    let events = stream::unfold(3, |left: u32| async move {
        let left = left.checked_sub(1)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(format!("data: {left}\n\n")), left))
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .body(Body::from_stream(events))
}

fn app() -> Router {
    Router::new().post("/shout", shout).get("/count", count)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhost::Body;
    use anyhost::testing::Client;
    use futures_util::stream;

    use super::app;

    #[tokio::test]
    async fn each_piece_comes_back_on_its_own() {
        let pieces = stream::iter(["one", "two"].map(Ok::<_, io::Error>));
        let mut reply = Client::new(app())
            .post("/shout")
            .body(Body::from_stream(pieces))
            .await;
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "ONE");
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "TWO");
        assert!(reply.chunk().await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn events_count_down() {
        let reply = Client::new(app()).get("/count").await;
        assert_eq!(reply.header("content-type"), Some("text/event-stream"));
        assert_eq!(
            reply.text().await.unwrap(),
            "data: 2\n\ndata: 1\n\ndata: 0\n\n"
        );
    }
}
