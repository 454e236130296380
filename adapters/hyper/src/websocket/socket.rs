//! An open WebSocket.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker, ready};
use std::time::Duration;

use anyhost_core::{Context, Error, Result};
use futures_core::Stream;
use futures_sink::Sink;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

/// How long a client can be silent before it gets a ping, and how long it can take to respond to the ping.
const SILENCE: Duration = Duration::from_secs(30);

/// How many pongs may wait for a client that does not read. tungstenite has no limit for them, so a client that sends pings and
/// reads nothing would fill the memory.
const MAX_WAITING_PONGS: usize = 1000;

/// How long a close waits for the close frame of the client.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open WebSocket. Dropping it closes the connection, with a close frame.
///
/// It responds to pings, and pings a client that has been silent for 30 seconds. A client that is silent for another 30
/// seconds counts as disconnected. This happens in [`receive`](Self::receive), so a program that only sends has to
/// call `receive` too, for example in `tokio::select!`.
///
/// [`send`](Self::send) waits until the operating system has accepted the message, so a slow client slows down the
/// sender and does not fill the memory. It has no time limit: a client that reads nothing keeps `send` waiting until the
/// client disconnects or the server stops. Use `tokio::time::timeout` to set a limit. Messages of the client are read only
/// in `receive`. A client that sends 1,000 pings and reads none of the responses counts as disconnected.
///
/// The type is also a [`Stream`] and a [`Sink`] of [`Message`]s. With futures-util, `socket.split()` gives two halves
/// for two tasks.
pub struct WebSocket {
    /// `None` only while this value is being dropped.
    connection: Option<Connection>,
    /// Sends the connection to the task that closes it, when this value is dropped.
    closing: Option<oneshot::Sender<Connection>>,
}

impl WebSocket {
    pub(super) fn new(stream: UpgradedStream, context: &Context) -> (Self, Closing) {
        let (closing, dropped) = oneshot::channel();
        let socket = Self {
            connection: Some(Connection {
                stream,
                draining: Box::pin(context.draining()),
                silence: Box::pin(sleep(SILENCE)),
                has_pinged: false,
                waiting_pongs: 0,
                writer: None,
                end: None,
            }),
            closing: Some(closing),
        };
        (socket, Closing(dropped))
    }

    /// Waits for the next text or binary message. Returns `None` when the client has closed or lost the connection, and
    /// when the server drains. In the second case, messages can still be sent.
    ///
    /// # Errors
    /// If the client sent an invalid or too large message. The socket is closed then.
    pub async fn receive(&mut self) -> Result<Option<Message>, tungstenite::Error> {
        let next = poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await;
        next.transpose()
    }

