//! The error hook of the core sees the requests that the server rejects itself.

use std::sync::{Arc, Mutex};

use anyhost_core::set_error_hook;

use super::Serving;

#[tokio::test]
async fn a_request_that_the_server_rejects_before_the_handler_is_reported_once_to_the_error_hook() {
    let reports: Arc<Mutex<Vec<_>>> = Arc::default();
    let seen = reports.clone();
    set_error_hook(move |report| {
        // Other tests of this process have errors too.
        if report.path() == "/without-host" {
            seen.lock()
                .unwrap()
                .push(format!("{:?} {report}", report.kind()));
        }
    });
    let server = Serving::start(|| "unused").await;
    let request = "GET /without-host HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert!(server.exchange(request).await.starts_with("HTTP/1.1 400 "));
    let expected = ["Rejected GET /without-host: 400 Missing Host header"];
    assert_eq!(*reports.lock().unwrap(), expected);
}
