//! ETags and conditional requests: a client that already has a page gets a 304 response without a body.
//!
//! `curl -i http://localhost:3000/`, then the same with `-H 'If-None-Match: …'` and the ETag of the response

use std::process::ExitCode;

use anyhost::{Handler, Router, conditional, with_middleware};

fn app() -> impl Handler {
    let routes = Router::new()
        // The middleware makes the ETag from the body.
        .get("/", || "Hello, world!")
        // A handler that knows a version sends its own ETag.
        .get("/report", || ([("etag", "\"v7\"")], "the report"));
    with_middleware(conditional, routes)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::Body;
    use anyhost::http::Request;
    use anyhost_conformance::local_hosts;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_that_the_client_has_is_not_sent_again_on_any_host() {
        for host in local_hosts(super::app()).await {
            let name = &host.profile().name;
            for path in ["/", "/report"] {
                let request = Request::get(path).body(Body::empty()).unwrap();
                let response = host.send(request).await.unwrap();
                let etag = response.headers()["etag"].clone();
                for (tag, status) in [(etag.to_str().unwrap(), 304), ("\"other\"", 200)] {
                    let request = Request::get(path).header("if-none-match", tag);
                    let request = request.body(Body::empty()).unwrap();
                    let response = host.send(request).await.unwrap();
                    assert_eq!(response.status(), status, "{name} {path}");
                    assert_eq!(response.headers()["etag"], etag, "{name} {path}");
                }
            }
        }
    }
}
