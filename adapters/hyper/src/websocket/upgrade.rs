//! Upgrades a request to a WebSocket, and runs the function of the application with it.

use std::future::Future;

use anyhost_core::adapter::panic::catch_panic;
use anyhost_core::{Context, Error, IntoLimit, Limit, Request, RequestExt, Response, Result};
use http::StatusCode;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::handshake::{accept, upgrade_required};
use super::socket::WebSocket;

/// The size of the buffer for reads. tungstenite's default of 128 KiB is much for a server with many idle connections.
const READ_BUFFER: usize = 8 * 1024;

/// Accepts a WebSocket, and calls `run` with it in a new task. Messages can have at most 1 MiB.
///
/// The handler returns the response of this function. When `run` returns, the socket is closed. An error or
/// a panic of `run` closes the socket with the status 1011, and is logged. Invalid or too large messages of the client close the socket
/// with the status that RFC 6455 §7.4.1 defines for them.
///
/// Over HTTP/1.1, the request of a client has the method GET. Over HTTP/2, it has the method CONNECT (RFC 8441); a route
/// for both is `Router::any`. HTTP/2 clients can open WebSockets only if the server was configured with
/// [`enable_connect_protocol`](crate::Server::with_http2).
///
/// Browsers let every website open WebSockets to every server, and send the cookies of the server along. A handler that
/// trusts cookies has to compare the `Origin` header with its own origin before it calls this function. To select a
/// subprotocol, add a `Sec-WebSocket-Protocol` header to the response.
///
/// # Errors
/// | cause | status |
/// |---|---|
/// | the host cannot upgrade connections: AWS Lambda, CGI, in-process calls | 501, with the name of the host |
/// | the request does not ask for a WebSocket | 426, with `Upgrade: websocket` |
/// | another version of the protocol than 13 | 426, with `Sec-WebSocket-Version: 13` |
/// | the key of the handshake is missing or invalid | 400 |
///
/// ```
/// use anyhost_core::{Error, Request, RequestExt, Response, Result};
/// use anyhost_hyper::websocket::{self, Message};
///
/// async fn greet(request: Request) -> Result<Response> {
///     let own = request.authority().map(|authority| format!("https://{authority}"));
///     let origin = request.headers().get("origin").and_then(|origin| origin.to_str().ok());
///     if origin != own.as_deref() {
///         return Err(Error::new(403, "Cross-origin WebSockets are not allowed"));
///     }
///     websocket::upgrade(request, |mut socket| async move {
///         socket.send(Message::text("Hello!")).await?;
///         Ok(())
///     })
/// }
/// ```
pub fn upgrade<F, O>(request: Request, run: F) -> Result<Response>
where
    F: FnOnce(WebSocket) -> O + Send + 'static,
    O: Future<Output = Result<()>> + Send + 'static,
{
    upgrade_limit(request, Limit::DEFAULT, run)
}

/// Like [`upgrade`], with another limit for the size of a message.
///
/// # Errors
/// As for [`upgrade`], and 500 if the limit is invalid.
pub fn upgrade_limit<F, O>(mut request: Request, limit: impl IntoLimit, run: F) -> Result<Response>
where
    F: FnOnce(WebSocket) -> O + Send + 'static,
    O: Future<Output = Result<()>> + Send + 'static,
{
    let limit = limit.into_limit()?.bytes();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let response = accept(&request)?;
    let on_upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let on_upgrade = on_upgrade.ok_or_else(upgrade_required)?;
    let context = request.context();
    tokio::spawn(async move {
        if let Err(error) = serve(on_upgrade, context, limit, run).await {
            tracing::debug!(%error, "failed to upgrade to a WebSocket");
        }
    });
    Ok(response)
}

/// # Errors
/// If the client disconnected before the upgrade.
async fn serve<F, O>(
    on_upgrade: OnUpgrade,
    context: Context,
    limit: usize,
    run: F,
) -> hyper::Result<()>
where
    F: FnOnce(WebSocket) -> O,
    O: Future<Output = Result<()>>,
{
    let stream = TokioIo::new(on_upgrade.await?);
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
        .read_buffer_size(READ_BUFFER);
    let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let (socket, closing) = WebSocket::new(stream, &context);
    // Without this, a panic would drop the connection without a close frame.
    let result = catch_panic(async { run(socket).await }).await;
    let result = result.unwrap_or_else(|panic| {
        let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
        Err(error.with_source(panic))
    });
    closing.close(result).await;
    Ok(())
}
