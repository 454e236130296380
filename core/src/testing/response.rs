//! The response that the client for tests receives.

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::{Error, Response, Result};

/// A response, as the client of a host would receive it.
///
/// The body can be read as a whole, or in chunks while the handler produces the body
/// ([`chunk`](Self::chunk)).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// use anyhost_core::Json;
/// use anyhost_core::testing::Client;
///
/// let response = Client::new(|| async { Json([1, 2]) }).get("/").await;
/// assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
/// assert_eq!(response.json::<Vec<u8>>().await?, [1, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TestResponse(Response);

impl TestResponse {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The value of the first header with this name. `None` if the header is missing, or if its value
    /// contains bytes other than visible ASCII, spaces and tabs.
    pub fn header<N: TryInto<HeaderName>>(&self, name: N) -> Option<&str> {
        self.0.headers().get(name.try_into().ok()?)?.to_str().ok()
    }

    /// Waits for the next chunk of the body, as the handler sent it. Returns `None` at the end.
    ///
    /// # Errors
    /// If the response was aborted.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.0
            .body_mut()
            .chunk()
            .await
            .transpose()
            .map_err(Error::from_boxed)
    }

    /// Reads the whole body, without a limit.
    ///
    /// # Errors
    /// If the response was aborted.
    pub async fn bytes(mut self) -> Result<Bytes> {
        match self.0.body_mut().read(u64::MAX).await {
            Ok(bytes) => Ok(bytes),
            Err(crate::body::ReadError::Broken(error)) => Err(Error::from_boxed(error)),
            Err(crate::body::ReadError::TooLarge) => Ok(Bytes::new()),
        }
    }

    /// Reads the whole body as UTF-8 text, without a limit.
    ///
    /// # Errors
    /// If the response was aborted or is not UTF-8.
    pub async fn text(self) -> Result<String> {
        Ok(String::from_utf8(self.bytes().await?.into())?)
    }

    /// Reads the whole body as JSON, without a limit.
    ///
    /// # Errors
    /// If the response was aborted, or is not JSON of this type.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        Ok(serde_json::from_slice(&self.bytes().await?)?)
    }

    /// Returns the response as the type that handlers use.
    pub fn into_response(self) -> Response {
        self.0
    }
}

impl From<Response> for TestResponse {
    fn from(response: Response) -> Self {
        Self(response)
    }
}
