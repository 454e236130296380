#![no_main]
//! The readers of bodies and queries: charsets, JSON, forms, limits. The first line is the target, followed by
//! the headers of the request.

use anyhost_core::{Request, RequestExt};
use anyhost_fuzz::{Message, block_on};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

type Pairs = Vec<(String, String)>;

fuzz_target!(|input: &[u8]| {
    let message = Message::parse(input);
    let body = message.body;
    let mut request = Request::new(body.to_vec().into());
    *request.headers_mut() = message.headers();
    if let Ok(target) = http::Uri::from_maybe_shared(bytes::Bytes::copy_from_slice(message.start)) {
        *request.uri_mut() = target;
    }
    block_on(async {
        // A body that was read can be read again, by every reader.
        assert_eq!(request.buffer().await.unwrap(), body);
        let text = request.text().await;
        let form = request.form::<Pairs>().await;
        let json = request.json::<Value>().await;
        assert_eq!(request.buffer().await.unwrap(), body);
        for status in [
            text.as_ref().err(),
            form.as_ref().err(),
            json.as_ref().err(),
        ] {
            assert!(status.is_none_or(|error| error.status().is_client_error()));
        }
        let is_plain = !request.headers().contains_key(CONTENT_ENCODING);
        if !request.headers().contains_key(CONTENT_TYPE) && is_plain {
            utf_8(body, text.as_deref().ok(), form.ok());
        }
        match (&text, &json) {
            // In every charset, `json` returns the parsed result of `text`.
            (Ok(text), Ok(json)) => assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *json),
            (Ok(text), Err(_)) => assert!(serde_json::from_str::<Value>(text).is_err()),
            // `from_slice` does not look at the bytes after an error, so only a success is compared.
            (Err(_), Ok(json)) => panic!("{json} is valid JSON, but its text is invalid"),
            (Err(_), Err(_)) => {}
        }
        if let Some(limit) = body.len().checked_sub(1) {
            let error = request.buffer_limit(limit).await.unwrap_err();
            assert_eq!(error.status(), 413);
        }
        query(&request);
    });
});

/// Without a Content-Type, a text is UTF-8.
fn utf_8(body: &[u8], text: Option<&str>, form: Option<Pairs>) {
    if !body.starts_with(b"\xFE\xFF") && !body.starts_with(b"\xFF\xFE") {
        let bytes = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        assert_eq!(text, std::str::from_utf8(bytes).ok());
    }
    let Some(form) = form else { return };
    let written = serde_html_form::to_string(&form).unwrap();
    assert_eq!(serde_html_form::from_str::<Pairs>(&written).unwrap(), form);
    let mut again = Request::new(written.into());
    assert_eq!(block_on_now(again.form::<Pairs>()), form);
}

/// Reads a body that is in memory.
fn block_on_now<T>(future: impl Future<Output = anyhost_core::Result<T>>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result.unwrap(),
        std::task::Poll::Pending => panic!("reading a body in memory had to wait"),
    }
}

/// A query gives the same values as a form with the same bytes.
fn query(request: &Request) {
    let query = request.query::<Pairs>();
    let mut form = Request::new(request.uri().query().unwrap_or_default().to_owned().into());
    let form = {
        let future = form.form::<Pairs>();
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.as_mut().poll(&mut context)
    };
    match (query, form) {
        (Ok(query), std::task::Poll::Ready(Ok(form))) => assert_eq!(query, form),
        (Err(_), std::task::Poll::Ready(Err(_))) => {}
        (query, form) => panic!("the query and the form differ: {query:?} and {form:?}"),
    }
}
