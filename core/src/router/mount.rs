//! Handlers other than routers that are nested below a prefix.

use std::future::ready;

use crate::handler::{Handler, ResponseFuture};
use crate::{Context, Request, Result};

/// Calls a handler with the path below its prefix. The prefix becomes part of the base path, so that links
/// that the handler makes with [`Context::base_path`] are correct.
pub(super) struct Mount<H> {
    prefix: Box<str>,
    /// The number of segments of the prefix. The prefix can contain parameters, which match any value, so that a path
    /// cannot be compared with the text of the prefix.
    segments: usize,
    handler: H,
}

impl<H> Mount<H> {
    pub(super) fn new(prefix: &str, handler: H) -> Self {
        let segments = prefix.bytes().filter(|&b| b == b'/').count();
        Self {
            prefix: prefix.into(),
            segments,
            handler,
        }
    }
}

impl<H: Handler> Handler for Mount<H> {
    fn handle<'a, 'b>(&'a self, mut request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        match self.enter(&mut request) {
            Ok(()) => self.handler.handle(request),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}

impl<H> Mount<H> {
    /// Moves the prefix from the path to the base path.
    fn enter(&self, request: &mut Request) -> Result<()> {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let path = request.uri().path();
        let mut slashes = path.bytes().enumerate().filter(|&(_, b)| b == b'/');
        let end = slashes
            .nth(self.segments)
            .map_or(path.len(), |(index, _)| index);
        let (prefix, below) = target.split_at(end);
        let slash = if below.starts_with('/') { "" } else { "/" };
        let below = format!("{slash}{below}").parse()?;

        let context = request
            .extensions()
            .get::<Context>()
            .cloned()
            .unwrap_or_default();
        let base_path = format!("{}{prefix}", context.base_path());
        request
            .extensions_mut()
            .insert(context.with_base_path(base_path).with_mount(&self.prefix));
        *request.uri_mut() = below;
        Ok(())
    }
}
