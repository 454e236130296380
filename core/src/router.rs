//! Choosing a handler by path and method.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::error::bad_request;
use crate::handler::{Handler, IntoHandler};
use crate::state::WithState;
use crate::{Error, Request, Response, Result};

/// Chooses a handler by path and method.
///
/// A path is matched as it was sent, percent-encoded and segment by segment: `{name}` stands for
/// one segment, `{*rest}` for all that is left. No match is a 404, the wrong method a 405 with
/// `Allow`, and HEAD is served by GET.
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
        #[doc = concat!("Serves ", stringify!($method), " requests to `path`.")]
        ///
        /// # Panics
        /// At start-up, if `path` is malformed or clashes with another route.
        #[must_use]
        #[track_caller]
        pub fn $name<K>(self, path: &str, handler: impl IntoHandler<K>) -> Self {
            self.on(Method::$method, path, handler)
        }
    )*};
}

impl Router {
    /// A router with no routes.
    pub fn new() -> Self {
        Self::default()
    }

    methods! { get GET post POST put PUT patch PATCH delete DELETE options OPTIONS }

    /// Serves requests of any method to `path`, known or not, unless a route names the method.
    ///
    /// # Panics
    /// At start-up, if `path` is malformed or clashes with another route.
    #[must_use]
    #[track_caller]
    pub fn any<K>(mut self, path: &str, handler: impl IntoHandler<K>) -> Self {
        self.route(path).set_any(Arc::new(handler.into_handler()));
        self
    }

    /// Serves requests of one method to `path`; `get`, `post` and so on are short for it.
    ///
    /// # Panics
    /// At start-up, if `path` is malformed or clashes with another route.
    #[must_use]
    #[track_caller]
    pub fn on<K>(mut self, method: Method, path: &str, handler: impl IntoHandler<K>) -> Self {
        let handler: Arc<dyn Handler> = Arc::new(handler.into_handler());
        self.route(path).set(method, handler);
        self
    }

    /// Serves all routes of `router` below `prefix`. Its handlers see the whole path. What answers
    /// [`not_found`](Self::not_found) is the outer router's business; the inner one's is left out.
    ///
    /// # Panics
    /// At start-up, if a path clashes with another route.
    #[must_use]
    #[track_caller]
    pub fn nest(mut self, prefix: &str, router: Self) -> Self {
        let prefix = prefix.trim_end_matches('/');
        for route in router.routes {
            let path = match route.path.as_str() {
                "/" if !prefix.is_empty() => prefix.to_owned(),
                path => format!("{prefix}{path}"),
            };
            let mine = self.route(&path);
            for (method, handler) in route.methods {
                mine.set(method, handler);
            }
            if let Some(any) = route.any {
                mine.set_any(any);
            }
        }
        self
    }

    /// Serves all routes of `router` beside these.
    ///
    /// # Panics
    /// At start-up, if a path clashes with another route.
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

    /// Answers what matches no route. Without it that is a 404 `Not Found`.
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
            "the route {path:?} must start with a slash"
        );
        let index = match self.by_path.get(path) {
            Some(index) => *index,
            None => {
                let index = self.routes.len();
                if let Err(error) = self.paths.insert(path, index) {
                    // Routes are written by the program, not by its clients: this is a start-up error.
                    panic!("the route {path:?} cannot be added: {error}");
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
        assert!(!taken, "the route {method} {:?} is there twice", self.path);
        self.methods.push((method, handler));
    }

    #[track_caller]
    fn set_any(&mut self, handler: Arc<dyn Handler>) {
        assert!(
            self.any.is_none(),
            "the route {:?} is there twice for any method",
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

    /// RFC 9110 §15.5.6: a 405 names the methods that would do.
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
                let params = Params::new(&found.params);
                let route = &self.routes[*found.value];
                if !params.0.is_empty() {
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

/// The path parameters of a request, still percent-encoded.
#[derive(Clone)]
pub(crate) struct Params(Arc<[(Box<str>, Box<str>)]>);

impl Params {
    fn new(params: &matchit::Params<'_, '_>) -> Self {
        Self(
            params
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The parameter, percent-decoded; an error if it is not UTF-8 then.
    pub(crate) fn get(&self, name: &str) -> Option<Result<String>> {
        let (_, raw) = self.0.iter().find(|(known, _)| **known == *name)?;
        let decoded = percent_decode_str(raw).decode_utf8();
        Some(match decoded {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(bad_request(format!("Invalid path parameter {name}"))),
        })
    }
}
