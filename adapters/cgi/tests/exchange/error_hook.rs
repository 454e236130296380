//! The error hook of the core sees the requests that the program cannot decode, and aborted responses.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhost_cgi::{Outcome, Program};
use anyhost_core::{Body, set_error_hook};
use futures_util::StreamExt;

use super::run_program;

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_decoded_and_an_aborted_response_are_each_reported_once() {
    let reports: Arc<Mutex<Vec<_>>> = Arc::default();
    let seen = reports.clone();
    set_error_hook(move |report| {
        // Other tests of this process have errors too.
        let id = report.request_id().unwrap_or_default();
        if id.starts_with("hook-") {
            let line = format!("{id} {:?} {report}", report.kind());
            seen.lock().unwrap().push(line);
        }
    });
    let rejected = [("REQUEST_METHOD", "G T"), ("UNIQUE_ID", "hook-1")];
    let (_, outcome) = run_program(Program::new(), || "unused", &rejected, io::empty()).await;
    assert_eq!(outcome, Outcome::Rejected);

    let endless = || {
        let first = futures_util::stream::iter([Ok::<_, io::Error>("first")]);
        Body::from_stream(first.chain(futures_util::stream::pending()))
    };
    let program = Program::new().with_deadline(Duration::from_secs(30));
    let aborted = [("REQUEST_METHOD", "GET"), ("UNIQUE_ID", "hook-2")];
    let (_, outcome) = run_program(program, endless, &aborted, io::empty()).await;
    assert_eq!(outcome, Outcome::Aborted);
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(
        reports[0].starts_with("hook-1 Rejected GET /: 400 "),
        "{reports:?}"
    );
    assert_eq!(reports[1], "hook-2 Aborted GET /: 200 deadline exceeded");
}
