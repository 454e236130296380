//! A time limit for a handler.

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhost_core::http::StatusCode;
use anyhost_core::{
    Context, Error, Handler, IntoHandler, Request, RequestExt, Response, Result, async_trait,
};

/// A handler with a time limit; made by [`with_timeout`].
#[derive(Clone, Debug)]
pub struct WithTimeout<H> {
    timeout: Duration,
    handler: H,
}

/// Sets a time limit for a handler: one route, a nested router, or the whole program.
///
/// If the handler does not return its response in time, the handler's future is dropped, and the result is an error
/// with the status 504. Middleware around this function sees the error and can replace it. Handlers see the limit as
/// [`Context::deadline`]. Sending the response is not limited; the deadline of the host limits both.
///
/// ```
/// use std::time::Duration;
///
/// use anyhost::{Router, with_timeout};
///
/// async fn report() -> &'static str {
///     "slow"
/// }
///
/// let routes = Router::new().get("/report", with_timeout(Duration::from_secs(60), report));
/// let app = with_timeout(Duration::from_secs(90), routes);
/// ```
pub fn with_timeout<K, H: IntoHandler<K>>(
    timeout: Duration,
    handler: H,
) -> WithTimeout<H::Handler> {
    WithTimeout {
        timeout,
        handler: handler.into_handler(),
    }
}

#[async_trait]
impl<H: Handler> Handler for WithTimeout<H> {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        let context = request.context();
        if let Some(end) = earlier(&context, self.timeout) {
            request.extensions_mut().insert(context.with_deadline(end));
        }
        let response = tokio::time::timeout(self.timeout, self.handler.handle(request));
        response.await.unwrap_or_else(|_| {
            let error = Error::from_status(StatusCode::GATEWAY_TIMEOUT);
            Err(error.with_source(TimeoutError(self.timeout)))
        })
    }
}

/// The end of the time limit, if it is before the present deadline of the request.
fn earlier(context: &Context, timeout: Duration) -> Option<SystemTime> {
    let end = SystemTime::now().checked_add(timeout)?;
    let deadline = context.deadline();
    deadline
        .is_none_or(|deadline| end < deadline)
        .then_some(end)
}

/// The source of the error of [`with_timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeoutError(Duration);

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler did not respond within {:?}", self.0)
    }
}

impl std::error::Error for TimeoutError {}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_exceeds_its_time_limit_is_dropped_and_returns_a_504_with_the_limit() {
        let dropped = Arc::new(());
        let guard = dropped.clone();
        let never = move || {
            let guard = guard.clone();
            async move {
                pending::<()>().await;
                drop(guard);
            }
        };
        let limited = with_timeout(Duration::from_secs(5), never);
        let error = limited.handle(Request::default()).await.unwrap_err();
        assert_eq!(
            format!("{error:?}"),
            "504 Gateway Timeout: the handler did not respond within 5s"
        );
        // The handler itself holds the other one.
        assert_eq!(Arc::strong_count(&dropped), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_shorter_of_two_time_limits_applies_and_is_the_deadline_of_the_handler() {
        let seconds = |request: Request| async move {
            let deadline = request.context().deadline().unwrap();
            let left = deadline.duration_since(SystemTime::now()).unwrap();
            left.as_secs_f64().ceil().to_string()
        };
        for (outer, inner) in [(60, 5), (5, 60)] {
            let inner = with_timeout(Duration::from_secs(inner), seconds);
            let limited = with_timeout(Duration::from_secs(outer), inner);
            let response = limited.handle(Request::default()).await.unwrap();
            let mut body = Request::new(response.into_body());
            assert_eq!(body.text().await.unwrap(), "5");
        }
    }
}
