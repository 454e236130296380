//! A webhook receiver that checks signatures as Standard Webhooks specifies them (<https://www.standardwebhooks.com>):
//! HMAC-SHA-256 of the id, the time and the raw body. The work on the event runs after the response.
//!
//! `WEBHOOK_SECRET=secret cargo run -p anyhost-examples-kit --example webhook`

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhost::{Error, Request, RequestExt, Result, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The shared secret as bytes.
struct Secret(Vec<u8>);

/// Older and newer messages are rejected, so that a recorded message cannot be sent again later.
const TOLERANCE_SECONDS: u64 = 5 * 60;

async fn receive(mut request: Request) -> Result<()> {
    // The signature is made of the bytes of the body. JSON that was parsed and written again can have other bytes.
    let body = request.buffer_limit("256kb").await?;
    verify(&request, &body)?;
    let event: Value = request.json().await?;
    request.context().wait_until(async move {
        println!("received an event of type {}", event["type"]);
    });
    Ok(())
}

fn verify(request: &Request, body: &[u8]) -> Result<()> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let sent = || {
        Some((
            header("webhook-id")?,
            header("webhook-timestamp")?,
            header("webhook-signature")?,
        ))
    };
    let (id, time, signatures) = sent().ok_or_else(|| Error::new(401, "Missing signature"))?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let age = time.parse().map(|time: u64| now.abs_diff(time));
    if age.map_or(true, |age| age > TOLERANCE_SECONDS) {
        return Err(Error::new(401, "Invalid timestamp"));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&request.state::<Secret>()?.0)?;
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        mac.update(part);
    }
    // While a sender replaces its secret, it sends several signatures. `verify_slice` takes the same time for every
    // wrong signature.
    let mut signatures = signatures
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"));
    let matches = |sent: &str| {
        BASE64
            .decode(sent)
            .is_ok_and(|sent| mac.clone().verify_slice(&sent).is_ok())
    };
    match signatures.any(matches) {
        true => Ok(()),
        false => Err(Error::new(401, "Invalid signature")),
    }
}

fn app(secret: &str) -> Router {
    let routes = Router::new().post("/webhook", receive);
    routes.with_state(Secret(secret.into()))
}

fn main() -> ExitCode {
    anyhost::run_with(async || Ok::<_, Error>(app(&std::env::var("WEBHOOK_SECRET")?)))
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_examples_kit::{everywhere, text};

    use super::*;

    const BODY: &str = r#"{ "type": "order.paid", "data": {"id": 7} }"#;

    fn now() -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    }

    fn sign(secret: &str, id: &str, time: u64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{id}.{time}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    /// A request with a valid signature.
    fn signed(time: u64) -> Request<String> {
        let request = Request::post("/webhook")
            .header("content-type", "application/json")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", time)
            .header("webhook-signature", sign("secret", "msg_1", time, BODY));
        request.body(BODY.to_owned()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_message_with_a_valid_signature_is_accepted() {
        for client in everywhere(|| app("secret")).await {
            assert_eq!(client.send(signed(now())).await.status(), 204, "{client}");

            let mut two = signed(now());
            let valid = two.headers()["webhook-signature"].to_str().unwrap();
            let both = format!("v1,AAAA v1a,other {valid}").parse().unwrap();
            two.headers_mut().insert("webhook-signature", both);
            assert_eq!(client.send(two).await.status(), 204, "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_forged_changed_or_old_message_is_rejected() {
        type Change = fn(&mut Request<String>);
        fn set(request: &mut Request<String>, name: &'static str, value: &str) {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let changes: [(&str, Change); 8] = [
            ("Missing signature", |r| {
                r.headers_mut().remove("webhook-signature");
            }),
            ("Missing signature", |r| {
                r.headers_mut().remove("webhook-id");
            }),
            ("Invalid signature", |r| {
                r.body_mut().push(' ');
            }),
            ("Invalid signature", |r| {
                set(r, "webhook-id", "msg_2");
            }),
            ("Invalid signature", |r| {
                set(r, "webhook-signature", "v1,not base64");
            }),
            ("Invalid signature", |r| {
                let signature = sign("other", "msg_1", now(), BODY);
                set(r, "webhook-signature", &signature);
            }),
            ("Invalid timestamp", |r| {
                set(r, "webhook-timestamp", "yesterday");
            }),
            ("Invalid timestamp", |r| {
                *r = signed(now() - 2 * TOLERANCE_SECONDS);
            }),
        ];
        for client in everywhere(|| app("secret")).await {
            for (message, change) in &changes {
                let mut request = signed(now());
                change(&mut request);
                let response = client.send(request).await;
                assert_eq!(
                    (response.status().as_u16(), text(&response)),
                    (401, *message),
                    "{client}"
                );
            }
            let future = client.send(signed(now() + 2 * TOLERANCE_SECONDS)).await;
            assert_eq!(future.status(), 401, "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_signature_equals_the_one_that_openssl_computes() {
        // Computed with `printf %s 'msg_1.1700000000.{}' | openssl dgst -sha256 -hmac secret -binary | base64`.
        let signature = sign("secret", "msg_1", 1_700_000_000, "{}");
        assert_eq!(signature, "v1,A5oIrJxXPB/PkULSoVu0e4khvPiqpF9vljmhkSKg0FI=");
    }
}
