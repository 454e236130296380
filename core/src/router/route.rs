//! The handlers of one path.

use std::sync::{Arc, OnceLock};

use http::Method;

use crate::adapter::path::is_encoded;
use crate::handler::Handler;
use crate::request::Params;

/// The handlers of one path, by method.
#[derive(Clone)]
pub(super) struct Route {
    path: Arc<str>,
    /// The name of the parameter `{*name}` at the end of the path.
    rest: Option<String>,
    /// The names of the parameters, as matchit returns them. Set by the first request.
    names: OnceLock<Arc<[Box<str>]>>,
    /// Other paths that the route serves, with an empty rest.
    roots: Vec<String>,
    methods: Vec<(Method, Arc<dyn Handler>)>,
    any: Option<Arc<dyn Handler>>,
    /// Whether the handler for any method was nested, so that it sees only the path below its prefix.
    is_nested: bool,
}

impl Route {
    pub(super) fn new(path: &str) -> Self {
        let rest = path.rsplit_once("/{*");
        Self {
            path: path.into(),
            rest: rest.and_then(|(_, name)| Some(name.strip_suffix('}')?.to_owned())),
            names: OnceLock::new(),
            roots: Vec::new(),
            methods: Vec::new(),
            any: None,
            is_nested: false,
        }
    }

    pub(super) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The path where `{*rest}` is empty, such as `/files/` for `/files/{*rest}`.
    pub(super) fn root(&self) -> Option<String> {
        self.rest.as_ref()?;
        let (root, _) = self.path.rsplit_once("{*")?;
        Some(root.to_owned())
    }

    pub(super) fn roots(&self) -> &[String] {
        &self.roots
    }

    pub(super) fn add_root(&mut self, path: &str) {
        self.roots.push(path.to_owned());
    }

    /// The path parameters of a request to this route; `None` if the route has no parameters.
    pub(super) fn params(&self, found: &matchit::Params<'_, '_>) -> Option<Params> {
        if found.is_empty() && self.rest.is_none() {
            return None;
        }
        let names = self.names.get_or_init(|| {
            let found = found.iter().map(|(name, _)| name);
            let found = found.filter(|name| Some(*name) != self.rest.as_deref());
            found.chain(self.rest.as_deref()).map(Into::into).collect()
        });
        // An empty rest is missing in `found`.
        Some(Params::new(names, |name| found.get(name).unwrap_or("")))
    }

    #[track_caller]
    pub(super) fn set(&mut self, method: Method, handler: Arc<dyn Handler>) {
        let taken = self.methods.iter().any(|(known, _)| *known == method);
        assert!(!taken, "duplicate route {method} {:?}", self.path);
        self.methods.push((method, handler));
    }

    #[track_caller]
    pub(super) fn set_any(&mut self, handler: Arc<dyn Handler>) {
        assert!(
            self.any.is_none(),
            "duplicate route {:?} for any method",
            self.path
        );
        self.any = Some(handler);
    }

    /// Sets the handler for any method to a handler that was nested below a prefix.
    #[track_caller]
    pub(super) fn set_nested(&mut self, handler: Arc<dyn Handler>) {
        self.set_any(handler);
        self.is_nested = true;
    }

    /// Adds the handlers of another route to this route.
    #[track_caller]
    pub(super) fn merge(&mut self, other: Self) {
        for (method, handler) in other.methods {
            self.set(method, handler);
        }
        if let Some(any) = other.any {
            self.set_any(any);
            self.is_nested = other.is_nested;
        }
    }

    pub(super) fn for_each(&mut self, mut change: impl FnMut(&mut Arc<dyn Handler>)) {
        self.methods
            .iter_mut()
            .for_each(|(_, handler)| change(handler));
        self.any.iter_mut().for_each(change);
    }

    /// Finds the handler for a method, and whether it is a nested handler. The GET handler also serves HEAD, unless HEAD
    /// has its own handler.
    pub(super) fn find(&self, method: &Method) -> Option<(&Arc<dyn Handler>, bool)> {
        let named = |method: &Method| self.methods.iter().find(|(known, _)| known == method);
        let named = match named(method) {
            None if method == Method::HEAD => named(&Method::GET),
            found => found,
        };
        match named {
            Some((_, handler)) => Some((handler, false)),
            None => Some((self.any.as_ref()?, self.is_nested)),
        }
    }

    pub(super) fn serves_any(&self) -> bool {
        self.any.is_some()
    }

    /// The methods that have handlers, and also HEAD if GET has a handler.
    pub(super) fn methods(&self) -> impl Iterator<Item = &Method> {
        let methods = self.methods.iter().map(|(method, _)| method);
        methods
            .flat_map(|method| match *method {
                Method::GET => [Some(method), Some(&Method::HEAD)],
                _ => [Some(method), None],
            })
            .flatten()
    }
}

/// Checks that the path of a route can match a request.
///
/// # Errors
/// A description of the expected path.
pub(super) fn check(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err("a path that starts with a slash".to_owned());
    }
    let last = path.split('/').count() - 2;
    for (index, segment) in path.split('/').skip(1).enumerate() {
        if let Some(new) = without_pattern(segment) {
            return Err(format!("{new:?} instead of {segment:?}"));
        }
        let parameters = segment.replace("{{", "").matches('{').count();
        if parameters > 1 {
            return Err(format!(
                "one parameter instead of {segment:?}: the handler can split the value of a parameter"
            ));
        }
        if index < last && parameters == 1 && segment.contains("{*") {
            return Err(format!(
                "{segment:?} at the end: the handler can split the rest of the path"
            ));
        }
        // `:name` and `*name` are the syntax of axum 0.7, Express and other frameworks.
        let old = segment.strip_prefix(':').map(|name| format!("{{{name}}}"));
        let old = old.or_else(|| {
            let name = segment.strip_prefix('*')?;
            Some(format!(
                "{{*{}}}",
                if name.is_empty() { "rest" } else { name }
            ))
        });
        if let Some(new) = old {
            return Err(format!("{new:?} instead of {segment:?}"));
        }
    }
    // Parameter names may contain any characters. The other parts of a path are compared with the percent-encoded
    // path that the client sent.
    let mut fixed = path.split('{').flat_map(|part| part.split('}').next_back());
    if !fixed.all(|fixed| is_encoded(fixed.as_bytes())) {
        return Err("a percent-encoded path without query, as in \"/caf%C3%A9\"".to_owned());
    }
    Ok(())
}

/// The segment with a plain parameter, if its parameter has a pattern or a type: `{id:[0-9]+}` is the syntax of
/// actix-web, and `{id:int}` that of Starlette. Here, the text after the colon would be a part of the name.
fn without_pattern(segment: &str) -> Option<String> {
    let (fixed, parameter) = segment.split_once('{')?;
    let (name, _) = parameter.split_once(':')?;
    // `{{` is an escaped brace.
    let is_parameter = !name.contains(['{', '}']);
    is_parameter.then(|| format!("{fixed}{{{name}}}"))
}
