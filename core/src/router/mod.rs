//! Selects a handler by the path and method of a request.

mod by_method;
mod route;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use http::{Method, StatusCode};

use by_method::ByMethod;
use route::Route;

use crate::handler::{Handler, IntoHandler};
use crate::request::Params;
use crate::state::WithState;
use crate::{Error, Request, Response, Result};

/// A handler that selects another handler by the path and method of the request.
///
/// The router compares the path segment by segment, as the client sent it: percent-encoded, so that
/// `%2F` does not separate segments. `{name}` matches exactly one segment and `{*rest}` matches the
/// rest of the path, if it is not empty. Read their values with
/// [`RequestExt::param`](crate::RequestExt::param).
///
/// | request | response |
/// |---|---|
/// | no route has this path | 404 `Not Found`, or the response of [`fallback`](Self::fallback) |
/// | a route has this path, but not this method | 405 with an `Allow` header (RFC 9110 §15.5.6) |
/// | HEAD, and the route serves GET but not HEAD | that of the GET handler, without its body |
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
    /// Made when a request needs it: few do.
    by_method: OnceLock<ByMethod>,
    fallback: Option<Arc<dyn Handler>>,
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
    /// define. A handler that was added for one method takes precedence.
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

    /// Adds all routes of `router`, with `prefix` before their paths.
    ///
    /// The nested handlers receive the request with its whole path. Only the outer router's
    /// [`fallback`](Self::fallback) handler is used; that of the nested router is dropped.
    ///
    /// # Panics
    /// If a path conflicts with another route.
    #[must_use]
    #[track_caller]
    pub fn nest(mut self, prefix: &str, router: Self) -> Self {
        let prefix = prefix.trim_end_matches('/');
        for route in router.routes {
            let path = match route.path() {
                "/" if !prefix.is_empty() => prefix.to_owned(),
                path => format!("{prefix}{path}"),
            };
            let outer = self.route(&path);
            outer.merge(route);
        }
        self
    }

    /// Adds all routes of `router`, like [`nest`](Self::nest) with an empty prefix.
    ///
    /// # Panics
    /// If a path conflicts with another route.
    #[must_use]
    #[track_caller]
    pub fn merge(self, router: Self) -> Self {
        self.nest("", router)
    }

    /// Gives all handlers of this router, nested ones included, access to `state` through
    /// [`request.state::<S>()`](crate::RequestExt::state).
    ///
    /// Call it after all routes were added: routes that are added later do not have the state.
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
        self
    }

    /// Sets the handler for requests whose path matches no route. The default is a 404 `Not Found`.
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
                if let Err(error) = self.paths.insert(path, index) {
                    // Routes come from the application's code and never from a client, so that a
                    // panic here happens at start-up, before the first request.
                    panic!("invalid route {path:?}: {error}");
                }
                self.by_path.insert(path.to_owned(), index);
                self.routes.push(Route::new(path));
                index
            }
        };
        &mut self.routes[index]
    }
}

#[async_trait]
impl Handler for Router {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        let Some((handler, params)) = self.find(&request)? else {
            return match &self.fallback {
                Some(handler) => handler.handle(request).await,
                None => Err(Error::from_status(StatusCode::NOT_FOUND)),
            };
        };
        if !params.is_empty() {
            request.extensions_mut().insert(params);
        }
        handler.handle(request).await
    }
}

impl Router {
    /// The handler for a request; `None` if no route has its path.
    ///
    /// # Errors
    /// 405 if routes have the path, but not the method.
    fn find(&self, request: &Request) -> Result<Option<(&dyn Handler, Params)>> {
        let (method, path) = (request.method(), request.uri().path());
        let Ok(found) = self.paths.at(path) else {
            return Ok(None);
        };
        if let Some(handler) = self.routes[*found.value].find(method) {
            return Ok(Some((handler, Params::new(found.params.iter()))));
        }
        // The most specific route of this path does not serve the method, but another one may: for
        // `POST /users/me`, the routes `GET /users/me` and `POST /users/{id}`.
        let by_method = self.by_method.get_or_init(|| ByMethod::new(&self.routes));
        match by_method.find(method, path) {
            Some((index, params)) => {
                let handler = self.routes[index].find(method);
                Ok(handler.map(|handler| (handler, params)))
            }
            None => Err(by_method.method_not_allowed(path)),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.routes.iter().map(Route::path))
            .finish()
    }
}