    /// Sends a message, and waits until the operating system has accepted it.
    ///
    /// # Errors
    /// If the connection is closed.
    pub async fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        poll_fn(|cx| Pin::new(&mut *self).poll_ready(cx)).await?;
        Pin::new(&mut *self).start_send(message)?;
        poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx)).await
    }

    fn connection(self: Pin<&mut Self>) -> Result<&mut Connection, tungstenite::Error> {
        let connection = self.get_mut().connection.as_mut();
        connection.ok_or(tungstenite::Error::AlreadyClosed)
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, tungstenite::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.connection {
            Some(connection) => connection.poll_message(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Sink<Message> for WebSocket {
    type Error = tungstenite::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection()?
            .poll_write(cx, Sink::<Message>::poll_ready)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        Pin::new(&mut self.connection()?.stream).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection()?
            .poll_write(cx, Sink::<Message>::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.connection()?
            .poll_write(cx, Sink::<Message>::poll_close)
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        if let (Some(connection), Some(closing)) = (self.connection.take(), self.closing.take()) {
            // Fails only if the task that closes the connection was aborted.
            let _ = closing.send(connection);
        }
    }
}

type UpgradedStream = WebSocketStream<TokioIo<Upgraded>>;

struct Connection {
    stream: UpgradedStream,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Ends when the client has been silent for [`SILENCE`].
    silence: Pin<Box<Sleep>>,
    /// Whether a ping was sent since the last data from the client.
    has_pinged: bool,
    /// The number of pings since the last one whose pong was written.
    waiting_pongs: usize,
    /// The task that waits until it can send. The stream has room for one such task, so a flush in
    /// [`poll_message`](Self::poll_message) has to use the same waker. With `split`, this can be another task.
    writer: Option<Waker>,
    /// Why no more messages are received; `None` while the socket is open.
    end: Option<End>,
}

#[derive(Clone, Copy)]
enum End {
    /// The client closed or lost the connection.
    Disconnected,
    /// This side has to close the connection, with this status.
    Closing(CloseCode),
}

impl Connection {
    fn poll_write(
        &mut self,
        cx: &mut TaskContext<'_>,
        write: impl FnOnce(
            Pin<&mut UpgradedStream>,
            &mut TaskContext<'_>,
        ) -> Poll<Result<(), tungstenite::Error>>,
    ) -> Poll<Result<(), tungstenite::Error>> {
        let written = write(Pin::new(&mut self.stream), cx);
        self.writer = written.is_pending().then(|| cx.waker().clone());
        written
    }

    /// Writes what waits, without changing which task waits until it can send.
    fn flush(&mut self, cx: &TaskContext<'_>) -> Poll<Result<(), tungstenite::Error>> {
        let waker = self.writer.as_ref().unwrap_or(cx.waker());
        Pin::new(&mut self.stream).poll_flush(&mut TaskContext::from_waker(waker))
    }

    fn poll_message(
        &mut self,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Message, tungstenite::Error>>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        if self.draining.as_mut().poll(cx).is_ready() {
            self.end = Some(End::Closing(CloseCode::Away));
            return Poll::Ready(None);
        }
        loop {
            match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    self.has_pinged = false;
                    self.silence.as_mut().reset(Instant::now() + SILENCE);
                    // tungstenite itself responds to pings and close frames.
                    if matches!(message, Message::Text(_) | Message::Binary(_)) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                    if matches!(message, Message::Ping(_)) && self.has_too_many_pongs(cx) {
                        self.end = Some(End::Disconnected);
                        return Poll::Ready(None);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let end = end_of(&error);
                    self.end = Some(end);
                    let error = matches!(end, End::Closing(_)).then_some(Err(error));
                    return Poll::Ready(error);
                }
                Poll::Ready(None) => {
                    self.end = Some(End::Disconnected);
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    ready!(self.silence.as_mut().poll(cx));
                    if self.has_pinged {
                        self.end = Some(End::Disconnected);
                        return Poll::Ready(None);
                    }
                    self.ping(cx);
                }
            }
        }
    }

    fn has_too_many_pongs(&mut self, cx: &TaskContext<'_>) -> bool {
        match self.flush(cx) {
            Poll::Ready(_) => self.waiting_pongs = 0,
            Poll::Pending => self.waiting_pongs += 1,
        }
        self.waiting_pongs > MAX_WAITING_PONGS
    }

    fn ping(&mut self, cx: &TaskContext<'_>) {
        self.has_pinged = true;
        self.silence.as_mut().reset(Instant::now() + SILENCE);
        // If the send buffer is full, no ping is sent, and the client counts as disconnected after the next period of
        // silence. Errors are ignored here, because the next read returns them too.
        if let Poll::Ready(Ok(())) = self.flush(cx) {
            let ping = Message::Ping(Default::default());
            let _ = Pin::new(&mut self.stream).start_send(ping);
            let _ = self.flush(cx);
        }
    }

    /// Sends a close frame, and reads until the client has closed the connection.
    async fn close(mut self, code: CloseCode) {
        let frame = CloseFrame {
            code,
            reason: Default::default(),
        };
        if self.stream.close(Some(frame)).await.is_ok() {
            let next = |cx: &mut TaskContext<'_>| Pin::new(&mut self.stream).poll_next(cx);
            let mut next = next;
            while let Some(Ok(_)) = poll_fn(&mut next).await {}
        }
    }
}

/// What the error of a read means for the connection. RFC 6455 §7.4.1 defines the statuses.
fn end_of(error: &tungstenite::Error) -> End {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        tungstenite::Error::Capacity(_) => End::Closing(CloseCode::Size),
        tungstenite::Error::Utf8(_) => End::Closing(CloseCode::Invalid),
        tungstenite::Error::Protocol(ResetWithoutClosingHandshake) => End::Disconnected,
        tungstenite::Error::Protocol(_) => End::Closing(CloseCode::Protocol),
        _ => End::Disconnected,
    }
}

/// Closes the connection after the function of the application has ended.
pub(super) struct Closing(oneshot::Receiver<Connection>);

impl Closing {
    /// `result` is the result of the function.
    pub(super) async fn close(self, result: Result<()>) {
        let failed = result.err().filter(|error| !is_from_socket(error));
        if let Some(error) = &failed {
            tracing::error!(?error, "WebSocket handler error");
        }
        // The function may have passed the socket to another task, which drops it later.
        let Ok(connection) = self.0.await else { return };
        let code = match (connection.end, failed) {
            (Some(End::Disconnected), _) => return,
            (Some(End::Closing(code)), _) => code,
            (None, Some(_)) => CloseCode::Error,
            (None, None) => CloseCode::Normal,
        };
        let _ = timeout(CLOSE_TIMEOUT, connection.close(code)).await;
    }
}

/// Whether the error comes from the socket: the client disconnected or sent an invalid message.
fn is_from_socket(error: &Error) -> bool {
    error
        .source()
        .is_some_and(|source| source.downcast_ref::<tungstenite::Error>().is_some())
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket(..)")
    }
}
