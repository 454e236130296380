//! The requests, and their form as data in `requests.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Outcome;

/// The application that gets a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    Services,
    Routes,
    /// The routes, with a route for all other paths.
    Site,
}

/// One request.
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) bytes: Vec<u8>,
    /// Whether the method is HEAD, so that the response has no body.
    pub(crate) is_head: bool,
    /// Whether the request can end the process that serves it.
    pub(crate) alone: bool,
}

/// Requests that differ in their methods, paths and bodies; or requests as they are sent, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(default = "services")]
    targets: Vec<Target>,
    #[serde(default = "get")]
    methods: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default = "no_body")]
    bodies: Vec<Body>,
    /// The size of a further header, in bytes.
    #[serde(default)]
    padding: usize,
    /// The number of further headers.
    #[serde(default)]
    fields: usize,
    #[serde(default)]
    chunked: bool,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    raw: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Text(String),
    /// As many bytes, all of them `x`.
    Size(usize),
    /// Bytes that are not UTF-8, as numbers.
    Bytes(Vec<u8>),
    /// As many JSON arrays, one in the other.
    Nested {
        nested: usize,
    },
    None(()),
}

fn services() -> Vec<Target> {
    vec![Target::Services]
}

fn get() -> Vec<String> {
    vec!["GET".to_owned()]
}

fn no_body() -> Vec<Body> {
    vec![Body::None(())]
}

pub(crate) fn load() -> Outcome<Vec<Request>> {
    let groups: Vec<Group> = serde_json::from_str(include_str!("requests.json"))?;
    let requests: Vec<_> = groups.iter().flat_map(Group::requests).collect();
    let mut names: Vec<_> = requests.iter().map(|request| &request.name).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two requests have the name {:?}", pair[0]).into()),
        None => Ok(requests),
    }
}

impl Group {
    fn requests(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        for &target in &self.targets {
            for path in &self.paths {
                for body in &self.bodies {
                    let methods = self.methods.iter();
                    requests.extend(methods.map(|method| self.request(target, method, path, body)));
                }
            }
            requests.extend(self.raw.iter().map(|(name, text)| Request {
                name: named(target, name),
                target,
                bytes: text.clone().into_bytes(),
                is_head: false,
                alone: false,
            }));
        }
        requests
    }

    fn request(&self, target: Target, method: &str, path: &str, body: &Body) -> Request {
        let mut name = format!("{method} {path}");
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n");
        for (header, value) in &self.headers {
            name += &format!(" ({header}: {value})");
            head += &format!("{header}: {value}\r\n");
        }
        if self.padding > 0 {
            name += &format!(" with a header of {} bytes", self.padding);
            head += &format!("X-Padding: {}\r\n", "x".repeat(self.padding));
        }
        if self.fields > 0 {
            name += &format!(" with {} headers", self.fields);
            head.extend((0..self.fields).map(|index| format!("X-{index}: x\r\n")));
        }
        let (described, body) = match body {
            Body::None(()) => (String::new(), None),
            Body::Text(text) => (format!(" {text}"), Some(text.clone().into_bytes())),
            Body::Size(size) => (format!(" {size} bytes"), Some(vec![b'x'; *size])),
            &Body::Nested { nested } => {
                let json = "[".repeat(nested) + &"]".repeat(nested);
                (format!(" {nested} nested arrays"), Some(json.into_bytes()))
            }
            Body::Bytes(bytes) => (format!(" {bytes:?}"), Some(bytes.clone())),
        };
        name += &described;
        let mut bytes = head.into_bytes();
        match body {
            None => bytes.extend(b"\r\n"),
            Some(body) if self.chunked => {
                name += " in chunks";
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(1000) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
            Some(body) => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend(body);
            }
        }
        Request {
            name: named(target, &name),
            target,
            bytes,
            is_head: method == "HEAD",
            alone: self.alone,
        }
    }
}

fn named(target: Target, name: &str) -> String {
    match target {
        Target::Services => name.to_owned(),
        Target::Routes => format!("routes: {name}"),
        Target::Site => format!("site: {name}"),
    }
}
