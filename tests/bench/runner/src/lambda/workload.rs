//! Events of a Function URL, and the check of the responses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::Result;

/// What a function is invoked with, and the body that it has to respond with.
pub struct Workload {
    pub name: &'static str,
    /// The program of the peer: see ../../README.md.
    pub program: &'static str,
    pub event: Vec<u8>,
    body: Vec<u8>,
    /// The instructions of an invocation are the difference of two runs with these numbers of invocations, divided by the
    /// difference of the numbers.
    pub invocations: (u64, u64),
    /// The number of invocations whose time is measured as a whole.
    pub invocations_a_round: u32,
}

impl Workload {
    pub fn all() -> Vec<Workload> {
        let small = [Workload::hello(), Workload::json()];
        let large = [
            ("100 KB text", 100 << 10, false),
            ("100 KB base64", 100 << 10, true),
            ("5 MB text", 5 << 20, false),
            ("5 MB base64", 5 << 20, true),
        ];
        let large = large.map(|(name, length, binary)| Workload {
            name,
            ..Workload::echo(length, binary)
        });
        small.into_iter().chain(large).collect()
    }

    /// A GET that is answered with a text.
    pub fn hello() -> Workload {
        Workload {
            name: "hello",
            program: "hello",
            event: event("GET", "/", None),
            body: b"Hello, world!".to_vec(),
            invocations: (200, 1200),
            invocations_a_round: 500,
        }
    }

    /// An event of 1 KB with an order in JSON, which the function parses and encodes again.
    pub fn json() -> Workload {
        let order = br#"{"customer":"Ada","items":[{"name":"tea","price":2,"count":3}]}"#;
        Workload {
            name: "JSON",
            program: "app",
            event: event("POST", "/json", Some((order, "application/json", false))),
            body: order.to_vec(),
            invocations: (200, 1200),
            invocations_a_round: 500,
        }
    }

    /// An event whose body has this length in the event, as text or in base64. The function responds with the same body.
    pub fn echo(length: usize, binary: bool) -> Workload {
        let (body, content_type): (Vec<u8>, _) = if binary {
            let bytes = (0..length / 4 * 3).map(|i| (i * 31 % 251) as u8);
            (bytes.collect(), "application/octet-stream")
        } else {
            // One character of 64 needs an escape in JSON.
            let line = b"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do\n";
            (
                line.iter().copied().cycle().take(length).collect(),
                "text/plain; charset=utf-8",
            )
        };
        Workload {
            name: "echo",
            program: "app",
            event: event("POST", "/echo", Some((&body, content_type, binary))),
            body,
            invocations: if length > 1 << 20 { (1, 3) } else { (5, 25) },
            invocations_a_round: if length > 1 << 20 { 3 } else { 100 },
        }
    }

    /// Checks that the function responded with status 200 and the expected body.
    pub fn check(&self, response: &[u8]) -> Result {
        let response: Value = serde_json::from_slice(response)?;
        let body = response["body"].as_str().unwrap_or_default();
        let body = match response["isBase64Encoded"].as_bool() {
            Some(true) => BASE64.decode(body)?,
            _ => body.as_bytes().to_vec(),
        };
        // As in the event, text is sent as text and other bytes in base64, so that all functions do the same work.
        let is_binary = str::from_utf8(&self.body).is_err();
        let is_same_form = is_binary == (response["isBase64Encoded"] == true);
        if response["statusCode"] != 200 || body != self.body || !is_same_form {
            let mut response = response.to_string();
            response.truncate(response.floor_char_boundary(500));
            return Err(format!("unexpected response to {}: {response}", self.name).into());
        }
        Ok(())
    }
}

/// A Function URL event with all fields that AWS sends ("Lambda function URLs", "Request payload format"). The body comes with
/// its Content-Type, and whether it is sent in base64.
fn event(method: &str, path: &str, body: Option<(&[u8], &str, bool)>) -> Vec<u8> {
    let domain = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws";
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "host": domain,
            "user-agent": "curl/7.88.1",
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-trace-id": "Root=1-6a5145aa-290a323a5de9a2e0636377d4",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghijklmnopqrstuvwxyz012345",
            "domainName": domain,
            "domainPrefix": "abcdefghijklmnopqrstuvwxyz012345",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1", "userAgent": "curl/7.88.1",
            },
            "requestId": "d16a6b55-dea9-4b23-8499-eb85c3d2d904",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Jul/2026:19:19:06 +0000",
            "timeEpoch": 1_783_711_146_671_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some((body, content_type, in_base64)) = body {
        event["headers"]["content-length"] = body.len().to_string().into();
        event["headers"]["content-type"] = content_type.into();
        event["isBase64Encoded"] = in_base64.into();
        event["body"] = match in_base64 {
            true => BASE64.encode(body).into(),
            false => String::from_utf8_lossy(body).into(),
        };
    }
    event.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_an_echo_event_has_the_requested_length_in_both_forms() {
        for binary in [false, true] {
            let workload = Workload::echo(4096, binary);
            let event: Value = serde_json::from_slice(&workload.event).unwrap();
            assert_eq!(event["body"].as_str().unwrap().len(), 4096);
            assert_eq!(event["isBase64Encoded"], binary);
        }
    }

    #[test]
    fn a_response_must_have_the_status_the_body_and_the_form_of_the_event() {
        let workload = Workload::hello();
        let check = |response: Value| workload.check(response.to_string().as_bytes());
        assert!(check(json!({"statusCode": 200, "body": "Hello, world!"})).is_ok());
        assert!(check(json!({"statusCode": 500, "body": "Hello, world!"})).is_err());
        assert!(check(json!({"statusCode": 200, "body": "Hello"})).is_err());
        let base64 = BASE64.encode("Hello, world!");
        assert!(
            check(json!({"statusCode": 200, "body": base64, "isBase64Encoded": true})).is_err()
        );
    }
}
