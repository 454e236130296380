//! Static files with `ServeDir` of the crate `tower-http`: ranges, conditional requests, directories, and a
//! single-page application.
//!
//! `FOLDER=docs cargo run -p anyhost-examples-kit --example static_files`, then
//! `curl -i http://localhost:3000/files/`

use std::path::Path;
use std::process::ExitCode;

use anyhost::http::header::{HeaderValue, LOCATION};
use anyhost::{Next, Request, RequestExt, Response, Result, Router, with_middleware};
use tower_http::services::{ServeDir, ServeFile};

/// `ServeDir` redirects `/files/docs` to `/files/docs/`. It sees only the path below the prefix, so this function adds
/// the prefix to the redirect. On a host that removes a prefix itself, such as CGI, the base path includes both.
async fn redirect_below_base_path(request: Request, next: Next) -> Result<Response> {
    let base_path = request.context().base_path().to_owned();
    let mut response = next.run(request).await?;
    if let Some(location) = response.headers().get(LOCATION) {
        let location = format!("{base_path}{}", location.to_str()?);
        response
            .headers_mut()
            .insert(LOCATION, HeaderValue::try_from(location)?);
    }
    Ok(response)
}

fn app(folder: &Path) -> Router {
    let files = ServeDir::new(folder);
    // A single-page application selects the page in the browser, so unknown paths get `index.html` with status 200.
    let index = ServeFile::new(folder.join("index.html"));
    let pages = ServeDir::new(folder).fallback(index);
    Router::new()
        .nest("/files", with_middleware(redirect_below_base_path, files))
        .nest("/app", pages)
}

fn main() -> ExitCode {
    let folder = std::env::var_os("FOLDER").unwrap_or_else(|| ".".into());
    anyhost::run(app(Path::new(&folder)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anyhost::http::{Method, Request};
    use anyhost_examples_kit::{Client, everywhere, header, text};
    use tempfile::TempDir;

    fn site() -> TempDir {
        let outside = tempfile::tempdir().unwrap();
        let site = outside.path().join("site");
        fs::create_dir_all(site.join("docs")).unwrap();
        for (name, content) in [
            ("../secret.txt", "secret"),
            ("index.html", "<h1>Home</h1>"),
            ("app.js", "start()"),
            ("hello.txt", "Hello, world!"),
            ("docs/index.html", "<h1>Docs</h1>"),
        ] {
            fs::write(site.join(name), content).unwrap();
        }
        outside
    }

    async fn clients(outside: &TempDir) -> Vec<Client> {
        let site = outside.path().join("site");
        everywhere(|| super::app(&site)).await
    }

    fn get(target: &str, name: &str, value: &str) -> Request<&'static str> {
        Request::get(target).header(name, value).body("").unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_has_a_type_and_validators_and_head_has_the_same_headers_without_a_body() {
        let site = site();
        for client in clients(&site).await {
            let file = client.get("/files/hello.txt").await;
            assert_eq!(
                (file.status().as_u16(), text(&file)),
                (200, "Hello, world!"),
                "{client}"
            );
            assert_eq!(
                header(&file, "content-type"),
                Some("text/plain"),
                "{client}"
            );
            assert_eq!(header(&file, "accept-ranges"), Some("bytes"), "{client}");
            assert!(header(&file, "last-modified").is_some(), "{client}");
            assert!(header(&file, "etag").is_some(), "{client}");

            let request = Request::head("/files/hello.txt").body("").unwrap();
            let head = client.send(request).await;
            assert_eq!((head.status().as_u16(), text(&head)), (200, ""), "{client}");
            assert_eq!(header(&head, "etag"), header(&file, "etag"), "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_conditional_request_for_an_unchanged_file_gets_a_304() {
        let site = site();
        for client in clients(&site).await {
            let file = client.get("/files/hello.txt").await;
            let etag = header(&file, "etag").unwrap();
            let modified = header(&file, "last-modified").unwrap();
            for (name, value, status) in [
                ("if-none-match", etag, 304),
                ("if-none-match", "\"other\"", 200),
                ("if-modified-since", modified, 304),
                ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
                ("if-match", "\"other\"", 412),
            ] {
                let response = client.send(get("/files/hello.txt", name, value)).await;
                assert_eq!(response.status(), status, "{client} {name}: {value}");
                if status == 304 {
                    assert_eq!(header(&response, "etag"), Some(etag), "{client}");
                    assert_eq!(text(&response), "", "{client}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_range_gets_a_206_and_a_range_after_the_end_gets_a_416() {
        let site = site();
        for client in clients(&site).await {
            let part = client
                .send(get("/files/hello.txt", "range", "bytes=7-11"))
                .await;
            assert_eq!(
                (part.status().as_u16(), text(&part)),
                (206, "world"),
                "{client}"
            );
            assert_eq!(
                header(&part, "content-range"),
                Some("bytes 7-11/13"),
                "{client}"
            );

            let beyond = client
                .send(get("/files/hello.txt", "range", "bytes=13-"))
                .await;
            assert_eq!(beyond.status(), 416, "{client}");
            assert_eq!(
                header(&beyond, "content-range"),
                Some("bytes */13"),
                "{client}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_path_cannot_leave_the_folder() {
        let site = site();
        for client in clients(&site).await {
            for path in [
                "/files/../secret.txt",
                "/files/%2e%2e/secret.txt",
                "/files/..%2Fsecret.txt",
                "/files/docs%2F..%2F..%2Fsecret.txt",
                "/files/..%5Csecret.txt",
                "/files/%2Fetc%2Fpasswd",
                "/files//etc/passwd",
                "/files/hello.txt%00.html",
                "/files/hello.txt/",
            ] {
                let response = client.get(path).await;
                assert_eq!(response.status(), 404, "{client} {path}");
                assert_ne!(text(&response), "secret", "{client} {path}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_redirects_below_the_base_path_and_serves_its_index() {
        let site = site();
        for client in clients(&site).await {
            let redirect = client.get("/files/docs").await;
            assert_eq!(redirect.status(), 307, "{client}");
            let expected = format!("{}/files/docs/", client.base_path());
            assert_eq!(header(&redirect, "location"), Some(&*expected), "{client}");

            let index = client.get("/files/docs/").await;
            assert_eq!(
                (index.status().as_u16(), text(&index)),
                (200, "<h1>Docs</h1>"),
                "{client}"
            );
            assert_eq!(
                header(&index, "content-type"),
                Some("text/html"),
                "{client}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_unknown_path_of_a_single_page_application_gets_its_index() {
        let site = site();
        for client in clients(&site).await {
            for (path, body) in [
                ("/app", "<h1>Home</h1>"),
                ("/app/users/7?tab=mail", "<h1>Home</h1>"),
                ("/app/app.js", "start()"),
            ] {
                let response = client.get(path).await;
                assert_eq!(
                    (response.status().as_u16(), text(&response)),
                    (200, body),
                    "{client} {path}"
                );
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_accepts_only_get_and_head() {
        let site = site();
        for client in clients(&site).await {
            let mut request = Request::new("");
            *request.method_mut() = Method::POST;
            *request.uri_mut() = "/files/hello.txt".parse().unwrap();
            let response = client.send(request).await;
            assert_eq!(response.status(), 405, "{client}");
            assert_eq!(header(&response, "allow"), Some("GET,HEAD"), "{client}");
        }
    }
}
