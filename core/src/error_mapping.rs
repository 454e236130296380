//! Statuses for the error types of an application.

use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;

use async_trait::async_trait;

use crate::handler::{Handler, IntoHandler};
use crate::{Error, Request, Response, Result};

/// A handler that maps errors; made by [`with_error_mapping`].
pub struct WithErrorMapping<F, E, H> {
    map: F,
    handler: H,
    error: PhantomData<fn(&E)>,
}

/// Gives the errors of type `E` a status and a message for the client.
///
/// A handler returns an error of the application with `?`, which converts any [`std::error::Error`] into a 500. Around
/// the handler, `map` replaces this 500 by the [`Error`] for the client. The original error stays its
/// [source](Error::source), for the log. `map` is also called if the error of type `E` is a source of another error.
/// An [`Error`] whose status the handler chose, with [`Error::new`] for example, is not mapped.
///
/// Put the mapping directly around the router, and middleware around the mapping, so that middleware sees the final
/// status. For several types, use the function several times.
///
/// ```
/// use std::fmt;
///
/// use anyhost_core::{Error, Request, RequestExt, Result, Router, with_error_mapping};
///
/// /// Usually derived with the crate `thiserror`.
/// #[derive(Debug)]
/// enum ShopError {
///     SoldOut,
///     Database(std::io::Error),
/// }
///
/// impl fmt::Display for ShopError {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         match self {
///             Self::SoldOut => f.write_str("the article is sold out"),
///             Self::Database(error) => write!(f, "the database failed: {error}"),
///         }
///     }
/// }
///
/// impl std::error::Error for ShopError {}
///
/// fn to_client(error: &ShopError) -> Error {
///     match error {
///         ShopError::SoldOut => Error::new(409, "Sold out"),
///         ShopError::Database(_) => Error::new(503, "Try again later"),
///     }
/// }
///
/// fn sell(id: u32) -> Result<(), ShopError> {
///     Err(ShopError::SoldOut)
/// }
///
/// async fn buy(request: Request) -> Result<&'static str> {
///     sell(request.param("id")?)?;
///     Ok("sold")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = with_error_mapping(to_client, Router::new().post("/articles/{id}", buy));
/// # use anyhost_core::{Handler, http};
/// # let request = http::Request::post("/articles/1").body("".into()).unwrap();
/// # assert_eq!(app.handle(request).await.unwrap_err().status(), 409);
/// # }
/// ```
pub fn with_error_mapping<F, E, K, H>(map: F, handler: H) -> WithErrorMapping<F, E, H::Handler>
where
    F: Fn(&E) -> Error + Send + Sync + 'static,
    E: StdError + 'static,
    H: IntoHandler<K>,
{
    WithErrorMapping {
        map,
        handler: handler.into_handler(),
        error: PhantomData,
    }
}

#[async_trait]
impl<F, E, H> Handler for WithErrorMapping<F, E, H>
where
    F: Fn(&E) -> Error + Send + Sync + 'static,
    E: StdError + 'static,
    H: Handler,
{
    async fn handle(&self, request: Request) -> Result<Response> {
        let error = match self.handler.handle(request).await {
            Err(error) if error.is_converted() => error,
            result => return result,
        };
        Err(match error.downcast_ref::<E>() {
            Some(source) => (self.map)(source).replacing(error),
            None => error,
        })
    }
}

impl<F, E, H: fmt::Debug> fmt::Debug for WithErrorMapping<F, E, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithErrorMapping")
            .field("error", &std::any::type_name::<E>())
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}
