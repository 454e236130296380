//! A login with a signed cookie: the client can read the cookie, but not change it.
//!
//! `curl -i -X POST http://localhost:3000/login -d name=Ada`, then `curl -H 'Cookie: user=…' http://localhost:3000/`

use std::process::ExitCode;

use anyhost::cookie::{Cookie, Key, SameSite};
use anyhost::{Error, IntoResponse, Redirect, Request, RequestExt, Result, Router};

#[derive(serde::Deserialize)]
struct Login {
    name: String,
}

async fn login(mut request: Request) -> Result<impl IntoResponse> {
    // A real program checks a password here.
    let Login { name } = request.form().await?;
    let key = request.state::<Key>()?;
    let base_path = request.context().base_path().to_owned();
    let mut jar = request.cookies();
    let user = Cookie::build(("user", name))
        .path("/")
        .http_only(true)
        .secure(true);
    jar.signed_mut(&key).add(user.same_site(SameSite::Lax));
    Ok((jar, Redirect::to(format!("{base_path}/"))))
}

async fn logout(request: Request) -> impl IntoResponse {
    let mut jar = request.cookies();
    jar.remove(Cookie::build("user").path("/"));
    (jar, "Goodbye!")
}

async fn home(request: Request) -> Result<String> {
    let key = request.state::<Key>()?;
    let user = request.cookies().signed(&key).get("user");
    let user = user.ok_or_else(|| Error::new(401, "Not logged in"))?;
    Ok(format!("Hello, {}!", user.value()))
}

fn app(key: Key) -> Router {
    Router::new()
        .get("/", home)
        .post("/login", login)
        .post("/logout", logout)
        .with_state(key)
}

/// The key comes from a secret of the deployment, so that all processes accept the same cookies. A key that is
/// generated at the start ends all logins at each restart.
fn key() -> Result<Key> {
    match std::env::var("COOKIE_KEY") {
        Ok(secret) => Ok(Key::try_from(secret.as_bytes())?),
        Err(_) => Ok(Key::generate()),
    }
}

fn main() -> ExitCode {
    anyhost::run_with(async || key().map(app))
}

#[cfg(test)]
mod tests {
    use anyhost::Body;
    use anyhost::cookie::Key;
    use anyhost::http::{Request, header};
    use anyhost_conformance::local_hosts;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_login_is_valid_on_every_host_until_the_cookie_is_changed() {
        for host in local_hosts(super::app(Key::generate())).await {
            let name = &host.profile().name;
            let login = Request::post("/login").body("name=Ada%20L.".into());
            let response = host.send(login.unwrap()).await.unwrap();
            assert_eq!(response.status(), 303, "{name}");
            let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
            let (cookie, attributes) = cookie.split_once("; ").unwrap();
            assert_eq!(
                attributes, "HttpOnly; SameSite=Lax; Secure; Path=/",
                "{name}"
            );

            let home = |cookie: String| {
                let request = Request::get("/").header(header::COOKIE, cookie);
                host.send(request.body(Body::empty()).unwrap())
            };
            let response = home(cookie.to_owned()).await.unwrap();
            assert_eq!(response.status(), 200, "{name}");
            let response = home(cookie.replace("Ada", "Bob")).await.unwrap();
            assert_eq!(response.status(), 401, "{name}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_logout_expires_the_cookie_on_every_host() {
        for host in local_hosts(super::app(Key::generate())).await {
            let logout = Request::post("/logout").header(header::COOKIE, "user=x");
            let response = host
                .send(logout.body(Body::empty()).unwrap())
                .await
                .unwrap();
            let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
            assert!(cookie.starts_with("user=; Path=/; Max-Age=0; "), "{cookie}");
        }
    }
}
