//! An internal extension without events. Lambda sends SIGTERM only to functions with an extension ("Lambda
//! Extensions API").

use std::time::Duration;

use http::HeaderValue;

use super::client::Client;

/// How long the registration may delay the start.
const REGISTER_TIMEOUT: Duration = Duration::from_millis(500);

/// Registers the extension over the connection of the function, before the function requests its first invocation. If
/// the API rejects the extension, the function runs without it.
pub(crate) async fn register(client: &mut Client) {
    let registered = tokio::time::timeout(REGISTER_TIMEOUT, client.register_extension()).await;
    match registered {
        Ok(Ok(id)) => {
            tokio::spawn(wait(client.with_new_connection(), id));
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "failed to register an extension, Lambda will not send SIGTERM");
        }
        Err(error) => {
            tracing::warn!(%error, "failed to register an extension, Lambda will not send SIGTERM");
        }
    }
}

/// Reports that the extension is ready, which completes the start. The call does not return, because the
/// extension registered for no events.
async fn wait(mut client: Client, id: HeaderValue) {
    let mut pause = Duration::from_millis(50);
    while let Err(error) = client.next_event(&id).await {
        tracing::debug!(%error, ?pause, "failed to wait for an extension event");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
