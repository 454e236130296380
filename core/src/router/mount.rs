//! Handlers other than routers that are nested below a prefix.

use crate::{Context, Request, Result};

/// Prepares a request for the handler of a nested route: the handler sees only the path below the prefix. The prefix
/// becomes part of the base path, so that links that the handler makes with [`Context::base_path`] are correct.
///
/// `route` is the whole pattern of the route, because a router with nested handlers can be nested itself.
pub(super) fn enter(request: &mut Request, context: Option<&Context>, route: &str) -> Result<()> {
    let prefix = route.rsplit_once("/{*").map_or(route, |(prefix, _)| prefix);
    // Count the segments: a prefix can contain parameters, so that a path cannot be compared with its text.
    let segments = prefix.bytes().filter(|&b| b == b'/').count();
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let path = request.uri().path();
    let mut slashes = path.bytes().enumerate().filter(|&(_, b)| b == b'/');
    let end = slashes.nth(segments).map_or(path.len(), |(index, _)| index);
    let (removed, below) = target.split_at(end);
    let slash = if below.starts_with('/') { "" } else { "/" };
    let below = format!("{slash}{below}").parse()?;

    let context = context.cloned().unwrap_or_default();
    let base_path = format!("{}{removed}", context.base_path());
    request
        .extensions_mut()
        .insert(context.with_base_path(base_path).with_mount(prefix));
    *request.uri_mut() = below;
    Ok(())
}
