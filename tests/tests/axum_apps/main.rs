//! Small axum applications get the same requests through `axum::serve` and through every host of this project, and must
//! respond identically.

mod apps;
mod layered;
mod request;

use anyhost_conformance::{
    Ability, HttpTransport, Normalized, Received, Transport, local_hosts, profile,
};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use request::Sent;
use tokio::net::TcpListener;

/// An application, and the requests that it gets.
struct App {
    router: fn() -> Router,
    requests: Vec<Sent>,
}

macro_rules! applications {
    ($($module:ident :: $name:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            responds_as_under_axum_serve($module::$name()).await;
        }
    )+};
}

applications! {
    apps::key_value_store
    apps::todo_list
    apps::form
    apps::typed_queries_and_paths
    apps::errors_of_the_application
    apps::fallbacks_and_methods
    apps::redirects_and_cookies
    apps::server_sent_events
    apps::multipart_upload
    layered::middleware_functions
    layered::cors_and_security_headers
    layered::compression
    layered::static_files
    layered::body_limits
    layered::request_ids
    layered::normalized_paths
}

async fn responds_as_under_axum_serve(app: App) {
    let count = local_hosts((app.router)()).await.len();
    for host in 0..count {
        // Some applications have state, so each host gets a new application, and so does each reference.
        let host = local_hosts((app.router)()).await.swap_remove(host);
        let reference = axum_serve((app.router)()).await;
        let compared = app.compare(&reference, &*host).await;
        let name = &host.profile().name;
        assert!(compared > 0, "no request can be sent through {name}");
    }
}

impl App {
    /// Sends the requests that the host can carry to it and to `axum::serve`. Returns the number of requests.
    async fn compare(&self, reference: &HttpTransport, host: &dyn Transport) -> usize {
        let profile = host.profile();
        let lacks = |need| matches!(profile.can.of(need), Ability::Lacking(_));
        let requests = self.requests.iter();
        let requests = requests.filter(|sent| !sent.needs.iter().any(|&need| lacks(need)));
        let mut compared = 0;
        for sent in requests {
            let name = format!("{} {} on {}", sent.method, sent.target, profile.name);
            let expected = Received::read(reference.send(sent.request()).await.unwrap()).await;
            let response = host.send(sent.request()).await;
            let response = response.unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut response = Received::read(response).await;
            if !expected.headers.contains_key(CONTENT_TYPE) {
                // CGI requires a type (RFC 3875 §6.3.1), so the core adds one on every host.
                let added = response.headers.remove(CONTENT_TYPE);
                assert!(
                    added.is_none_or(|kind| kind == "application/octet-stream"),
                    "{name}"
                );
            }
            let same = Normalized::of(&expected).equals(&response, profile);
            assert_eq!(same, Ok(()), "{name}");
            compared += 1;
        }
        compared
    }
}

async fn axum_serve(app: Router) -> HttpTransport {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    HttpTransport::tcp(address, profile("http1").unwrap())
}
