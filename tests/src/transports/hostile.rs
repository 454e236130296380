//! A CGI program under a simulated web server.

use anyhost::{Body, BoxError, Request, Response, async_trait};
use futures_util::stream;
use http::Method;
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::hostile_host::HostileHost;
use crate::profile::Profile;
use crate::transport::Transport;

/// The probe as a CGI program under a [simulated web server](crate::hostile_host).
#[derive(Debug)]
pub struct HostileCgi {
    host: HostileHost,
    profile: Profile,
}

impl HostileCgi {
    /// A transport to a simulated server.
    pub fn new(host: HostileHost, profile: Profile) -> Self {
        Self { host, profile }
    }
}

#[async_trait]
impl Transport for HostileCgi {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        let (mut parts, body) = request.into_parts();
        if body.size_hint().exact().is_none() {
            let chunked = http::HeaderValue::from_static("chunked");
            parts.headers.insert("transfer-encoding", chunked);
        }
        let body = body.collect().await.map_err(|error| error.to_string())?;
        let request = http::Request::from_parts(parts, body.to_bytes());
        let head = request.method() == Method::HEAD;
        let received = self.host.exchange(request).await?;
        let mut response = Response::new(match received.aborted && !head {
            false => received.body.into(),
            true => Body::from_stream(stream::iter([
                Ok(received.body),
                Err(BoxError::from(
                    "the body is shorter than its Content-Length",
                )),
            ])),
        });
        *response.status_mut() = received.status;
        *response.headers_mut() = received.headers;
        Ok(response)
    }
}
