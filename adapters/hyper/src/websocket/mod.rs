//! WebSockets (RFC 6455), over HTTP/1.1 and over HTTP/2 (RFC 8441).
//!
//! ```
//! use anyhost_core::{Request, Response, Result};
//! use anyhost_hyper::websocket;
//!
//! async fn echo(request: Request) -> Result<Response> {
//!     websocket::upgrade(request, |mut socket| async move {
//!         while let Some(message) = socket.receive().await? {
//!             socket.send(message).await?;
//!         }
//!         Ok(())
//!     })
//! }
//! ```

mod handshake;
mod socket;
mod upgrade;

pub use socket::WebSocket;
pub use tokio_tungstenite::tungstenite::{self, Message};
pub use upgrade::{upgrade, upgrade_limit};
