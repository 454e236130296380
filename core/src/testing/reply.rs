use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::{Error, Response, Result};

/// A reply as it would go to a client.
///
/// The status and headers are there at once; the body is read as it comes, or whole.
#[derive(Debug)]
pub struct Reply(Response);

impl Reply {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The first header of this name, if it is there and is text.
    pub fn header<N: TryInto<HeaderName>>(&self, name: N) -> Option<&str> {
        self.0.headers().get(name.try_into().ok()?)?.to_str().ok()
    }

    /// The next piece of the body as it was sent, `None` at the end.
    ///
    /// # Errors
    /// When the reply was cut.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.0
            .body_mut()
            .chunk()
            .await
            .transpose()
            .map_err(Error::from_boxed)
    }

    /// The whole body.
    ///
    /// # Errors
    /// When the reply was cut.
    pub async fn bytes(mut self) -> Result<Bytes> {
        match self.0.body_mut().read(u64::MAX).await {
            Ok(bytes) => Ok(bytes),
            Err(crate::body::ReadError::Broken(error)) => Err(Error::from_boxed(error)),
            Err(crate::body::ReadError::TooLarge) => Ok(Bytes::new()),
        }
    }

    /// The whole body as UTF-8 text.
    ///
    /// # Errors
    /// When the reply was cut or is no UTF-8.
    pub async fn text(self) -> Result<String> {
        Ok(String::from_utf8(self.bytes().await?.into())?)
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// When the reply was cut or does not fit.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        Ok(serde_json::from_slice(&self.bytes().await?)?)
    }

    /// The reply itself.
    pub fn into_response(self) -> Response {
        self.0
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self(response)
    }
}
