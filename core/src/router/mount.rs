//! Handlers that are nested below a prefix and are not routers.

use async_trait::async_trait;

use crate::handler::Handler;
use crate::{Context, Request, Response, Result};

/// Calls a handler with the path below its prefix. The prefix becomes part of the base path, so that links
/// that the handler makes with [`Context::base_path`] are right.
pub(super) struct Mount<H> {
    /// The number of segments of the prefix, because a parameter in it has any value.
    segments: usize,
    handler: H,
}

impl<H> Mount<H> {
    pub(super) fn new(prefix: &str, handler: H) -> Self {
        let segments = prefix.bytes().filter(|&b| b == b'/').count();
        Self { segments, handler }
    }
}

#[async_trait]
impl<H: Handler> Handler for Mount<H> {
    async fn handle(&self, mut request: Request) -> Result<Response> {
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
            .insert(context.with_base_path(base_path));
        *request.uri_mut() = below;
        self.handler.handle(request).await
    }
}
