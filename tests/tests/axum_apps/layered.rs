//! Applications inside middleware of axum and tower-http.

use std::io::Write;

use anyhost_conformance::Need::AcceptEncoding;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tower::Layer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::request_id::{
    MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::App;
use crate::request::{Sent, get as get_request, post as post_request};

/// Middleware functions that reject requests, pass data to handlers, and change responses.
pub(crate) fn middleware_functions() -> App {
    #[derive(Clone)]
    struct User(String);

    async fn authenticate(mut request: Request, next: Next) -> Result<Response, StatusCode> {
        let token = request.headers().get(header::AUTHORIZATION);
        let token = token.and_then(|token| token.to_str().ok());
        let Some(name) = token.and_then(|token| token.strip_prefix("Bearer ")) else {
            return Err(StatusCode::UNAUTHORIZED);
        };
        let user = User(name.to_owned());
        request.extensions_mut().insert(user);
        let mut response = next.run(request).await;
        response
            .headers_mut()
            .insert("x-checked", HeaderValue::from_static("yes"));
        Ok(response)
    }

    async fn me(Extension(User(name)): Extension<User>) -> String {
        name
    }

    let router = || {
        Router::new()
            .route("/me", get(me))
            .route_layer(middleware::from_fn(authenticate))
            .route("/public", get(|| async { "public" }))
    };
    let requests = vec![
        get_request("/me"),
        get_request("/me")
            .header("authorization", "Bearer ada")
            .needs(anyhost_conformance::Need::Authorization),
        get_request("/public"),
        get_request("/nowhere"),
    ];
    App { router, requests }
}

/// CORS headers, also on errors, and the response to a preflight request.
pub(crate) fn cors_and_security_headers() -> App {
    let router = || {
        let cors = CorsLayer::new()
            .allow_origin(HeaderValue::from_static("https://a.example"))
            .allow_methods([Method::GET, Method::POST]);
        let options = SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        Router::new()
            .route("/", get(|| async { "home" }))
            .route(
                "/broken",
                get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
            )
            .layer(cors)
            .layer(options)
    };
    let requests = vec![
        get_request("/").header("origin", "https://a.example"),
        get_request("/broken").header("origin", "https://a.example"),
        get_request("/nowhere").header("origin", "https://b.example"),
        Sent::new("OPTIONS", "/")
            .header("origin", "https://a.example")
            .header("access-control-request-method", "POST"),
    ];
    App { router, requests }
}

/// Responses that are compressed if the client accepts it.
pub(crate) fn compression() -> App {
    let router = || {
        Router::new()
            .route("/text", get(|| async { "compressible ".repeat(1000) }))
            .route("/short", get(|| async { "short" }))
            .layer(CompressionLayer::new())
    };
    let requests = vec![
        get_request("/text")
            .header("accept-encoding", "gzip")
            .needs(AcceptEncoding),
        get_request("/short")
            .header("accept-encoding", "gzip")
            .needs(AcceptEncoding),
        Sent::new("HEAD", "/text")
            .header("accept-encoding", "gzip")
            .needs(AcceptEncoding),
        get_request("/text"),
    ];
    App { router, requests }
}

/// Files with ranges and conditional requests.
pub(crate) fn static_files() -> App {
    let router = || {
        let folder = std::env::temp_dir().join(format!("axum-apps-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        for (name, text) in [
            ("index.html", "<p>home</p>"),
            ("sub/data.txt", "0123456789"),
        ] {
            let path = folder.join(name);
            if !path.exists() {
                std::fs::File::create(path)
                    .unwrap()
                    .write_all(text.as_bytes())
                    .unwrap();
            }
        }
        Router::new().nest_service("/files", ServeDir::new(folder))
    };
    let requests = vec![
        get_request("/files/"),
        get_request("/files/sub/data.txt"),
        get_request("/files/sub/data.txt").header("range", "bytes=2-4"),
        get_request("/files/sub/data.txt").header("range", "bytes=20-"),
        get_request("/files/sub/data.txt")
            .header("if-modified-since", "Fri, 31 Dec 2100 23:59:59 GMT"),
        Sent::new("HEAD", "/files/sub/data.txt"),
        get_request("/files/missing"),
        post_request("/files/").body("text/plain", "x"),
    ];
    App { router, requests }
}

/// Limits on request bodies, by axum and by tower-http.
pub(crate) fn body_limits() -> App {
    async fn length(body: String) -> String {
        body.len().to_string()
    }

    let router = || {
        Router::new()
            .route("/axum", post(length).layer(DefaultBodyLimit::max(10)))
            .route("/tower", post(length).layer(RequestBodyLimitLayer::new(10)))
    };
    let requests = ["/axum", "/tower"].map(|target| {
        [
            post_request(target).body("text/plain", "0123456789"),
            post_request(target).body("text/plain", "0123456789a"),
        ]
    });
    let requests = requests.into_iter().flatten().collect();
    App { router, requests }
}

/// Request ids, set and sent back by tower-http.
pub(crate) fn request_ids() -> App {
    #[derive(Clone)]
    struct Fixed;

    impl MakeRequestId for Fixed {
        fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
            Some(RequestId::new(HeaderValue::from_static("generated")))
        }
    }

    let router = || {
        let name = HeaderName::from_static("x-correlation-id");
        Router::new()
            .route("/", get(|| async { "ok" }))
            .layer(PropagateRequestIdLayer::new(name.clone()))
            .layer(SetRequestIdLayer::new(name, Fixed))
    };
    let requests = vec![
        get_request("/"),
        get_request("/").header("x-correlation-id", "from-the-client"),
    ];
    App { router, requests }
}

/// A layer around the whole router, which changes the path before routing.
pub(crate) fn normalized_paths() -> App {
    let router = || {
        let inner = Router::new().route("/page", get(|| async { "page" }));
        let service = NormalizePathLayer::trim_trailing_slash().layer(inner);
        // `anyhost::run` and `axum::serve` accept a router, and `fallback_service` makes a router of any service.
        Router::new().fallback_service(service)
    };
    let requests = vec![
        get_request("/page"),
        get_request("/page/"),
        get_request("/nowhere/"),
    ];
    App { router, requests }
}
