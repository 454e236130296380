//! The shapes of events.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Request, Version};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::FrontDoor;
use super::headers::{Values, cased, domain};

const STAGE: &str = "live";
const REQUEST_ID: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
const TIME_EPOCH: u64 = 1_783_711_145_766;

/// A request that a front door lets in.
pub(super) struct Arrived<'a> {
    pub(super) request: &'a Request<Bytes>,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) peer: IpAddr,
    pub(super) headers: Values,
}

impl Arrived<'_> {
    pub(super) fn rest_api(&self) -> Value {
        let headers = self.headers.iter();
        let headers: Values = headers
            .map(|(name, values)| (cased(name), values.clone()))
            .collect();
        let query = self.query_map(form_decoded);
        let proxy = self.path.trim_start_matches('/');
        json!({
            "resource": if proxy.is_empty() { "/" } else { "/{proxy+}" },
            "path": self.path,
            "httpMethod": self.request.method().as_str(),
            "headers": last_values(&headers),
            "multiValueHeaders": headers,
            "queryStringParameters": or_null(&query, last_values),
            "multiValueQueryStringParameters": or_null(&query, |query| json!(query)),
            "pathParameters": if proxy.is_empty() { Value::Null } else { json!({"proxy": proxy}) },
            "stageVariables": null,
            "requestContext": self.context_v1(STAGE, &format!("/{STAGE}{}", self.path)),
        })
    }

    pub(super) fn http_api_v1(&self) -> Value {
        let mut event = self.rest_api();
        let path = decoded(self.path);
        event["version"] = "1.0".into();
        event["resource"] = "$default".into();
        event["requestContext"] = self.context_v1("$default", &path);
        event["pathParameters"] = Value::Null;
        event["path"] = path.into();
        event
    }

    fn context_v1(&self, stage: &str, path: &str) -> Value {
        let domain = self.host();
        json!({
            "accountId": "123456789012",
            "apiId": "api",
            "authorizer": null,
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "extendedRequestId": REQUEST_ID,
            "httpMethod": self.request.method().as_str(),
            "identity": {"sourceIp": self.peer, "userAgent": self.header("user-agent")},
            "path": path,
            "protocol": self.protocol(),
            "requestId": REQUEST_ID,
            "requestTimeEpoch": TIME_EPOCH,
            "resourceId": "resource",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        })
    }

    pub(super) fn http_api(&self) -> Value {
        let path = decoded(self.path);
        // What it takes for a query is gone.
        let path = path.split('?').next().unwrap_or_default();
        let mut event = self.payload_v2(path, path, self.host());
        if let Some(headers) = event["headers"].as_object_mut() {
            headers.remove("cookie");
        }
        event
    }

    pub(super) fn function_url(&self) -> Value {
        // A function is known by this name, whatever Host a proxy in front of it may send.
        let domain = domain(FrontDoor::FunctionUrl);
        self.payload_v2(self.path, &decoded(self.path), domain)
    }

    fn payload_v2(&self, raw_path: &str, path: &str, domain: &str) -> Value {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": raw_path,
            "rawQueryString": self.query.unwrap_or_default(),
            "headers": joined(&self.headers),
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "domainName": domain,
                "domainPrefix": domain.split('.').next(),
                "http": {
                    "method": self.request.method().as_str(),
                    "path": path,
                    "protocol": self.protocol(),
                    "sourceIp": self.peer,
                    "userAgent": self.header("user-agent"),
                },
                "requestId": REQUEST_ID,
                "routeKey": "$default",
                "stage": "$default",
                "timeEpoch": TIME_EPOCH,
            },
        });
        let query = self.query_map(form_decoded);
        if !query.is_empty() {
            event["queryStringParameters"] = joined(&query);
        }
        if let Some(cookies) = self.headers.get("cookie") {
            let cookies = cookies.iter().flat_map(|cookies| cookies.split(';'));
            event["cookies"] = cookies.map(str::trim).collect();
        }
        event
    }

    pub(super) fn load_balancer(&self) -> Value {
        let mut event = self.load_balancer_event();
        event["headers"] = last_values(&self.headers);
        event["queryStringParameters"] = last_values(&self.query_map(str::to_owned));
        event
    }

    pub(super) fn load_balancer_with_multi_value(&self) -> Value {
        let mut event = self.load_balancer_event();
        event["multiValueHeaders"] = json!(self.headers);
        event["multiValueQueryStringParameters"] = json!(self.query_map(str::to_owned));
        event
    }

    fn load_balancer_event(&self) -> Value {
        let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/group/0123456789abcdef";
        json!({
            "requestContext": {"elb": {"targetGroupArn": group}},
            "httpMethod": self.request.method().as_str(),
            "path": self.path,
        })
    }

    pub(super) fn lattice(&self) -> Value {
        let arn = |resource| format!("arn:aws:vpc-lattice:eu-west-1:123456789012:{resource}");
        let mut event = json!({
            "version": "2.0",
            "path": self.path,
            "method": self.request.method().as_str(),
            "headers": self.headers,
            "requestContext": {
                "serviceNetworkArn": arn("servicenetwork/sn-0123456789abcdef0"),
                "serviceArn": arn("service/svc-0123456789abcdef0"),
                "targetGroupArn": arn("targetgroup/tg-0123456789abcdef0"),
                "identity": {"sourceVpcArn": "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-0123456789abcdef0"},
                "region": "eu-west-1",
                "timeEpoch": (TIME_EPOCH * 1000).to_string(),
            },
        });
        let query = self.query_map(str::to_owned);
        if !query.is_empty() {
            event["queryStringParameters"] = json!(query);
        }
        event
    }

    fn header(&self, name: &str) -> &str {
        let values = self.headers.get(name);
        values
            .and_then(|values| values.last())
            .map_or("", String::as_str)
    }

    fn host(&self) -> &str {
        self.header("host")
    }

    fn protocol(&self) -> &'static str {
        match self.request.version() {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        }
    }

    fn query_map(&self, read: impl Fn(&str) -> String) -> Values {
        let mut map = Values::new();
        let query = self.query.unwrap_or_default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            map.entry(read(name)).or_default().push(read(value));
        }
        map
    }
}

fn last_values(map: &Values) -> Value {
    map.iter()
        .map(|(name, values)| (name.clone(), values.last().cloned().into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn joined(map: &Values) -> Value {
    map.iter()
        .map(|(name, values)| (name.clone(), values.join(",").into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn or_null(map: &Values, write: impl Fn(&Values) -> Value) -> Value {
    match map.is_empty() {
        true => Value::Null,
        false => write(map),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// As a form is: a plus is a space.
fn form_decoded(text: &str) -> String {
    decoded(&text.replace('+', " "))
}
