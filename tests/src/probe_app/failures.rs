//! Handlers that fail, panic, block or never finish.

use std::io;
use std::time::Duration;

use anyhost::{Body, Error, Request, RequestExt, Result, Router};
use futures_util::stream;
use serde::Deserialize;

use super::{pause, status_parameter};

pub(super) fn routes() -> Router {
    Router::new()
        .get("/error/{code}", error)
        .get("/fail", fail)
        .get("/panic", panic)
        .get("/panic-late", || async { first_then(|| panic!("late")) })
        .get("/stream-error", || async {
            first_then(|| Err(io::Error::other("late")))
        })
        .get("/sleep/{ms}", sleep)
        .get("/block/{ms}", block)
        .get("/block-in-place", block_in_place)
        .get("/drop-panic", panic_when_dropped)
}

/// The query of `/error/{code}`.
#[derive(Deserialize)]
struct Message {
    message: Option<String>,
}

async fn error(request: Request) -> Result<()> {
    let status = status_parameter(&request)?;
    let Message { message } = request.query()?;
    Err(match message {
        Some(message) => Error::new(status, message),
        None => Error::from_status(status),
    })
}

/// An error whose text may appear in the log, and never in the response.
async fn fail() -> Result<()> {
    Err(io::Error::other("secret detail"))?;
    Ok(())
}

async fn panic() {
    panic!("on purpose");
}

/// A stream that produces one chunk and then calls `late`, which returns an error or panics.
fn first_then(late: fn() -> io::Result<&'static str>) -> Body {
    Body::from_stream(stream::unfold(0, move |step| async move {
        match step {
            0 => Some((Ok("first"), 1)),
            _ => Some((late(), 2)),
        }
    }))
}

async fn sleep(request: Request) -> Result<&'static str> {
    pause(request.param("ms")?).await;
    Ok("slept")
}

/// Blocks its thread. An asynchronous handler must not do this, but the host must still serve other connections.
async fn block(request: Request) -> Result<&'static str> {
    let ms = request.param("ms")?;
    eprintln!("blocking");
    std::thread::sleep(Duration::from_millis(ms));
    Ok("blocked")
}

/// Blocks its thread with `block_in_place`, as Tokio recommends. Panics on a runtime with one thread.
async fn block_in_place() -> &'static str {
    tokio::task::block_in_place(|| "blocked")
}

/// Never responds. The future of this handler panics when the host drops the future, for example because the client
/// disconnected.
async fn panic_when_dropped() -> &'static str {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            panic!("this handler panics on purpose when it is dropped");
        }
    }
    let _guard = Guard;
    std::future::pending().await
}
