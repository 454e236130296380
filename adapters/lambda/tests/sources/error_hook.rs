//! The error hook of the core sees the responses that the event source does not accept.

use std::sync::{Arc, Mutex};

use anyhost_core::set_error_hook;

use super::{alb, response_to};

#[tokio::test]
async fn a_response_that_is_too_large_for_the_event_source_is_reported_once_to_the_error_hook() {
    let reports: Arc<Mutex<Vec<_>>> = Arc::default();
    let seen = reports.clone();
    set_error_hook(move |report| {
        // Other tests of this process have errors too.
        if report.path() == "/too-large" {
            seen.lock().unwrap().push(report.to_string());
        }
    });
    let mut event = alb();
    event["path"] = "/too-large".into();
    let large = || "x".repeat(1_100_000);
    assert_eq!(response_to(&event, large).await["statusCode"], 500);
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let expected = "/too-large: 500 Internal Server Error: the event source does not accept the \
                    status or the size of the response";
    assert!(reports[0].ends_with(expected), "{reports:?}");
}
