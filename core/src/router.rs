//! Selects a handler by the path and method of a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

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
/// | no route has this path | 404 `Not Found`, or the response of [`not_found`](Self::not_found) |
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
///     .not_found(|| async { (http::StatusCode::NOT_FOUND, "No such page") });
/// ```
#[derive(Default)]
pub struct Router {
    paths: matchit::Router<usize>,
    routes: Vec<Route>,
    by_path: HashMap<String, usize>,
    not_found: Option<Arc<dyn Handler>>,
}

/// The handlers of one path.
struct Route {
    path: String,
    methods: Vec<(Method, Arc<dyn Handler>)>,
    any: Option<Arc<dyn Handler>>,
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
    /// [`not_found`](Self::not_found) handler is used; that of the nested router is dropped.
    ///
    /// # Panics
    /// If a path conflicts with another route.
    #[must_use]
    #[track_caller]
    pub fn nest(mut self, prefix: &str, router: Self) -> Self {
        let prefix = prefix.trim_end_matches('/');
        for route in router.routes {
            let path = match route.path.as_str() {
                "/" if !prefix.is_empty() => prefix.to_owned(),
                path => format!("{prefix}{path}"),
            };
            let outer = self.route(&path);
            for (method, handler) in route.methods {
                outer.set(method, handler);
            }
            if let Some(any) = route.any {
                outer.set_any(any);
            }
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
        for route in &mut self.routes {
            route
                .methods
                .iter_mut()
                .for_each(|(_, handler)| add(handler));
            route.any.iter_mut().for_each(add);
        }
        self.not_found.iter_mut().for_each(add);
        self
    }

    /// Sets the handler for requests whose path matches no route. The default is a 404 `Not Found`.
    #[must_use]
    pub fn not_found<K>(mut self, handler: impl IntoHandler<K>) -> Self {
        self.not_found = Some(Arc::new(handler.into_handler()));
        self
    }

    #[track_caller]
    #[allow(clippy::panic)]
    fn route(&mut self, path: &str) -> &mut Route {
        assert!(
            path.starts_with('/'),
            "invalid route {path:?}: expected a path that starts with a slash"
        );
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
                self.routes.push(Route {
                    path: path.to_owned(),
                    methods: Vec::new(),
                    any: None,
                });
                index
            }
        };
        &mut self.routes[index]
    }
}

impl Route {
    #[track_caller]
    fn set(&mut self, method: Method, handler: Arc<dyn Handler>) {
        let taken = self.methods.iter().any(|(known, _)| *known == method);
        assert!(!taken, "duplicate route {method} {:?}", self.path);
        self.methods.push((method, handler));
    }

    #[track_caller]
    fn set_any(&mut self, handler: Arc<dyn Handler>) {
        assert!(
            self.any.is_none(),
            "duplicate route {:?} for any method",
            self.path
        );
        self.any = Some(handler);
    }

    fn find(&self, method: &Method) -> Option<&Arc<dyn Handler>> {
        let named = |method: &Method| self.methods.iter().find(|(known, _)| known == method);
        match named(method) {
            None if method == Method::HEAD => named(&Method::GET),
            found => found,
        }
        .map(|(_, handler)| handler)
        .or(self.any.as_ref())
    }

    /// RFC 9110 §15.5.6: a 405 response lists the supported methods in `Allow`.
    fn method_not_allowed(&self) -> Error {
        let mut allow: Vec<&str> = self
            .methods
            .iter()
            .map(|(method, _)| method.as_str())
            .collect();
        if allow.contains(&"GET") && !allow.contains(&"HEAD") {
            allow.push("HEAD");
        }
        allow.sort_unstable();
        let error = Error::from_status(StatusCode::METHOD_NOT_ALLOWED);
        match HeaderValue::from_str(&allow.join(", ")) {
            Ok(allow) => error.with_header(ALLOW, allow),
            Err(_) => error,
        }
    }
}

#[async_trait]
impl Handler for Router {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        let route = match self.paths.at(request.uri().path()) {
            Ok(found) => {
                let route = &self.routes[*found.value];
                let params = Params::new(found.params.iter());
                if !params.is_empty() {
                    request.extensions_mut().insert(params);
                }
                route
            }
            Err(_) => {
                return match &self.not_found {
                    Some(handler) => handler.handle(request).await,
                    None => Err(Error::from_status(StatusCode::NOT_FOUND)),
                };
            }
        };
        match route.find(request.method()) {
            Some(handler) => handler.handle(request).await,
            None => Err(route.method_not_allowed()),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.routes.iter().map(|route| &route.path))
            .finish()
    }
}
