//! Cookies: read from requests, set and removed in responses, signed and encrypted.
#![cfg(all(feature = "cookies", feature = "testing"))]

use anyhost_core::cookie::{Cookie, CookieJar, Key, SameSite, time::Duration};
use anyhost_core::http::StatusCode;
use anyhost_core::testing::{Client, TestResponse};
use anyhost_core::{IntoResponse, Request, RequestExt, Response, Result};

/// The names and values that a handler sees, sorted by name.
async fn seen(header: &'static [u8]) -> String {
    let list = |request: Request| async move {
        let jar = request.cookies();
        let cookies = jar.iter();
        let cookies = cookies.map(|cookie| format!("{}={}", cookie.name(), cookie.value()));
        let mut cookies: Vec<_> = cookies.collect();
        cookies.sort();
        cookies.join("|")
    };
    let value = anyhost_core::http::HeaderValue::from_bytes(header).unwrap();
    let response = Client::new(list).get("/").header("cookie", value).await;
    response.text().await.unwrap()
}

fn set_cookies(response: &TestResponse) -> Vec<&str> {
    let values = response.headers().get_all("set-cookie").iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_handler_reads_all_cookies_of_a_request() {
    assert_eq!(seen(b"a=1; b=2;c=3").await, "a=1|b=2|c=3");
    assert_eq!(
        seen(b"a=one%20two; q=\"x\"; e=").await,
        "a=one two|e=|q=\"x\""
    );
}

/// Browsers accept cookies whose names begin with `__Host-` only from the host itself. Other sites of the domain can set cookies
/// with encoded names.
#[tokio::test]
async fn the_name_of_a_cookie_is_not_decoded() {
    assert_eq!(
        seen(b"__Host%2Ds=evil; __Host-s=good; a%20b=1").await,
        "__Host%2Ds=evil|__Host-s=good|a%20b=1"
    );
}

#[tokio::test]
async fn a_cookie_whose_name_would_have_to_be_encoded_is_a_500() {
    for name in ["", "a b", "a=b", "a;b", "a\r\nx", "é", "a%20b", "\0"] {
        let handler = move || async move {
            let mut jar = CookieJar::new();
            jar.add((name, "1"));
            (jar, "x")
        };
        let response = Client::new(handler).get("/").await;
        assert_eq!(response.status(), 500, "{name:?}");
        assert_eq!(response.header("set-cookie"), None);
    }
}

/// RFC 6265 §5.4: a browser sends the cookie with the longer path first.
#[tokio::test]
async fn the_first_of_two_cookies_with_the_same_name_counts() {
    assert_eq!(seen(b"a=1; a=2").await, "a=1");
}

#[tokio::test]
async fn an_invalid_cookie_does_not_hide_the_valid_cookies() {
    assert_eq!(seen(b"bad; =x; \xff=1; a=\xfe; ; b=%ff; c=3;").await, "c=3");
    assert_eq!(seen(b";;;===").await, "");
}

#[tokio::test]
async fn each_changed_cookie_becomes_a_set_cookie_header_and_unchanged_cookies_do_not() {
    let handler = |request: Request| async move {
        let mut jar = request.cookies();
        jar.add(
            Cookie::build(("b", "x; y\r\nz"))
                .path("/")
                .http_only(true)
                .secure(true)
                .same_site(SameSite::Lax)
                .max_age(Duration::hours(1)),
        );
        jar.add(("a", "2"));
        (StatusCode::CREATED, (jar, "done"))
    };
    let response = Client::new(handler)
        .get("/")
        .header("cookie", "a=1; kept=1")
        .await;
    assert_eq!(response.status(), 201);
    assert_eq!(
        set_cookies(&response),
        [
            "a=2",
            "b=x%3B%20y%0D%0Az; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"
        ]
    );
    assert_eq!(response.text().await.unwrap(), "done");
}

#[tokio::test]
async fn removing_a_cookie_that_the_client_sent_expires_it_in_the_client() {
    let handler = |request: Request| async move {
        let mut jar = request.cookies();
        jar.remove(Cookie::build("a").path("/"));
        jar.remove("unknown");
        (jar, ())
    };
    let response = Client::new(handler).get("/").header("cookie", "a=1").await;
    let cookies = set_cookies(&response);
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert!(
        cookies[0].starts_with("a=; Path=/; Max-Age=0; Expires="),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn the_cookies_of_a_complete_response_are_kept() {
    let handler = || async {
        let mut jar = CookieJar::new();
        jar.add(("b", "2"));
        let response: Result<Response> = ([("set-cookie", "a=1")], "x").into_response();
        (jar, response)
    };
    let response = Client::new(handler).get("/").await;
    assert_eq!(set_cookies(&response), ["a=1", "b=2"]);
}

#[tokio::test]
async fn a_path_or_domain_that_would_add_an_attribute_or_a_header_is_a_500() {
    for text in ["/; Domain=evil", "/\r\nx: y", "/\n", "/\0"] {
        for domain in [false, true] {
            let handler = move || async move {
                let cookie = Cookie::build(("a", "1"));
                let cookie = match domain {
                    true => cookie.domain(text),
                    false => cookie.path(text),
                };
                let mut jar = CookieJar::new();
                jar.add(cookie);
                (jar, "x")
            };
            let response = Client::new(handler).get("/").await;
            assert_eq!(response.status(), 500, "{text:?}");
            assert_eq!(response.header("set-cookie"), None);
        }
    }
}

/// Sends the value of the cookie `user` back, if its signature and its encryption are valid.
async fn protected(request: Request, key: Key, private: bool) -> String {
    let jar = request.cookies();
    let user = match private {
        true => jar.private(&key).get("user"),
        false => jar.signed(&key).get("user"),
    };
    user.map_or("none".to_owned(), |user| user.value().to_owned())
}

#[tokio::test]
async fn a_signed_or_private_cookie_is_rejected_after_any_change() {
    let key = Key::generate();
    for private in [false, true] {
        let set_key = key.clone();
        let set = move || {
            let mut jar = CookieJar::new();
            match private {
                true => jar.private_mut(&set_key).add(("user", "ada")),
                false => jar.signed_mut(&set_key).add(("user", "ada")),
            }
            (jar, "x")
        };
        let response = Client::new(set).get("/").await;
        let cookie = set_cookies(&response)[0].to_owned();
        assert_eq!(cookie.contains("ada"), !private, "{cookie}");

        let get_key = key.clone();
        let get = move |request: Request| protected(request, get_key.clone(), private);
        let client = Client::new(get);
        let mut tampered: Vec<String> = (0..cookie.len() - "user=".len())
            .map(|at| {
                let mut bytes = cookie.clone().into_bytes();
                let at = at + "user=".len();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                String::from_utf8(bytes).unwrap()
            })
            .collect();
        tampered.push("user=ada".to_owned());
        tampered.push("user=".to_owned());
        tampered.push(cookie.replace("user=", "admin="));
        for value in tampered {
            let response = client.get("/").header("cookie", value.as_str()).await;
            assert_eq!(response.text().await.unwrap(), "none", "{value}");
        }
        let response = client.get("/").header("cookie", cookie.as_str()).await;
        assert_eq!(response.text().await.unwrap(), "ada");
    }
}

#[tokio::test]
async fn a_cookie_that_was_signed_with_another_key_is_rejected() {
    let mut jar = CookieJar::new();
    jar.signed_mut(&Key::generate()).add(("user", "ada"));
    let cookie = jar.get("user").unwrap().encoded().to_string();
    let key = Key::generate();
    let get = move |request: Request| protected(request, key.clone(), false);
    let response = Client::new(get)
        .get("/")
        .header("cookie", cookie.as_str())
        .await;
    assert_eq!(response.text().await.unwrap(), "none");
}
