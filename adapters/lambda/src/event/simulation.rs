//! The data that `front_door` needs, besides the description, to simulate an event source.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, SET_COOKIE};
use http::{Request, StatusCode, Version};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::json::Json;
use crate::front_door::claims::Kind;
use crate::header_text::{HeaderText, to_value};

/// "Lambda quotas": the largest event of a synchronous invocation.
pub(crate) const EVENT_LIMIT: usize = 6 * 1024 * 1024;

/// The identifiers of simulated events, which are constant so that events can be compared.
pub(super) const REQUEST_ID: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
pub(super) const TIME_EPOCH: u64 = 1_783_711_145_766;

/// How `front_door` simulates an event source.
pub(crate) struct Simulation {
    /// The name of the source on a command line.
    pub(crate) name: &'static str,
    /// Builds the event of a request, without its body.
    pub(crate) event: fn(&Arrived<'_>) -> Value,
    /// The stages of an API; `None` for sources without stages.
    pub(crate) stages: Option<Stages>,
    /// Adds the result of an authorizer to the `requestContext`. Returns whether the source has such an authorizer.
    pub(crate) authorize: fn(&mut Value, &Kind) -> bool,
    /// The host name of requests without a Host header.
    pub(crate) host: &'static str,
    /// Headers that the source adds to each request.
    pub(crate) added_headers: &'static [(&'static str, &'static str)],
    /// Whether the source passes on Content-Length.
    pub(crate) sends_content_length: bool,
    /// The `body` in the event of a request without a body; `None` if the event then has no such key.
    pub(crate) empty_body: Option<EmptyBody>,
    /// The largest request body, in bytes.
    pub(crate) request_limit: usize,
    /// The largest request line and headers, in bytes.
    pub(crate) request_head_limit: usize,

    /// Reads the headers of a response; `None` if one of them is invalid.
    pub(crate) response_headers: fn(&Json<'_>) -> Option<HeaderMap>,
    /// Whether JSON without a `statusCode` becomes the body of a 200 response.
    pub(crate) infers_response: bool,
    /// Whether the source renames response headers such as Date to `x-amzn-remapped-date`.
    pub(crate) renames_headers: bool,
    /// The status for the client if the function fails or its response is invalid.
    pub(crate) failure: u16,
    /// How long the source waits for a response that is not streamed; `None` if only the function has a timeout.
    pub(crate) timeout: Option<Timeout>,
}

/// The stages of an API.
#[derive(Clone, Copy)]
pub(crate) struct Stages {
    /// The stage of requests whose paths omit it.
    pub(crate) default: &'static str,
    /// Whether the paths of the default stage begin with its name.
    pub(crate) in_path: bool,
    /// The status of a request to a stage that does not exist.
    pub(crate) unknown: StatusCode,
}

/// How long a source waits for the function, and what it then sends to the client. The function continues to run.
#[derive(Clone, Copy)]
pub(crate) struct Timeout {
    pub(crate) after: Duration,
    pub(crate) status: StatusCode,
    pub(crate) message: &'static str,
}

/// The `body` in the event of a request without a body.
#[derive(Clone, Copy)]
pub(crate) enum EmptyBody {
    Null,
    Text,
}

/// Names with all their values, sorted by name.
pub(crate) type Values = BTreeMap<String, Vec<String>>;

/// A request that an event source accepted.
pub(crate) struct Arrived<'a> {
    pub(crate) request: &'a Request<Bytes>,
    /// The stage of an API; empty for other sources.
    pub(crate) stage: &'a str,
    /// The path without the stage.
    pub(crate) path: &'a str,
    /// The path as the client sent it.
    pub(crate) full_path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) peer: IpAddr,
    pub(crate) headers: Values,
}

impl Arrived<'_> {
    pub(super) fn method(&self) -> &str {
        self.request.method().as_str()
    }

    /// The last value of a header; empty if it is missing.
    pub(super) fn header(&self, name: &str) -> &str {
        let values = self.headers.get(name);
        let last = values.and_then(|values| values.last());
        last.map_or("", String::as_str)
    }

    pub(super) fn protocol(&self) -> &'static str {
        match self.request.version() {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        }
    }

    /// The query's names and values as the client sent them.
    pub(super) fn query_map(&self) -> Values {
        self.query_with(str::to_owned)
    }

    /// The query's names and values, decoded like a form: `+` is a space.
    pub(super) fn decoded_query_map(&self) -> Values {
        self.query_with(|text| decoded(&text.replace('+', " ")))
    }

    fn query_with(&self, read: impl Fn(&str) -> String) -> Values {
        let mut map = Values::new();
        let query = self.query.unwrap_or_default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            map.entry(read(name)).or_default().push(read(value));
        }
        map
    }
}

