//! Applications that use axum's routing, extractors and responses.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use anyhost_conformance::Need::ResponseHeaderOrder;
use axum::body::{Body, Bytes};
use axum::extract::{Multipart, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::App;
use crate::request::{Sent, get as get_request, post as post_request};

/// State, raw bodies, and 404 from a handler.
pub(crate) fn key_value_store() -> App {
    type Store = Arc<Mutex<HashMap<String, Bytes>>>;

    async fn load(
        Path(key): Path<String>,
        State(store): State<Store>,
    ) -> Result<Bytes, StatusCode> {
        let found = store.lock().unwrap().get(&key).cloned();
        found.ok_or(StatusCode::NOT_FOUND)
    }

    async fn save(Path(key): Path<String>, State(store): State<Store>, value: Bytes) -> StatusCode {
        store.lock().unwrap().insert(key, value);
        StatusCode::NO_CONTENT
    }

    async fn keys(State(store): State<Store>) -> String {
        let mut keys: Vec<_> = store.lock().unwrap().keys().cloned().collect();
        keys.sort();
        keys.join("\n")
    }

    let router = || {
        Router::new()
            .route("/keys", get(keys))
            .route("/{key}", get(load).put(save))
            .with_state(Store::default())
    };
    let save = |target, value: &'static str| {
        Sent::new("PUT", target).body("application/octet-stream", value)
    };
    let requests = vec![
        get_request("/a"),
        save("/a", "one"),
        save("/b", ""),
        get_request("/a"),
        get_request("/b"),
        get_request("/keys"),
        Sent::new("HEAD", "/a"),
    ];
    App { router, requests }
}

