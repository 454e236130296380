//! One connection to the Runtime API.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap};
use http::response::Parts;
use http::{Request, Version};
use http_body::Frame;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use crate::body;

/// The send buffer of streamed responses, in bytes; Linux doubles it. By default the buffer grows to 4 MB, which
/// Lambda needs two seconds to read ("Bandwidth limits for response streaming"), and which delays the trailers of a
/// response that is aborted at the deadline. The loopback interface has segments of 64 KB. A buffer of less than two
/// segments would make each segment wait for a delayed acknowledgement: with 32 KB, 2 MB/s were measured.
const STREAM_BUFFER: usize = 128 * 1024;

/// A connection that is kept between calls. The calls poll the connection, because the API sends only responses. A
/// separate task for the connection would cost a wake-up for each call.
pub(super) struct Connection {
    sender: SendRequest<Payload>,
    driver: http1::Connection<TokioIo<TcpStream>, Payload>,
    /// A second descriptor of the socket, which hyper owns.
    socket: OwnedFd,
}

/// A call that failed.
pub(super) struct Failed {
    pub(super) error: io::Error,
    /// The request, if no byte of it was sent.
    pub(super) unsent: Option<Box<Request<Payload>>>,
}

impl Failed {
    pub(super) fn sent(error: io::Error) -> Self {
        Self {
            error,
            unsent: None,
        }
    }
}

impl Connection {
    pub(super) async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let socket = stream.as_fd().try_clone_to_owned()?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            sender,
            driver,
            socket,
        })
    }

    /// Whether the API has not closed the connection.
    ///
    /// Asks the kernel, because Tokio learns that the API closed the connection only when it polls the I/O driver,
    /// which does not happen while a handler runs that never waits, or while Lambda has frozen the process.
    pub(super) fn is_open(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        // Between calls the API sends nothing, so anything that can be read is the end or an error.
        matches!(
            recv(&self.socket, &mut [0; 1], flags),
            Err(rustix::io::Errno::AGAIN)
        )
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<Payload>,
    ) -> Result<(Parts, Bytes), Failed> {
        if let Payload::Stream(_) = request.body() {
            // If this call fails, the only effect is that more bytes are buffered.
            let _ = set_socket_send_buffer_size(&self.socket, STREAM_BUFFER);
        }
        let Self { sender, driver, .. } = self;
        let mut exchange = pin!(async move {
            if let Err(error) = sender.ready().await {
                return Err(Failed {
                    error: io::Error::other(error),
                    unsent: Some(Box::new(request)),
                });
            }
            let answer = sender.try_send_request(request).await;
            let (parts, incoming) = match answer {
                Ok(answer) => answer.into_parts(),
                Err(mut error) => {
                    let unsent = error.take_message().map(Box::new);
                    let error = io::Error::other(error.into_error());
                    return Err(Failed { error, unsent });
                }
            };
            match body::read(incoming).await {
                Ok(body) => Ok((parts, body)),
                Err(error) => Err(Failed::sent(io::Error::other(error))),
            }
        });
        poll_fn(|cx| {
            // The connection and the exchange can each allow the other to make progress, so the exchange is polled
            // twice.
            if let Poll::Ready(exchanged) = exchange.as_mut().poll(cx) {
                return Poll::Ready(exchanged);
            }
            let driven = Pin::new(&mut *driver).poll(cx);
            match (exchange.as_mut().poll(cx), driven) {
                (Poll::Ready(exchanged), _) => Poll::Ready(exchanged),
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                (Poll::Pending, Poll::Ready(Ok(()))) => {
                    Poll::Ready(Err(Failed::sent(io::ErrorKind::ConnectionReset.into())))
                }
                (Poll::Pending, Poll::Ready(Err(error))) => {
                    Poll::Ready(Err(Failed::sent(io::Error::other(error))))
                }
            }
        })
        .await
    }
}

/// Whether the connection stays open after this response (RFC 9112 §9.3).
pub(super) fn stays_open(parts: &Parts) -> bool {
    match parts.version {
        Version::HTTP_11 => !has_option(&parts.headers, "close"),
        _ => has_option(&parts.headers, "keep-alive"),
    }
}

fn has_option(headers: &HeaderMap, option: &str) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    let mut options = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    options.any(|known| known.trim().eq_ignore_ascii_case(option))
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
