//! Server-sent events: a response that sends events to the client as they happen.
//!
//! The format is defined in the [HTML Standard](https://html.spec.whatwg.org/multipage/server-sent-events.html).
//! Browsers read it with `EventSource`, which connects again when the response ends, and then sends the id of the last
//! event that it received: see [`RequestExt::last_event_id`](crate::RequestExt::last_event_id).
//!
//! ```
//! use std::convert::Infallible;
//!
//! use anyhost_core::sse::{Event, Sse};
//! use anyhost_core::{IntoResponse, Request, RequestExt};
//! use futures_util::stream;
//!
//! async fn count(request: Request) -> impl IntoResponse {
//!     let last = request.last_event_id().and_then(|id| id.parse().ok());
//!     let events = (last.unwrap_or(0) + 1..=3).map(|number: u32| {
//!         Ok::<_, Infallible>(Event::data(format!("event {number}")).with_id(number))
//!     });
//!     Sse::new(request.context(), stream::iter(events))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhost_core::Result<()> {
//! # #[cfg(feature = "testing")] {
//! let client = anyhost_core::testing::Client::new(count);
//! let response = client.get("/").header("last-event-id", "2").await;
//! assert_eq!(response.text().await?, "data: event 3\nid: 3\n\n");
//! # }
//! # Ok(()) }
//! ```

mod event;
mod response;

pub use event::Event;
pub use response::Sse;