/// JSON in both directions, created resources, and rejections of the JSON extractor.
pub(crate) fn todo_list() -> App {
    #[derive(Clone, Deserialize, Serialize)]
    struct Todo {
        text: String,
        #[serde(default)]
        done: bool,
    }
    type Todos = Arc<Mutex<Vec<Todo>>>;

    async fn create(State(todos): State<Todos>, Json(todo): Json<Todo>) -> impl IntoResponse {
        let mut todos = todos.lock().unwrap();
        todos.push(todo.clone());
        let location = format!("/todos/{}", todos.len());
        (
            StatusCode::CREATED,
            [(header::LOCATION, location)],
            Json(todo),
        )
    }

    async fn list(State(todos): State<Todos>) -> Json<Value> {
        Json(json!({ "todos": *todos.lock().unwrap() }))
    }

    let router = || {
        let todos = get(list).post(create);
        Router::new()
            .route("/todos", todos)
            .with_state(Todos::default())
    };
    let requests = vec![
        post_request("/todos").json(r#"{"text":"write"}"#),
        post_request("/todos").json(r#"{"text":"tests","done":true}"#),
        get_request("/todos"),
        post_request("/todos").json("{"),
        post_request("/todos").json(r#"{"text":1}"#),
        post_request("/todos").body("text/plain", "{}"),
    ];
    App { router, requests }
}

/// A form page, and its submission.
pub(crate) fn form() -> App {
    #[derive(Deserialize)]
    struct Input {
        name: String,
        email: Option<String>,
    }

    async fn page() -> Html<&'static str> {
        Html("<form method=post><input name=name><input name=email></form>")
    }

    async fn submit(Form(input): Form<Input>) -> Html<String> {
        Html(format!("{} {:?}", input.name, input.email))
    }

    let router = || Router::new().route("/", get(page).post(submit));
    let requests = vec![
        get_request("/"),
        post_request("/").form("name=Ada+Lovelace&email=ada%40example.com"),
        post_request("/").form("name=caf%C3%A9"),
        post_request("/").form("email=nobody"),
        post_request("/"),
    ];
    App { router, requests }
}

/// Extractors for the path and the query, and their rejections.
pub(crate) fn typed_queries_and_paths() -> App {
    #[derive(Deserialize)]
    struct Page {
        page: Option<u32>,
        tag: Option<String>,
    }

    async fn items(Path((shop, id)): Path<(String, u32)>, Query(query): Query<Page>) -> String {
        format!("{shop:?} {id} {:?} {:?}", query.page, query.tag)
    }

    async fn files(Path(rest): Path<String>) -> String {
        rest
    }

    let router = || {
        Router::new()
            .nest("/api", Router::new().route("/{shop}/{id}", get(items)))
            .route("/files/{*rest}", get(files))
    };
    let requests = vec![
        get_request("/api/books/7?page=2&tag=a"),
        get_request("/api/books/7"),
        get_request("/api/books/seven"),
        get_request("/api/books/7?page=two"),
        get_request("/files/a/b.txt"),
        get_request("/files/"),
    ];
    App { router, requests }
}

/// An error type of the application, as a response.
pub(crate) fn errors_of_the_application() -> App {
    enum AppError {
        NotFound(u32),
        Internal(std::num::ParseIntError),
    }

    impl IntoResponse for AppError {
        fn into_response(self) -> Response {
            match self {
                Self::NotFound(id) => {
                    let body = Json(json!({ "error": format!("no item {id}") }));
                    (StatusCode::NOT_FOUND, body).into_response()
                }
                Self::Internal(error) => {
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    (status, format!("failed: {error}")).into_response()
                }
            }
        }
    }

    async fn item(Path(id): Path<String>) -> Result<Json<u32>, AppError> {
        let id: u32 = id.parse().map_err(AppError::Internal)?;
        match id {
            1 => Ok(Json(id)),
            id => Err(AppError::NotFound(id)),
        }
    }

    let router = || Router::new().route("/items/{id}", get(item));
    let requests = vec![
        get_request("/items/1"),
        get_request("/items/2"),
        get_request("/items/x"),
    ];
    App { router, requests }
}

/// Responses of the router itself.
pub(crate) fn fallbacks_and_methods() -> App {
    async fn fallback(uri: axum::http::Uri) -> (StatusCode, String) {
        (StatusCode::NOT_FOUND, format!("no page {}", uri.path()))
    }

    let router = || {
        Router::new()
            .route("/", get(|| async { "home" }).post(|| async { "posted" }))
            .route("/empty", get(|| async {}))
            .route(
                "/untyped",
                get(|| async { Response::new(Body::from("bytes")) }),
            )
            .fallback(fallback)
    };
    let requests = vec![
        get_request("/"),
        post_request("/"),
        Sent::new("DELETE", "/"),
        Sent::new("HEAD", "/"),
        get_request("/empty"),
        get_request("/untyped"),
        get_request("/nowhere"),
        Sent::new("PUT", "/nowhere").body("text/plain", "ignored"),
    ];
    App { router, requests }
}

/// Location and several Set-Cookie headers.
pub(crate) fn redirects_and_cookies() -> App {
    async fn login() -> impl IntoResponse {
        let cookies = AppendHeaders([
            (header::SET_COOKIE, "session=1; HttpOnly; Path=/"),
            (
                header::SET_COOKIE,
                "theme=dark; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
            ),
        ]);
        (cookies, Redirect::to("/account"))
    }

    async fn account(headers: HeaderMap) -> Result<String, Redirect> {
        match headers.get(header::COOKIE) {
            Some(cookie) => Ok(String::from_utf8_lossy(cookie.as_bytes()).into_owned()),
            None => Err(Redirect::temporary("/login")),
        }
    }

    let router = || {
        Router::new()
            .route("/login", post(login))
            .route("/account", get(account))
            .route("/old", get(|| async { Redirect::permanent("/account") }))
    };
    let requests = vec![
        post_request("/login")
            .form("name=ada")
            .needs(ResponseHeaderOrder),
        get_request("/account"),
        get_request("/account").header("cookie", "session=1; theme=dark"),
        get_request("/old"),
    ];
    App { router, requests }
}

/// A stream of events.
pub(crate) fn server_sent_events() -> App {
    async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
        let event = |n: u32| {
            Event::default()
                .id(n.to_string())
                .data(format!("event\n{n}"))
        };
        Sse::new(stream::iter((1..=3).map(move |n| Ok(event(n)))))
    }

    let router = || Router::new().route("/events", get(events));
    let requests = vec![get_request("/events"), Sent::new("HEAD", "/events")];
    App { router, requests }
}

/// A multipart form with a file.
pub(crate) fn multipart_upload() -> App {
    async fn upload(mut multipart: Multipart) -> Result<Json<BTreeMap<String, usize>>, Response> {
        let mut sizes = BTreeMap::new();
        loop {
            match multipart.next_field().await {
                Ok(Some(field)) => {
                    let name = field
                        .file_name()
                        .or(field.name())
                        .unwrap_or_default()
                        .to_owned();
                    let size = field
                        .bytes()
                        .await
                        .map_err(IntoResponse::into_response)?
                        .len();
                    sizes.insert(name, size);
                }
                Ok(None) => return Ok(Json(sizes)),
                Err(error) => return Err(error.into_response()),
            }
        }
    }

    const BODY: &str = "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nHello\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n0123456789\r\n--b--\r\n";
    const TYPE: &str = "multipart/form-data; boundary=b";
    let router = || Router::new().route("/", post(upload));
    let requests = vec![
        post_request("/").body(TYPE, BODY),
        post_request("/").body(TYPE, &BODY.as_bytes()[..100]),
        post_request("/").body("multipart/form-data", BODY),
    ];
    App { router, requests }
}
