//! The routes of `routes.js`, as a user of anyhost writes them.

use std::collections::BTreeMap;

use anyhost::{Error, Json, Request, RequestExt, Result, Router, send};
use serde_json::{Value, json};

pub(crate) fn routes() -> Router {
    let api = Router::new()
        .get("/", || "api")
        .get("/users/{id}", |request: Request| say("user", request, "id"));
    let inner = Router::new().get("/deep", || "deep");
    Router::new()
        .get("/next", || "next")
        .get("/", || "home")
        .post("/", |mut request: Request| async move {
            request.json::<Value>().await
        })
        .get("/plain", || "plain")
        .get("/hello/{name}", |request: Request| {
            say("Hello", request, "name")
        })
        .post("/hello/{name}", |request: Request| {
            say("Posted", request, "name")
        })
        .get("/users/{user}/posts/{post}", user_and_post)
        .get("/search", |request: Request| {
            Ok::<_, Error>(Json(request.query::<BTreeMap<String, String>>()?))
        })
        .get("/tags", tags)
        .get("/lang", || "lang none")
        .get("/lang/{lang}", |request: Request| {
            say("lang", request, "lang")
        })
        .get("/files/{*path}", |request: Request| {
            say("file", request, "path")
        })
        .get("/middle/{*path}", middle)
        .get("/named/{file}", |request: Request| {
            pair(&request, "file", '.')
        })
        .get("/range/{range}", |request: Request| {
            pair(&request, "range", '-')
        })
        .get("/typed/{id}", |request: Request| request.param::<u32>("id"))
        .get("/order/{id}", |request: Request| {
            say("order", request, "id")
        })
        .get("/order/new", || "new order")
        .get("/falsy/empty", || "")
        .get("/falsy/zero", || 0)
        .get("/falsy/null", || ())
        .get("/sent", || send(202, json!({"sent": true})))
        .get("/error", || Error::new(409, "Taken"))
        .put("/item", || "put")
        .patch("/item", || "patched")
        .delete("/item", || "deleted")
        .on(anyhost::http::Method::HEAD, "/item", || "head")
        .options("/item", || "options")
        .get("/caf%C3%A9", || "coffee")
        .nest("/api/v1", api.nest("/inner", inner))
        .merge(Router::new().get("/sub", || "sub"))
}

/// The same routes, with a response for all other paths.
pub(crate) fn site() -> Router {
    routes().fallback(|| send(404, "Nothing here"))
}

fn say(word: &str, request: Request, name: &str) -> Result<String> {
    Ok(format!("{word} {}", request.param::<String>(name)?))
}

fn user_and_post(request: Request) -> Result<String> {
    let user: String = request.param("user")?;
    let post: String = request.param("post")?;
    Ok(format!("{user} {post}"))
}

#[derive(serde::Deserialize)]
struct Tags {
    #[serde(default)]
    tag: Vec<String>,
}

fn tags(request: Request) -> Result<Json<Vec<String>>> {
    Ok(Json(request.query::<Tags>()?.tag))
}

/// A wildcard stands at the end of a path. The handler checks what follows it.
fn middle(request: Request) -> Result<String> {
    let path: String = request.param("path")?;
    match path.strip_suffix("/end") {
        Some(middle) => Ok(format!("middle {middle}")),
        None => Err(Error::new(404, "Nothing here")),
    }
}

/// A segment has one parameter. The handler splits its value at the last separator.
fn pair(request: &Request, name: &str, separator: char) -> Result<String> {
    let value: String = request.param(name)?;
    match value.rsplit_once(separator) {
        Some((first, second)) => Ok(format!("{first} {second}")),
        None => Err(Error::new(404, "Nothing here")),
    }
}
