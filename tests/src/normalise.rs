//! What two replies may differ in and still be the same, which is declared here and nowhere else.

use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::SET_COOKIE;
use serde_json::Value;

use crate::case::{Check, same};
use crate::profile::Profile;
use crate::received::{Received, latin1};

/// Headers of a reply that are the host's own, each with the reason why it is not compared.
pub const HOST_HEADERS: &[(&str, &str)] = &[
    ("date", "the time, which servers add (RFC 9110 §6.6.1)"),
    (
        "server",
        "the server's name, which it adds (RFC 9110 §10.2.4)",
    ),
    ("connection", "about this connection (RFC 9110 §7.6.1)"),
    ("keep-alive", "about this connection (RFC 9110 §7.6.1)"),
    (
        "transfer-encoding",
        "the framing of this connection (RFC 9112 §6.1)",
    ),
    (
        "content-length",
        "framing; where there is one, it is held against the body",
    ),
    (
        "trailer",
        "announces what is compared if it arrives (RFC 9110 §6.6.2)",
    ),
    ("via", "a proxy's name (RFC 9110 §7.6.3)"),
    ("x-amzn-requestid", "the front door's id of the request"),
    ("x-amzn-trace-id", "the front door's id of the request"),
    ("x-amz-apigw-id", "the front door's id of the request"),
];

/// Headers of a request that hosts add or take for their own.
pub const FORWARDED_HEADERS: &[(&str, &str)] = &[
    (
        "lambda-runtime-aws-request-id",
        "an emulator's, which has no event without it",
    ),
    ("host", "the authority, which cases look at by themselves"),
    ("content-length", "framing; it is held against the body"),
    ("trailer", "about the framing (RFC 9110 §6.6.2)"),
    ("te", "HTTP/2 keeps it (RFC 9113 §8.2.2)"),
    (
        "x-forwarded-for",
        "the front door's, behind which the client's own stands",
    ),
    ("x-forwarded-port", "the front door's"),
    ("x-forwarded-proto", "the front door's"),
    ("x-amzn-trace-id", "the front door's"),
    ("x-amzn-tls-version", "the front door's"),
    ("x-amzn-tls-cipher-suite", "the front door's"),
    ("x-amzn-lattice-network", "the front door's"),
    ("x-amzn-lattice-target", "the front door's"),
    ("x-amzn-lattice-identity", "the front door's"),
];

/// Fields of `/echo` that differ from host to host.
pub const HOST_FIELDS: &[(&str, &str)] = &[
    (
        "host",
        "the host's name is the transport's, and held against it",
    ),
    ("version", "the version of the connection"),
    ("scheme", "front doors of AWS are reached by https"),
    ("authority", "the address that was connected to"),
    (
        "base_path",
        "the mount is the transport's, and held against it",
    ),
    ("peer", "the client's address on this transport"),
    ("request_id", "new for each request"),
];

/// A reply as it has to be on every host.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Body,
    trailers: BTreeMap<String, String>,
    cut: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Bytes(bytes::Bytes),
    Echo(Value),
}

impl Normal {
    /// The reply without what the host has added.
    ///
    /// Headers lose the order of their names, and several of one name are joined (RFC 9110 §5.3), except
    /// Set-Cookie, which may not be.
    pub fn of(received: &Received) -> Self {
        Self::without(received, &[])
    }

    /// The same, without what a host of this profile adds.
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
            cut: received.cut,
        }
    }

    /// Checks that another reply, of a host of this profile, equals this one, which was had in-process.
    ///
    /// # Errors
    /// The first difference.
    pub fn equals(&self, received: &Received, profile: &Profile) -> Check {
        let other = Self::on(received, profile);
        let what = "in-process it is another one: status";
        same(&other.status, &self.status, what)?;
        for name in self.headers.keys().chain(other.headers.keys()) {
            if profile.adds.iter().any(|(added, _)| name == added) {
                continue;
            }
            let what = format!("in-process it is another one: {name}");
            same(&other.headers.get(name), &self.headers.get(name), &what)?;
        }
        if let (Body::Echo(seen), Body::Echo(reference)) = (&other.body, &self.body) {
            for (field, value) in reference.as_object().into_iter().flatten() {
                let what = format!("in-process the handler saw another one: {field}");
                same(&seen[field], value, &what)?;
            }
        }
        same(
            &other.body,
            &self.body,
            "in-process it is another one: body",
        )?;
        same(
            &other.trailers,
            &self.trailers,
            "in-process it is another one: trailers",
        )?;
        same(&other.cut, &self.cut, "in-process it is another one: cut")
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

/// Spaces behind the commas of a list mean nothing (RFC 9110 §5.6.1), and hosts write lists their way.
fn tight(value: &str) -> String {
    value.replace(", ", ",")
}
