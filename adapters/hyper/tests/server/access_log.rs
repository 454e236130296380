//! The records of the access log.

use std::sync::{Arc, Mutex};

use anyhost_core::Router;

use super::{CLOSING, Serving, read_to_end};

#[tokio::test]
async fn an_access_record_has_the_route_of_its_request_and_no_route_after_a_404_on_the_same_connection()
 {
    let records: Arc<Mutex<Vec<_>>> = Arc::default();
    let seen = records.clone();
    let app = Router::new().get("/users/{id}", || "user");
    let server = Serving::start_with(
        move |server| {
            server.with_access_log(move |record| {
                let route = record.route.as_deref().map(str::to_owned);
                seen.lock().unwrap().push((record.path.to_string(), route));
            })
        },
        app,
    )
    .await;
    let requests = format!("GET /users/7 HTTP/1.1\r\nHost: a\r\n\r\n{CLOSING}");
    read_to_end(server.send(&requests).await).await;
    server.handle.graceful_shutdown();
    server.stopped().await;
    let expected = [
        ("/users/7".to_owned(), Some("/users/{id}".to_owned())),
        ("/".to_owned(), None),
    ];
    assert_eq!(*records.lock().unwrap(), expected);
}
