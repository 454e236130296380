//! A chat with server-sent events. A browser that connects again gets the messages that it has missed.
//!
//! `curl -N http://localhost:3000/messages`, and in another terminal `curl http://localhost:3000/messages -d 'Hello!'`

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhost::http::StatusCode;
use anyhost::sse::{Event, Sse};
use anyhost::{IntoResponse, Request, RequestExt, Result, Router};
use futures_util::stream;
use tokio::sync::watch;

/// The messages, and their number, which wakes the streams that wait for the next message. A real program keeps only the
/// last messages, and shares them between processes.
struct Chat {
    messages: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl Chat {
    fn new() -> Self {
        Self {
            messages: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    fn add(&self, message: String) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(message);
        self.count.send_replace(messages.len());
    }

    fn get(&self, index: usize) -> Option<String> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.get(index).cloned()
    }
}

async fn say(mut request: Request) -> Result<StatusCode> {
    let message = request.text_limit("1kb").await?;
    request.state::<Chat>()?.add(message);
    Ok(StatusCode::NO_CONTENT)
}

/// The id of an event is the number of messages up to this one. A client that connects again sends the last id, and gets
/// the messages after it.
async fn listen(request: Request) -> Result<impl IntoResponse> {
    let chat = request.state::<Chat>()?;
    let next = request.last_event_id().and_then(|id| id.parse().ok());
    let start = (chat.count.subscribe(), chat, next.unwrap_or(0));
    let events = stream::unfold(start, |(mut count, chat, next)| async move {
        count.wait_for(|&count| count > next).await.ok()?;
        let event = Event::data(chat.get(next)?).with_id(next + 1);
        Some((Ok::<_, Infallible>(event), (count, chat, next + 1)))
    });
    Ok(Sse::new(request.context(), events))
}

fn app() -> Router {
    Router::new()
        .get("/messages", listen)
        .post("/messages", say)
        .with_state(Chat::new())
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::Body;
    use anyhost::http::Request;
    use anyhost_conformance::{Transport, local_hosts};
    use http_body_util::BodyExt;

    /// Reads events from the stream until they are complete.
    async fn expect(response: &mut anyhost::Response, events: &str) {
        let mut received = String::new();
        while received.len() < events.len() {
            let frame = response.body_mut().frame().await.unwrap().unwrap();
            received += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
        assert_eq!(received, events);
    }

    async fn say(host: &dyn Transport, message: &'static str) {
        let request = Request::post("/messages").body(message.into()).unwrap();
        assert_eq!(host.send(request).await.unwrap().status(), 204);
    }

    /// A host that buffers responses sends the events only when the response ends.
    #[tokio::test(flavor = "multi_thread")]
    async fn messages_arrive_at_once_and_after_a_reconnect_on_every_host_that_streams() {
        let hosts = local_hosts(super::app()).await;
        let streaming = hosts
            .iter()
            .filter(|host| host.profile().can.streaming.lack().is_none());
        let mut said = 0;
        for host in streaming {
            let listen = Request::get("/messages").header("last-event-id", said);
            let mut response = host
                .send(listen.body(Body::empty()).unwrap())
                .await
                .unwrap();
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            say(&**host, "Hello!").await;
            expect(
                &mut response,
                &format!("data: Hello!\nid: {}\n\n", said + 1),
            )
            .await;
            drop(response);

            say(&**host, "two\nlines").await;
            let listen = Request::get("/messages").header("last-event-id", said + 1);
            let mut response = host
                .send(listen.body(Body::empty()).unwrap())
                .await
                .unwrap();
            expect(
                &mut response,
                &format!("data: two\ndata: lines\nid: {}\n\n", said + 2),
            )
            .await;
            said += 2;
        }
        assert!(
            said >= 10,
            "expected at least five hosts, tested {}",
            said / 2
        );
    }
}
