//! Error types of an application with their own statuses.
#![cfg(feature = "testing")]

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use anyhost_core::testing::Client;
use anyhost_core::{
    BoxError, Context, Error, Handler, Host, Next, Request, RequestExt, Response, Result, Router,
    with_error_mapping, with_middleware,
};

/// An error of the application that implements `std::error::Error`.
#[derive(Debug)]
enum ShopError {
    SoldOut,
    Database(io::Error),
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SoldOut => "article 7 is sold out",
            Self::Database(_) => "the database failed",
        })
    }
}

impl std::error::Error for ShopError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::SoldOut => None,
            Self::Database(error) => Some(error),
        }
    }
}

fn to_client(error: &ShopError) -> Error {
    match error {
        ShopError::SoldOut => Error::new(409, "Sold out"),
        ShopError::Database(_) => Error::new(503, "Try again later")
            .with_header("retry-after".parse().unwrap(), "5".parse().unwrap()),
    }
}

fn sell(id: u32) -> Result<(), ShopError> {
    match id {
        1 => Err(ShopError::SoldOut),
        2 => Err(ShopError::Database(io::Error::other("no connection"))),
        _ => Ok(()),
    }
}

async fn buy(request: Request) -> Result<&'static str> {
    sell(request.param("id")?)?;
    Ok("sold")
}

/// An error type of the application without a mapping.
#[derive(Debug)]
struct Outer(ShopError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("order failed")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn app() -> impl Handler {
    let routes = Router::new()
        .get("/buy/{id}", buy)
        .get("/direct", || Err::<(), _>(ShopError::SoldOut))
        .get("/wrapped", || Err::<(), _>(Outer(ShopError::SoldOut)))
        .get("/other", || Err::<(), _>(io::Error::other("disk full")))
        .get("/chosen", || {
            Err::<(), _>(Error::new(410, "Gone").with_source(ShopError::SoldOut))
        });
    with_error_mapping(to_client, routes)
}

async fn error(target: &str) -> Error {
    let request = anyhost_core::http::Request::get(target);
    let result = app().handle(request.body("".into()).unwrap()).await;
    result.unwrap_err()
}

#[tokio::test]
async fn each_variant_of_an_error_type_that_implements_std_error_has_its_own_status_after_the_question_mark()
 {
    let client = Client::new(app());
    for (target, status, text) in [
        ("/buy/0", 200, "sold"),
        ("/buy/1", 409, "Sold out"),
        ("/buy/2", 503, "Try again later"),
        ("/buy/x", 400, "Invalid path parameter id: expected u32"),
        ("/direct", 409, "Sold out"),
        ("/wrapped", 409, "Sold out"),
        ("/other", 500, "Internal Server Error"),
        ("/chosen", 410, "Gone"),
    ] {
        let response = client.get(target).await;
        assert_eq!(response.status(), status, "{target}");
        assert_eq!(response.text().await.unwrap(), text, "{target}");
    }
    assert_eq!(client.get("/buy/2").await.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn a_mapped_error_keeps_the_original_error_with_its_sources_as_its_source() {
    let debug = format!("{:?}", error("/buy/2").await);
    assert_eq!(
        debug,
        "503 Try again later: the database failed: no connection"
    );
    assert!(error("/buy/2").await.downcast_ref::<io::Error>().is_some());
    let debug = format!("{:?}", error("/wrapped").await);
    assert_eq!(debug, "409 Sold out: order failed: article 7 is sold out");
}

#[tokio::test]
async fn middleware_and_development_mode_see_a_mapped_error_with_its_status_and_sources() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let errors = seen.clone();
    let watch = move |request: Request, next: Next| {
        let errors = errors.clone();
        async move {
            let result: Result<Response> = next.run(request).await;
            if let Err(error) = &result {
                errors.lock().unwrap().push(format!("{error:?}"));
            }
            result
        }
    };
    let context = Context::new(Host::IN_PROCESS).with_development(true);
    let client = Client::new(with_middleware(watch, app())).with_context(context);
    let response = client.get("/buy/2").await;
    assert_eq!(response.status(), 503);
    let text = response.text().await.unwrap();
    for part in [
        "503 Try again later",
        "the database failed",
        "no connection",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let expected = ["503 Try again later: the database failed: no connection"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[cfg(feature = "tower")]
#[tokio::test]
async fn a_tower_layer_around_the_mapping_sees_the_response_with_the_mapped_status() {
    let seen: Arc<Mutex<Vec<u16>>> = Arc::default();
    let statuses = seen.clone();
    let watch = tower::util::MapResponseLayer::new(move |response: Response| {
        statuses.lock().unwrap().push(response.status().as_u16());
        response
    });
    let client = Client::new(anyhost_core::tower::layer(watch, app()));
    assert_eq!(client.get("/buy/1").await.status(), 409);
    assert_eq!(*seen.lock().unwrap(), [409]);
}

#[tokio::test]
async fn boxed_errors_and_anyhow_errors_are_converted_with_from_boxed_and_keep_their_sources() {
    fn boxed() -> Result<(), BoxError> {
        Err("plain text".into())
    }
    fn any() -> anyhow::Result<()> {
        Err(anyhow::Error::new(io::Error::other("disk full")).context("report failed"))
    }
    fn own() -> Result<(), BoxError> {
        Err(Error::new(404, "No such page").into_boxed())
    }
    let handle = |result: Result<()>| format!("{:?}", result.unwrap_err());
    assert_eq!(
        handle(boxed().map_err(Error::from_boxed)),
        "500 Internal Server Error: plain text"
    );
    assert_eq!(
        handle(any().map_err(Error::from_boxed)),
        "500 Internal Server Error: report failed: disk full"
    );
    assert_eq!(handle(own().map_err(Error::from_boxed)), "404 No such page");
}

#[tokio::test]
async fn an_error_inside_an_anyhow_error_with_context_is_mapped() {
    let failing = || {
        let result = Err::<(), _>(anyhow::Error::new(ShopError::SoldOut).context("order failed"));
        result.map_err(Error::from_boxed)
    };
    let app = with_error_mapping(to_client, failing);
    assert_eq!(Client::new(app).get("/").await.status(), 409);
}
