//! Request and response bodies as streams: the whole body is never held in memory.
//!
//! `curl -N http://localhost:3000/shout -d 'hello'` and `curl -N http://localhost:3000/count`

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use anyhost::http::header::CONTENT_TYPE;
use anyhost::http::{self, Response};
use anyhost::{Body, Request, RequestExt, Result, Router};
use futures_util::stream;

/// Sends each chunk back in upper case as soon as the chunk arrives. If the client aborts the request, the response is
/// aborted too.
async fn shout(request: Request) -> Body {
    Body::from_stream(stream::try_unfold(request, |mut request| async move {
        let chunk = request.chunk().await.map_err(anyhost::Error::into_boxed)?;
        Ok::<_, anyhost::BoxError>(chunk.map(|chunk| (chunk.to_ascii_uppercase(), request)))
    }))
}

/// Sends three server-sent events, one event each second.
async fn count() -> Result<Response<Body>, http::Error> {
    let events = stream::unfold(3, |remaining: u32| async move {
        let number = remaining.checked_sub(1)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(format!("data: {number}\n\n")), number))
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
    async fn each_chunk_of_the_request_is_sent_as_one_chunk_of_the_response() {
        let chunks = stream::iter(["one", "two"].map(Ok::<_, io::Error>));
        let mut response = Client::new(app())
            .post("/shout")
            .body(Body::from_stream(chunks))
            .await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "ONE");
        assert_eq!(response.chunk().await.unwrap().unwrap(), "TWO");
        assert!(response.chunk().await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_response_contains_server_sent_events_that_count_down() {
        let response = Client::new(app()).get("/count").await;
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        assert_eq!(
            response.text().await.unwrap(),
            "data: 2\n\ndata: 1\n\ndata: 0\n\n"
        );
    }
}
