//! Routes by method, for paths whose most specific route does not serve the method.

use std::collections::BTreeSet;

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use super::route::Route;
use crate::Error;
use crate::request::Params;

/// One matcher for each method that a route names, and one matcher for all other methods. A matcher contains the
/// index of every route that serves its method.
pub(super) struct ByMethod {
    methods: Vec<(Method, matchit::Router<usize>)>,
    other: matchit::Router<usize>,
}

impl ByMethod {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut methods: Vec<(Method, _)> = Vec::new();
        for method in routes.iter().flat_map(Route::methods) {
            if !methods.iter().any(|(known, _)| known == method) {
                methods.push((
                    method.clone(),
                    matcher(routes, |route| route.find(method).is_some()),
                ));
            }
        }
        Self {
            methods,
            other: matcher(routes, Route::serves_any),
        }
    }

    /// Finds the route for a request, and the path parameters.
    pub(super) fn find(
        &self,
        routes: &[Route],
        method: &Method,
        path: &str,
    ) -> Option<(usize, Option<Params>)> {
        let known = self.methods.iter().find(|(known, _)| known == method);
        let matcher = known.map_or(&self.other, |(_, matcher)| matcher);
        let found = matcher.at(path).ok()?;
        Some((*found.value, routes[*found.value].params(&found.params)))
    }

    /// Makes a 405 error. RFC 9110 §15.5.6: a 405 response lists the methods of the path in `Allow`.
    pub(super) fn method_not_allowed(&self, path: &str) -> Error {
        let methods = self.methods.iter();
        let served = methods.filter(|(_, matcher)| matcher.at(path).is_ok());
        let allow: BTreeSet<&str> = served.map(|(method, _)| method.as_str()).collect();
        let allow: Vec<&str> = allow.into_iter().collect();
        let error = Error::from_status(StatusCode::METHOD_NOT_ALLOWED);
        match HeaderValue::from_str(&allow.join(", ")) {
            Ok(allow) => error.with_header(ALLOW, allow),
            Err(_) => error,
        }
    }
}

fn matcher(routes: &[Route], serves: impl Fn(&Route) -> bool) -> matchit::Router<usize> {
    let mut matcher = matchit::Router::new();
    let served = || routes.iter().enumerate().filter(|(_, route)| serves(route));
    for (index, route) in served() {
        // This cannot fail: the router has already inserted all paths into one matcher, so they do not conflict.
        let _ = matcher.insert(&**route.path(), index);
    }
    for (index, route) in served() {
        for root in route.roots() {
            // Inserting fails if another route has exactly this path. That route then takes precedence.
            let _ = matcher.insert(root.as_str(), index);
        }
    }
    matcher
}
