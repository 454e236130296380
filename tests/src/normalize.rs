//! The comparison of a response with the in-process response. This file is the only place that lists the differences
//! that the comparison ignores.

use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::SET_COOKIE;
use serde_json::Value;

use crate::case::{Check, same};
use crate::profile::Profile;
use crate::received::{Received, latin1};

/// Response headers that the comparison ignores, each with the reason.
pub const HOST_HEADERS: &[(&str, &str)] = &[
    ("date", "the server adds the time (RFC 9110 §6.6.1)"),
    ("server", "the server adds its name (RFC 9110 §10.2.4)"),
    ("connection", "describes the connection (RFC 9110 §7.6.1)"),
    ("keep-alive", "describes the connection (RFC 9110 §7.6.1)"),
    (
        "transfer-encoding",
        "frames the body on the connection (RFC 9112 §6.1)",
    ),
    (
        "content-length",
        "frames the body; the suite compares it with the length of the body",
    ),
    (
        "trailer",
        "announces trailers (RFC 9110 §6.6.2); the suite compares the trailers",
    ),
    ("via", "a proxy adds its name (RFC 9110 §7.6.3)"),
    ("x-amzn-requestid", "AWS adds an id of the request"),
    ("x-amzn-trace-id", "AWS adds an id of the request"),
    ("x-amz-apigw-id", "AWS adds an id of the request"),
];

/// Request headers that hosts add or change, and that the comparison of `/echo` ignores.
pub const FORWARDED_HEADERS: &[(&str, &str)] = &[
    (
        "lambda-runtime-aws-request-id",
        "the emulator adds it to each event",
    ),
    (
        "host",
        "differs with the address of the host; cases check it separately",
    ),
    ("content-length", "frames the body; a case checks it"),
    ("trailer", "announces trailers (RFC 9110 §6.6.2)"),
    ("te", "HTTP/2 may keep it (RFC 9113 §8.2.2)"),
    ("x-forwarded-for", "AWS appends the address of the client"),
    ("x-forwarded-port", "AWS adds it"),
    ("x-forwarded-proto", "AWS adds it"),
    ("x-amzn-trace-id", "AWS adds it"),
    ("x-amzn-tls-version", "AWS adds it"),
    ("x-amzn-tls-cipher-suite", "AWS adds it"),
    ("x-amzn-lattice-network", "AWS adds it"),
    ("x-amzn-lattice-target", "AWS adds it"),
    ("x-amzn-lattice-identity", "AWS adds it"),
];

/// Fields of `/echo` that differ between hosts.
pub const HOST_FIELDS: &[(&str, &str)] = &[
    (
        "host",
        "the name of the host; a case compares it with the profile",
    ),
    ("version", "the HTTP version of the connection"),
    ("scheme", "clients reach AWS over HTTPS"),
    ("authority", "the address of the host"),
    (
        "base_path",
        "the base path; a case compares it with the profile",
    ),
    ("peer", "the address of the client on this transport"),
    ("request_id", "different for each request"),
];

/// The parts of a response that must be equal on every host.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalized {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Body,
    trailers: BTreeMap<String, String>,
    aborted: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Bytes(bytes::Bytes),
    Echo(Value),
}

impl Normalized {
    /// Normalizes a response that no host has added headers to.
    ///
    /// The order of header names is dropped, and the values of a repeated header are joined (RFC 9110 §5.3). Set-Cookie
    /// values are kept apart, because a cookie can contain a comma.
    pub fn of(received: &Received) -> Self {
        Self::without(received, &[])
    }

    /// Normalizes a response of a host, without the headers that its profile declares as added.
    pub fn on(received: &Received, profile: &Profile) -> Self {
        Self::without(received, profile.adds)
    }

    fn without(received: &Received, added: &[(&str, &str)]) -> Self {
        let trailers = received
            .trailers
            .as_ref()
            .map(|trailers| joined(trailers, &[]));
        let mut headers = joined(&received.headers, HOST_HEADERS);
        headers.retain(|name, _| added.iter().all(|(other, _)| name != other));
        Self {
            status: received.status.as_u16(),
            headers,
            body: body(received),
            trailers: trailers.unwrap_or_default(),
            aborted: received.aborted,
        }
    }

    /// Checks that the response of a host equals this response, which was received in-process.
    ///
    /// # Errors
    /// The first difference.
    pub fn equals(&self, received: &Received, profile: &Profile) -> Check {
        let other = Self::on(received, profile);
        let what = "differs from the in-process response: status";
        same(&other.status, &self.status, what)?;
        for name in self.headers.keys().chain(other.headers.keys()) {
            if profile.adds.iter().any(|(added, _)| name == added) {
                continue;
            }
            let what = format!("differs from the in-process response: {name}");
            same(&other.headers.get(name), &self.headers.get(name), &what)?;
        }
        if let (Body::Echo(seen), Body::Echo(reference)) = (&other.body, &self.body) {
            for (field, value) in reference.as_object().into_iter().flatten() {
                let what = format!("differs from the in-process request: {field}");
                same(&seen[field], value, &what)?;
            }
        }
        same(
            &other.body,
            &self.body,
            "differs from the in-process response: body",
        )?;
        same(
            &other.trailers,
            &self.trailers,
            "differs from the in-process response: trailers",
        )?;
        same(
            &other.aborted,
            &self.aborted,
            "differs from the in-process response: aborted",
        )
    }
}

fn joined(headers: &HeaderMap, without: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    for name in headers.keys() {
        if without.iter().any(|(other, _)| name == other) {
            continue;
        }
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| latin1(value.as_bytes())).collect();
        let values = match *name {
            SET_COOKIE => values.join("\n"),
            _ => tight(&values.join(",")),
        };
        joined.insert(name.to_string(), values);
    }
    joined
}

fn body(received: &Received) -> Body {
    let is_echo = |value: &Value| {
        HOST_FIELDS
            .iter()
            .all(|(field, _)| value.get(field).is_some())
    };
    match serde_json::from_slice::<Value>(&received.body) {
        Ok(value) if is_echo(&value) => Body::Echo(echo(value)),
        _ => Body::Bytes(received.body.clone()),
    }
}

fn echo(mut seen: Value) -> Value {
    for (field, _) in HOST_FIELDS {
        seen[*field] = Value::Null;
    }
    let mut headers = BTreeMap::<String, String>::new();
    for header in seen["headers"].as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (header[0].as_str(), header[1].as_str()) else {
            continue;
        };
        if FORWARDED_HEADERS.iter().any(|(other, _)| name == *other) {
            continue;
        }
        // RFC 9110 §5.3, and RFC 6265 §5.4 for cookies.
        let between = if name == "cookie" { "; " } else { "," };
        let value = &tight(value);
        headers
            .entry(name.to_owned())
            .and_modify(|values| {
                values.push_str(between);
                values.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    seen["headers"] = serde_json::json!(headers);
    seen
}

/// Removes the space after each comma of a list. The space has no meaning (RFC 9110 §5.6.1), and only some hosts add
/// the space.
fn tight(value: &str) -> String {
    value.replace(", ", ",")
}
