//! The application on every host that runs inside a test.

use anyhost::http::Request;
use anyhost_examples_kit::{Client, everywhere, header, text};
use serde_json::{Value, json};
use tempfile::TempDir;

async fn clients(folder: &TempDir) -> Vec<Client> {
    let database = folder.path().join("links.db");
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
    everywhere(|| shortener::app(&database, files.as_ref()).unwrap()).await
}

fn post(target: &str, body: impl Into<String>) -> Request<String> {
    Request::post(target).body(body.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_made_with_the_api_redirects_and_counts_its_visits() {
    let folder = tempfile::tempdir().unwrap();
    for client in clients(&folder).await {
        let url = "https://example.com/a?b=1";
        let created = post("/api/links", json!({"url": url}).to_string());
        let created = client.send(created).await;
        assert_eq!(created.status(), 201, "{client}");
        let created: Value = serde_json::from_slice(created.body()).unwrap();
        let code = created["code"].as_str().unwrap();
        assert_eq!(created, json!({"code": code, "url": url, "visits": 0}));
        let redirect = client.get(&format!("/{code}")).await;
        assert_eq!(redirect.status(), 307, "{client}");
        assert_eq!(header(&redirect, "location"), Some(url), "{client}");
        // A server sends the response before it counts the visit.
        let link = format!("/api/links/{code}");
        while text(&client.get(&link).await).contains("\"visits\":0") {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_url_is_a_422_and_an_unknown_code_is_a_404() {
    let folder = tempfile::tempdir().unwrap();
    for client in clients(&folder).await {
        for url in ["javascript:alert(1)", "/a", "ftp://a.example", ""] {
            let request = post("/api/links", json!({"url": url}).to_string());
            assert_eq!(client.send(request).await.status(), 422, "{client} {url}");
        }
        for path in ["/unknown", "/api/links/unknown", "/static/..%2FCargo.toml"] {
            assert_eq!(client.get(path).await.status(), 404, "{client} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lists_only_the_links_of_its_session() {
    let folder = tempfile::tempdir().unwrap();
    for client in clients(&folder).await {
        let form = "url=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2";
        let created = client.send(post("/links", form)).await;
        assert_eq!(created.status(), 303, "{client}");
        let home = format!("{}/", client.base_path());
        assert_eq!(header(&created, "location"), Some(&*home), "{client}");
        let cookie = header(&created, "set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap();

        let mine = Request::get("/").header("cookie", cookie);
        let mine = client.send(mine.body("").unwrap()).await;
        assert!(text(&mine).contains("?a=1&amp;b=2 (0 visits)"), "{client}");
        assert!(!text(&client.get("/").await).contains("visits"), "{client}");
        assert_eq!(client.get("/static/style.css").await.status(), 200);
    }
}
