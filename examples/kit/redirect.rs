//! Redirects that keep working if the host serves the application below a base path, such as `/cgi-bin/app`.
//!
//! `curl -i -X POST http://localhost:3000/articles`

use std::process::ExitCode;

use anyhost::{Redirect, Request, RequestExt, Router};

/// 303: the client requests the new URL with GET. A path in a redirect begins with the base path.
async fn create(request: Request) -> Redirect {
    Redirect::to(format!("{}/articles/1", request.context().base_path()))
}

/// 308: the client sends the same request to the new URL. This URL is relative to the URL of the request, so it needs no
/// base path.
async fn old() -> Redirect {
    Redirect::permanent("articles")
}

fn app() -> Router {
    Router::new()
        .post("/articles", create)
        .any("/posts", old)
        .get("/articles/{id}", || "an article")
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::Body;
    use anyhost::http::{Method, Request};
    use anyhost_conformance::local_hosts;

    #[tokio::test(flavor = "multi_thread")]
    async fn redirects_begin_with_the_base_path_on_every_host() {
        for host in local_hosts(super::app()).await {
            let base_path = &host.profile().base_path;
            let created = format!("{base_path}/articles/1");
            for (method, path, status, location) in [
                (Method::POST, "/articles", 303, created.as_str()),
                (Method::PUT, "/posts", 308, "articles"),
            ] {
                let request = Request::builder().method(method).uri(path);
                let request = request.body(Body::empty()).unwrap();
                let response = host.send(request).await.unwrap();
                let name = &host.profile().name;
                assert_eq!(response.status(), status, "{name}");
                assert_eq!(response.headers()["location"], location, "{name}");
            }
        }
    }
}
