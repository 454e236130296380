//! Selects a handler by the path and method of a request.

mod by_method;
mod mount;
mod route;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::ready;
use std::sync::{Arc, OnceLock};

use http::{Method, StatusCode};

use by_method::ByMethod;
use route::Route;

use crate::handler::{Handler, IntoHandler, ResponseFuture};
use crate::request::Params;
use crate::state::WithState;
use crate::{Context, Error, Request, Result};

/// A handler that selects another handler by the path and method of the request.
///
/// The router compares the path segment by segment, as the client sent the path. The path is still
/// percent-encoded, so that `%2F` does not separate segments. `{name}` matches exactly one segment and
/// `{*rest}`, at the end of a path, matches the rest of the path, which can be empty: `/files/{*rest}` also serves
/// `/files/`, but not `/files`. A segment can have text before and after its parameter, as in `/{name}.json`, and at
/// most one parameter. Handlers read the values of parameters with [`RequestExt::param`](crate::RequestExt::param).
///
/// If several routes match a path, the most specific route is chosen, in whatever order the routes were added: fixed text
/// takes precedence over `{name}`, and `{name}` over `{*rest}`.
///
/// | request | response |
/// |---|---|
/// | no route has this path | 404 `Not Found`, or the response of [`fallback`](Self::fallback) |
/// | a route has this path, but not this method | 405 with an `Allow` header (RFC 9110 §15.5.6) |
/// | HEAD, and the route serves GET but not HEAD | the response of the GET handler, without its body |
///
/// ```
/// use anyhost_core::{Request, RequestExt, Result, Router};
///
/// async fn greet(request: Request) -> Result<String> {
///     Ok(format!("Hello, {}!", request.param::<String>("name")?))
/// }
///
/// let api = Router::new().get("/greet/{name}", greet);
/// let app = Router::new()
///     .get("/", || async { "Welcome" })
///     .nest("/api", api)
///     .fallback(|| async { (http::StatusCode::NOT_FOUND, "No such page") });
/// ```
#[derive(Default)]
pub struct Router {
    paths: matchit::Router<usize>,
    routes: Vec<Route>,
    by_path: HashMap<String, usize>,
    /// The paths in `paths` that a route with an empty `{*rest}` serves, and that no route names.
    roots: HashSet<String>,
    /// The routes by method. Built on first use, because few requests need them.
    by_method: OnceLock<ByMethod>,
    fallback: Option<Arc<dyn Handler>>,
    /// The fallbacks of nested routers, by prefix.
    nested_fallbacks: Vec<(String, Arc<dyn Handler>)>,
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("Adds a handler for ", stringify!($method), " requests to `path`.")]
        ///
        /// # Panics
        /// If `path` is invalid or conflicts with another route.
        #[must_use]
        #[track_caller]
        pub fn $name<K>(self, path: &str, handler: impl IntoHandler<K>) -> Self {
            self.on(Method::$method, path, handler)
        }
    )*};
}

impl Router {
    /// Creates a router without routes.
    pub fn new() -> Self {
        Self::default()
    }

    methods! { get GET post POST put PUT patch PATCH delete DELETE options OPTIONS }

    /// Adds a handler for requests to `path` with any method, including methods that HTTP does not
    /// define. A handler that was added for a single method takes precedence.
    ///
    /// # Panics
    /// If `path` is invalid or conflicts with another route.
    #[must_use]
    #[track_caller]
    pub fn any<K>(mut self, path: &str, handler: impl IntoHandler<K>) -> Self {
        self.route(path).set_any(Arc::new(handler.into_handler()));
        self
    }

    /// Adds a handler for requests to `path` with this method. [`get`](Self::get),
    /// [`post`](Self::post) and the other named methods are shorthands.
    ///
    /// # Panics
    /// If `path` is invalid or conflicts with another route.
    #[must_use]
    #[track_caller]
    pub fn on<K>(mut self, method: Method, path: &str, handler: impl IntoHandler<K>) -> Self {
        let handler: Arc<dyn Handler> = Arc::new(handler.into_handler());
        self.route(path).set(method, handler);
        self
    }

