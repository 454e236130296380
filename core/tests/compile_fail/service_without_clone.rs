//! A tower service that is not `Clone`.
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use anyhost_core::{Request, Response};

struct Hello;

impl tower::Service<Request> for Hello {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Ok(Response::new("hello".into())))
    }
}

fn main() {
    run(Hello);
}

fn run<K>(_: impl anyhost_core::IntoHandler<K>) {}
