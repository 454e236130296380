//! A handler at work, and what keeps it alive.

// A future that borrows from the handler cannot be made before there is another future to hold both, and so
// each request would be moved into that one first and out again later. Until then it also keeps hyper's read
// buffer from being used again: together some 800 instructions for each request.
#![allow(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhost_core::{Handler, Request, Response, dispatch};
use pin_project_lite::pin_project;

pin_project! {
    /// The reply to be. Fields are dropped in this order: what borrows comes first.
    struct Handling<F> {
        #[pin]
        reply: F,
        _handler: Arc<dyn Handler>,
    }
}

/// Calls the handler, and gives its reply once it is there.
pub(crate) fn handle(
    handler: &Arc<dyn Handler>,
    request: Request,
) -> impl Future<Output = Response> + Send + use<> {
    let owned = handler.clone();
    // SAFETY: the handler stands in the Arc's own memory, which stays where it is until the Arc beside the
    // future is dropped. That happens after the future is, and nothing else has this reference:
    // `Handler::handle` gives it to implementations with a lifetime that they cannot know to be this long.
    let borrowed: &'static dyn Handler = unsafe { &*Arc::as_ptr(&owned) };
    Handling {
        reply: dispatch(borrowed, request),
        _handler: owned,
    }
}

impl<F: Future<Output = Response>> Future for Handling<F> {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        self.project().reply.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use anyhost_core::{Result, async_trait};

    use super::*;

    /// Looks at itself until it is dropped, and must not be gone then.
    struct Careful(Arc<AtomicBool>, String);

    #[async_trait]
    impl Handler for Careful {
        async fn handle(&self, _: Request) -> Result<Response> {
            struct Guard<'a>(&'a Careful);
            impl Drop for Guard<'_> {
                fn drop(&mut self) {
                    assert_eq!(self.0.1, "here");
                }
            }
            let _guard = Guard(self);
            std::future::pending().await
        }
    }

    impl Drop for Careful {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_handler_lives_as_long_as_it_is_at_work() {
        let dropped = Arc::new(AtomicBool::new(false));
        let handler: Arc<dyn Handler> = Arc::new(Careful(dropped.clone(), "here".to_owned()));
        let mut reply = Box::pin(handle(&handler, Request::default()));
        drop(handler);
        let poll = std::future::poll_fn(|cx| Poll::Ready(reply.as_mut().poll(cx).is_pending()));
        assert!(poll.await);
        assert!(!dropped.load(Ordering::Relaxed));
        drop(reply);
        assert!(dropped.load(Ordering::Relaxed));
    }
}
