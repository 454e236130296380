//! A handler at work on a request.

// A future that borrows from the handler cannot be made before there is another future to hold both, and so
// each request would be moved into that one first and out again later. Until then it also keeps hyper's read
// buffer from being used again: together some 900 instructions for each request.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use anyhost_core::{Handler, Request, Response, dispatch};
use pin_project_lite::pin_project;

use crate::response::{Outgoing, to_hyper};
use crate::work::Work;

pin_project! {
    /// The reply to be. Fields are dropped in this order: what borrows comes first.
    pub(crate) struct Handling<F> {
        #[pin]
        reply: F,
        // It holds the handler, until the reply is there.
        work: Option<Work>,
    }
}

/// Calls the handler, and gives its reply once it is there.
pub(crate) fn handle(
    request: Request,
    work: Work,
) -> Handling<impl Future<Output = Response> + Send + use<>> {
    let handler: *const dyn Handler = Arc::as_ptr(&work.link.shared.handler);
    // SAFETY: the handler stands in the Arc's own memory, which stays where it is for as long as `work` has
    // its link. That is given away only when the future has ended, and dropped only after it. Nothing else
    // has this reference: `Handler::handle` gives it to implementations with a lifetime that they cannot know
    // to be this long.
    let handler: &'static dyn Handler = unsafe { &*handler };
    Handling {
        reply: dispatch(handler, request),
        work: Some(work),
    }
}

impl<F: Future<Output = Response>> Future for Handling<F> {
    type Output = Result<http::Response<Outgoing>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = ready!(this.reply.poll(cx));
        match this.work.take() {
            Some(work) => Poll::Ready(Ok(to_hyper(reply, work, None))),
            // It has given its reply before.
            None => Poll::Pending,
        }
    }
}