    /// Adds a router or another handler below `prefix`.
    ///
    /// If `handler` is a router, all its routes are added, with `prefix` before their paths. The route `/` of the
    /// nested router serves the prefix with and without a slash at the end, and so does `/{*rest}`. Nested handlers receive the request with
    /// the whole path. The [`fallback`](Self::fallback) of the nested router, if set, is called for other paths below
    /// the prefix.
    ///
    /// Any other handler, such as a router inside a middleware, an axum router or tower-http's `ServeDir`,
    /// receives all requests below the prefix. The handler sees only the path after the prefix, and the prefix
    /// becomes part of [`Context::base_path`](crate::Context::base_path).
    ///
    /// # Panics
    /// If a path conflicts with another route.
    ///
    /// ```
    /// use anyhost_core::{Error, Next, Request, Response, Result, Router, with_middleware};
    /// use http::StatusCode;
    ///
    /// async fn authenticate(request: Request, next: Next) -> Result<Response> {
    ///     match request.headers().get("authorization") {
    ///         Some(_) => next.run(request).await,
    ///         None => Err(Error::from_status(StatusCode::UNAUTHORIZED)),
    ///     }
    /// }
    ///
    /// let admin = Router::new().get("/users", || async { "all users" });
    /// let app = Router::new()
    ///     .get("/", || async { "public" })
    ///     .nest("/admin", with_middleware(authenticate, admin));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn nest<K>(mut self, prefix: &str, handler: impl IntoHandler<K>) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let mut handler = Some(handler.into_handler());
        let router = (&mut handler as &mut dyn Any).downcast_mut::<Option<Self>>();
        if let Some(router) = router.and_then(Option::take) {
            return self.nest_router(prefix, router);
        }
        if let Some(handler) = handler {
            let handler: Arc<dyn Handler> = Arc::new(handler);
            if !prefix.is_empty() {
                self.route(prefix).set_nested(handler.clone());
            }
            let below = format!("{prefix}/{{*rest}}");
            self.route(&below).set_nested(handler);
        }
        self
    }

    #[track_caller]
    fn nest_router(mut self, prefix: &str, router: Self) -> Self {
        for route in router.routes {
            if &**route.path() == "/" && !prefix.is_empty() {
                self.route(prefix).merge(route.clone());
            }
            let path = format!("{prefix}{}", route.path());
            let roots = route.roots().to_vec();
            self.route(&path).merge(route);
            for root in roots {
                self.add_root(&format!("{prefix}{root}"), &path);
                if root == "/" && !prefix.is_empty() {
                    self.add_root(prefix, &path);
                }
            }
        }
        let nested = router.nested_fallbacks.into_iter();
        let nested = nested.map(|(below, fallback)| (format!("{prefix}{below}"), fallback));
        self.nested_fallbacks.extend(nested);
        match router.fallback {
            Some(fallback) if prefix.is_empty() => {
                self.fallback.get_or_insert(fallback);
            }
            Some(fallback) => self.nested_fallbacks.push((prefix.to_owned(), fallback)),
            None => {}
        }
        self
    }

    /// Adds all routes of `router`, like [`nest`](Self::nest) with an empty prefix. The fallback of `router` is used
    /// if this router has no fallback.
    ///
    /// # Panics
    /// If a path conflicts with another route.
    #[must_use]
    #[track_caller]
    pub fn merge(self, router: Self) -> Self {
        self.nest_router("", router)
    }

    /// Gives all handlers of this router, including nested handlers, access to `state` through
    /// [`request.state::<S>()`](crate::RequestExt::state).
    ///
    /// Call this method after all routes were added, because routes that are added later do not have the state.
    ///
    /// ```
    /// use anyhost_core::{Request, RequestExt, Result, Router};
    ///
    /// struct Greeting(String);
    ///
    /// async fn hello(request: Request) -> Result<String> {
    ///     Ok(request.state::<Greeting>()?.0.clone())
    /// }
    ///
    /// let app = Router::new()
    ///     .get("/", hello)
    ///     .with_state(Greeting("Hello!".to_owned()));
    /// ```
    #[must_use]
    pub fn with_state<S: Send + Sync + 'static>(mut self, state: S) -> Self {
        let state = Arc::new(state);
        let add = |handler: &mut Arc<dyn Handler>| {
            let inner = handler.clone();
            *handler = Arc::new(WithState::new(state.clone(), inner));
        };
        self.routes.iter_mut().for_each(|route| route.for_each(add));
        self.fallback.iter_mut().for_each(add);
        let nested = self.nested_fallbacks.iter_mut();
        nested.for_each(|(_, fallback)| add(fallback));
        self
    }

    /// Sets the handler for requests whose path matches no route. The default handler responds with 404 `Not Found`.
    #[must_use]
    pub fn fallback<K>(mut self, handler: impl IntoHandler<K>) -> Self {
        self.fallback = Some(Arc::new(handler.into_handler()));
        self
    }

    #[track_caller]
    #[allow(clippy::panic)]
    fn route(&mut self, path: &str) -> &mut Route {
        if let Err(expected) = route::check(path) {
            panic!("invalid route {path:?}: expected {expected}");
        }
        let index = match self.by_path.get(path) {
            Some(index) => *index,
            None => {
                let index = self.routes.len();
                if self.roots.remove(path) {
                    self.paths.remove(path);
                }
                if let Err(error) = self.paths.insert(path, index) {
                    // Routes come from the application's code and never from a client. Therefore a
                    // panic here happens at start-up, before the first request.
                    panic!("invalid route {path:?}: {error}");
                }
                self.by_path.insert(path.to_owned(), index);
                self.routes.push(Route::new(path));
                if let Some(root) = self.routes[index].root() {
                    self.add_root(&root, path);
                }
                index
            }
        };
        &mut self.routes[index]
    }

    /// Lets the route of `path` also serve `root`, unless another route has this path.
    fn add_root(&mut self, root: &str, path: &str) {
        let Some(&index) = self.by_path.get(path) else {
            return;
        };
        if !self.routes[index].roots().iter().any(|known| known == root) {
            self.routes[index].add_root(root);
        }
        if !self.by_path.contains_key(root) && self.paths.insert(root, index).is_ok() {
            self.roots.insert(root.to_owned());
        }
    }
}

