//! Sessions with the crate `tower-sessions`. The client gets a cookie with a random id; the data of the session stays
//! in a store.
//!
//! `MemoryStore` belongs to one process, so it fits a single standalone server. Lambda runs several processes, CGI
//! starts one for each request, and a restart loses the memory: use a store for a database there, such as
//! `tower-sessions-sqlx-store`, or implement `SessionStore`, as the example `shortener` does for SQLite.
//!
//! `curl -i -c cookies -b cookies http://localhost:3000/` twice.

use std::process::ExitCode;

use anyhost::tower::layer;
use anyhost::{Error, Handler, Request, Result, Router};
use tower_sessions::cookie::SameSite;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

async fn visits(request: Request) -> Result<String> {
    let session = session(&request)?;
    let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
    session.insert("visits", visits).await?;
    Ok(format!("visit {visits}"))
}

/// Deletes the session and its cookie.
async fn log_out(request: Request) -> Result<&'static str> {
    session(&request)?.flush().await?;
    Ok("logged out")
}

fn session(request: &Request) -> Result<&Session> {
    let session = request.extensions().get::<Session>();
    session.ok_or_else(|| Error::new(500, "The application has no session layer"))
}

fn app() -> impl Handler {
    // The cookie is `Secure` by default: browsers send it over HTTPS, and to http://localhost.
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_same_site(SameSite::Lax);
    let routes = Router::new().get("/", visits).post("/log-out", log_out);
    layer(sessions, routes)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_examples_kit::{everywhere, header, text};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_counts_the_visits_of_one_client_until_it_logs_out() {
        for client in everywhere(super::app).await {
            let first = client.get("/").await;
            assert_eq!(text(&first), "visit 1", "{client}");
            let cookie = header(&first, "set-cookie").unwrap().to_owned();
            for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
                assert!(cookie.contains(attribute), "{client} {cookie}");
            }
            let cookie = cookie.split(';').next().unwrap();
            let with_cookie = |method: &str, target: &str| {
                let request = Request::builder().method(method).uri(target);
                request.header("cookie", cookie).body("").unwrap()
            };
            let second = client.send(with_cookie("GET", "/")).await;
            assert_eq!(text(&second), "visit 2", "{client}");
            assert_eq!(
                text(&client.get("/").await),
                "visit 1",
                "another client of {client}"
            );

            let response = client.send(with_cookie("POST", "/log-out")).await;
            let removal = header(&response, "set-cookie").unwrap();
            assert!(removal.contains("Max-Age=0"), "{client} {removal}");
            let after = client.send(with_cookie("GET", "/")).await;
            assert_eq!(text(&after), "visit 1", "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_invented_session_id_gets_a_new_session() {
        for client in everywhere(super::app).await {
            for cookie in ["id=AAAAAAAAAAAAAAAAAAAAAA", "id=no+id", "id=", "other"] {
                let request = Request::get("/").header("cookie", cookie).body("").unwrap();
                let response = client.send(request).await;
                assert_eq!(text(&response), "visit 1", "{client} {cookie}");
                let new = header(&response, "set-cookie").unwrap();
                assert!(!new.starts_with(&format!("{cookie};")), "{client} {new}");
            }
        }
    }
}
