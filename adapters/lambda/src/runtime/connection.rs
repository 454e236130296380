//! One connection to the Runtime API.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A connection that was used so recently is assumed to be open.
const FRESH: Duration = Duration::from_millis(5);

/// A connection that is kept between calls. The calls poll it, because the API never sends anything on its
/// own; a task for it would cost a wake-up for each call.
pub(super) struct Connection {
    sender: SendRequest<Payload>,
    driver: http1::Connection<TokioIo<TcpStream>, Payload>,
    used: Instant,
}

impl Connection {
    pub(super) async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            sender,
            driver,
            used: Instant::now(),
        })
    }

    /// Whether the API has not closed the connection. While Lambda has frozen the process, the process does not
    /// notice that.
    pub(super) async fn is_open(&mut self) -> bool {
        if self.used.elapsed() < FRESH {
            return true;
        }
        poll_fn(|cx| Poll::Ready(Pin::new(&mut self.driver).poll(cx).is_pending())).await
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<Payload>,
    ) -> io::Result<(Parts, Bytes)> {
        let Self { sender, driver, .. } = self;
        let mut exchange = pin!(async move {
            let exchanged = async {
                sender.ready().await?;
                let (parts, body) = sender.send_request(request).await?.into_parts();
                Ok::<_, hyper::Error>((parts, body.collect().await?.to_bytes()))
            };
            exchanged.await.map_err(io::Error::other)
        });
        let exchanged = poll_fn(|cx| {
            // Each of the two can make progress possible for the other, so the exchange is polled twice.
            if let Poll::Ready(exchanged) = exchange.as_mut().poll(cx) {
                return Poll::Ready(exchanged);
            }
            let ended = match Pin::new(&mut *driver).poll(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                ended => ended.is_ready(),
            };
            match exchange.as_mut().poll(cx) {
                Poll::Pending if ended => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                exchanged => exchanged,
            }
        });
        let exchanged = exchanged.await;
        self.used = Instant::now();
        exchanged
    }
}

/// The body of a streamed response.
pub(crate) type StreamingBody =
    Pin<Box<dyn http_body::Body<Data = Bytes, Error = Infallible> + Send>>;

/// The body of a call.
pub(super) enum Payload {
    Whole(Full<Bytes>),
    Stream(StreamingBody),
}

impl http_body::Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Self::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Stream(_) => http_body::SizeHint::new(),
        }
    }
}