impl Handler for Router {
    fn handle<'a, 'b>(&'a self, mut request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let context = request.extensions().get::<Context>().cloned();
        match self.prepare(&mut request, context.as_ref()) {
            Ok(handler) => handler.handle(request),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn select(&self, request: &mut Request, context: &Context) -> Result<Option<Arc<dyn Handler>>> {
        self.prepare(request, Some(context)).cloned().map(Some)
    }
}

impl Router {
    /// Finds the handler for a request, and adds the values to the request that the handler can read.
    ///
    /// # Errors
    /// 404 if no route has the path and there is no fallback; 405 if no route has the path and the method.
    fn prepare(
        &self,
        request: &mut Request,
        context: Option<&Context>,
    ) -> Result<&Arc<dyn Handler>> {
        let found = match self.find(request) {
            Ok(Some(found)) => found,
            other => {
                // This router can be nested in another router that has set the route of the prefix.
                if let Some(context) = context {
                    context.clear_route();
                }
                other?;
                let fallback = self.fallback_for(request.uri().path());
                return fallback.ok_or_else(|| Error::from_status(StatusCode::NOT_FOUND));
            }
        };
        if let Some(context) = context {
            context.set_route(found.route);
        }
        if let Some(params) = found.params {
            request.extensions_mut().insert(params);
        }
        if found.is_nested {
            mount::enter(request, context, found.route)?;
        }
        Ok(found.handler)
    }
}

/// The handler for a request.
struct Found<'a> {
    handler: &'a Arc<dyn Handler>,
    /// Whether the handler sees only the path below its prefix.
    is_nested: bool,
    /// The pattern of the route.
    route: &'a Arc<str>,
    params: Option<Params>,
}

impl Router {
    /// The fallback of the innermost nested router whose prefix matches the path.
    fn fallback_for(&self, path: &str) -> Option<&Arc<dyn Handler>> {
        let nested = self.nested_fallbacks.iter();
        let nested = nested.filter(|(prefix, _)| has_prefix(path, prefix));
        let innermost = nested.max_by_key(|(prefix, _)| prefix.len());
        innermost
            .map(|(_, fallback)| fallback)
            .or(self.fallback.as_ref())
    }

    /// Finds the handler for a request; `None` if no route has the path.
    ///
    /// # Errors
    /// 405 if a route has the path, but no route has the path and the method.
    fn find(&self, request: &Request) -> Result<Option<Found<'_>>> {
        let (method, path) = (request.method(), request.uri().path());
        let Ok(found) = self.paths.at(path) else {
            return Ok(None);
        };
        let route = &self.routes[*found.value];
        if let Some((handler, is_nested)) = route.find(method) {
            return Ok(Some(Found {
                handler,
                is_nested,
                route: route.path(),
                params: route.params(&found.params),
            }));
        }
        // The most specific route of this path does not serve the method, but another route may serve it.
        // Example: for the request `POST /users/me`, the routes `GET /users/me` and `POST /users/{id}`.
        let by_method = self.by_method.get_or_init(|| ByMethod::new(&self.routes));
        match by_method.find(&self.routes, method, path) {
            Some((index, params)) => {
                let route = &self.routes[index];
                Ok(route.find(method).map(|(handler, is_nested)| Found {
                    handler,
                    is_nested,
                    route: route.path(),
                    params,
                }))
            }
            None => Err(by_method.method_not_allowed(path)),
        }
    }
}

/// Whether the first segments of a path match a prefix, in which a segment can contain a parameter.
fn has_prefix(path: &str, prefix: &str) -> bool {
    let mut segments = path.split('/');
    prefix.split('/').all(|expected| {
        let segment = segments.next();
        segment.is_some_and(|segment| match expected.split_once('{') {
            Some((before, rest)) => {
                let after = rest.rsplit_once('}').map_or("", |(_, after)| after);
                segment.len() > before.len() + after.len()
                    && segment.starts_with(before)
                    && segment.ends_with(after)
            }
            None => segment == expected,
        })
    })
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.routes.iter().map(Route::path))
            .finish()
    }
}
