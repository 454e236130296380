//! A Lambda function behind a simulated event source, in this process.

use anyhost::lambda::Source;
use anyhost::lambda::front_door::Client;
use anyhost::lambda::{Function, Mode};
use anyhost::{Body, BoxError, IntoHandler, Request, Response, async_trait};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::profile::Profile;
use crate::transport::Transport;

/// The Lambda adapter behind a simulated event source of AWS, in this process.
#[derive(Debug)]
pub struct Lambda {
    profile: Profile,
    client: Client,
}

impl Lambda {
    /// Creates a new probe behind an event source. `mode` selects buffered or streamed responses.
    pub fn behind(door: Source, mode: Mode, profile: Profile) -> Self {
        Self::of(crate::app(), door, mode, profile)
    }

    /// Calls another application than the probe.
    pub fn of<K>(app: impl IntoHandler<K>, door: Source, mode: Mode, profile: Profile) -> Self {
        let function = Function::new().with_mode(mode);
        Self {
            profile,
            client: Client::new(door, app).with_function(function),
        }
    }
}

#[async_trait]
impl Transport for Lambda {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Event sources read the complete body before they call the function.
    async fn send(&self, request: Request) -> Result<Response, String> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        let request = http::Request::from_parts(parts, body.to_bytes());
        let response = self.client.send(request).await.into_response();
        Ok(response.map(|body| Body::from_stream(unstoppable(body))))
    }

    async fn finish(&self) {
        self.client.finish().await;
    }
}

/// Reads the body in the background, because Lambda reads a response as fast as the function produces it, even if the
/// client disconnects.
fn unstoppable(mut body: Body) -> impl Stream<Item = Result<Bytes, BoxError>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let chunk = frame.map(|frame| frame.into_data().unwrap_or_default());
            let _ = sender.send(chunk);
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    })
}
