//! A handler that calls another HTTP API, with the crate `reqwest`.
//!
//! `API_URL=http://localhost:4000 cargo run -p anyhost-examples-kit --example call_api`

use std::process::ExitCode;
use std::time::Duration;

use anyhost::{Error, Request, RequestExt, Result, Router};
use reqwest::Client;
use serde::Deserialize;

/// The client is part of the state, because it keeps connections open between requests.
struct Api {
    client: Client,
    url: String,
}

#[derive(Deserialize)]
struct Forecast {
    degrees: f32,
}

async fn weather(request: Request) -> Result<String> {
    let api = request.state::<Api>()?;
    let city: String = request.param("city")?;
    let forecast = forecast(&api, &city).await;
    let Forecast { degrees } = forecast
        .map_err(|error| Error::new(502, "The weather service failed").with_source(error))?;
    Ok(format!("{degrees} degrees in {city}"))
}

async fn forecast(api: &Api, city: &str) -> reqwest::Result<Forecast> {
    let request = api.client.get(&api.url).query(&[("city", city)]);
    request.send().await?.error_for_status()?.json().await
}

fn app(url: String) -> Result<Router> {
    // Without a timeout, a request waits as long as the other API does.
    let client = Client::builder().timeout(Duration::from_secs(5)).build()?;
    let routes = Router::new().get("/weather/{city}", weather);
    Ok(routes.with_state(Api { client, url }))
}

fn main() -> ExitCode {
    anyhost::run_with(async || app(std::env::var("API_URL")?))
}

#[cfg(test)]
mod tests {
    use anyhost::server::Server;
    use anyhost::{Json, Request, RequestExt, Result, Router, send};
    use anyhost_examples_kit::{everywhere, text};
    use serde_json::json;

    /// The other API: it knows one city.
    async fn degrees(request: Request) -> Result<anyhost::Response> {
        let query: Vec<(String, String)> = request.query()?;
        match query[0].1.as_str() {
            "Reykjavík" => send(200, Json(json!({"degrees": 4.5}))),
            "Atlantis" => send(200, "no JSON"),
            _ => send(404, "unknown city"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_handler_can_call_another_api_and_reports_its_failure_as_a_502() {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{}/degrees", server.url());
        let serving = tokio::spawn(server.serve(Router::new().get("/degrees", degrees)));
        for client in everywhere(|| super::app(url.clone()).unwrap()).await {
            for (city, status, body) in [
                ("Reykjav%C3%ADk", 200, "4.5 degrees in Reykjavík"),
                ("Atlantis", 502, "The weather service failed"),
                ("El%20Dorado", 502, "The weather service failed"),
            ] {
                let response = client.get(&format!("/weather/{city}")).await;
                assert_eq!(
                    (response.status().as_u16(), text(&response)),
                    (status, body),
                    "{client}"
                );
            }
        }
        serving.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_api_that_cannot_be_reached_is_a_502() {
        // A port that was free a moment ago, and on which nothing listens.
        let unused = Server::bind("127.0.0.1:0").await.unwrap().url();
        for client in everywhere(|| super::app(unused.clone()).unwrap()).await {
            let response = client.get("/weather/Oslo").await;
            assert_eq!(response.status(), 502, "{client}");
        }
    }
}