/// The claims of a JWT as API Gateway writes them, all as strings. Lists are joined by `separator`, and enclosed in
/// `brackets`.
pub(super) fn claim_strings(
    claims: &serde_json::Map<String, Value>,
    separator: &str,
    brackets: (&str, &str),
) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let string = |value: &Value| match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            format!("{}{}{}", brackets.0, items.join(separator), brackets.1)
        }
        value => text(value),
    };
    let strings = claims.iter();
    let strings = strings.map(|(name, value)| (name.clone(), Value::from(string(value))));
    strings.collect::<serde_json::Map<_, _>>().into()
}

/// The `authorizer` of payload format 2.0 for a caller that AWS IAM authenticated.
pub(super) fn iam_authorizer(caller: &serde_json::Map<String, Value>) -> Value {
    let value = |name: &str| caller.get(name).cloned().unwrap_or_default();
    json!({"iam": {
        "accessKey": value("accessKey"),
        "accountId": value("accountId"),
        "callerId": value("callerId"),
        "cognitoIdentity": value("cognitoIdentity"),
        "principalOrgId": value("principalOrgId"),
        "userArn": value("userArn"),
        "userId": value("userId"),
    }})
}

pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The last value of each name.
pub(super) fn last_values(map: &Values) -> Value {
    let last = |values: &Vec<String>| values.last().cloned().unwrap_or_default();
    map.iter()
        .map(|(name, values)| (name.clone(), Value::from(last(values))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The values of each name, joined with commas.
pub(super) fn joined(map: &Values) -> Value {
    map.iter()
        .map(|(name, values)| (name.clone(), Value::from(values.join(","))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Reads the response headers in `headers`, whose values must be strings.
pub(super) fn text_headers(response: &Json<'_>) -> Option<HeaderMap> {
    header_map(response.get("headers"), false)
}

/// Reads the response headers in `headers`, whose values may also be numbers, and the list `cookies`.
pub(super) fn headers_and_cookies(response: &Json<'_>) -> Option<HeaderMap> {
    with_cookies(response, header_map(response.get("headers"), true)?)
}

/// Adds the list `cookies` to the headers.
pub(super) fn with_cookies(response: &Json<'_>, mut headers: HeaderMap) -> Option<HeaderMap> {
    for cookie in response.get("cookies").items() {
        headers.append(SET_COOKIE, to_value(cookie.text()?, HeaderText::Latin1)?);
    }
    Some(headers)
}

/// Reads `multiValueHeaders`, and the values in `headers` that `multiValueHeaders` does not contain.
pub(super) fn merged_headers(response: &Json<'_>) -> Option<HeaderMap> {
    let mut headers = header_map(response.get("multiValueHeaders"), true)?;
    for (name, value) in &header_map(response.get("headers"), true)? {
        if !headers.get_all(name).iter().any(|known| known == value) {
            headers.try_append(name, value.clone()).ok()?;
        }
    }
    Some(headers)
}

/// Reads `multiValueHeaders`, with the values of each name in reverse order.
pub(super) fn reversed_headers(response: &Json<'_>) -> Option<HeaderMap> {
    let headers = header_map(response.get("multiValueHeaders"), false)?;
    let mut reversed = HeaderMap::new();
    for name in headers.keys() {
        for value in headers.get_all(name).iter().rev() {
            reversed.append(name, value.clone());
        }
    }
    Some(reversed)
}

/// Reads a map of headers. `None` if a name or a value is invalid.
fn header_map(map: &Json<'_>, numbers: bool) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, values) in map.entries() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for value in values.items() {
            let text = match numbers {
                true => value.scalar()?,
                false => value.text()?.into(),
            };
            headers
                .try_append(&name, to_value(&text, HeaderText::Latin1)?)
                .ok()?;
        }
    }
    Some(headers)
}
