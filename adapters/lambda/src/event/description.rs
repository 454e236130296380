//! The type of a description. The file of each event source holds one description.

use std::borrow::Cow;

#[cfg(feature = "lambda_http")]
use lambda_http::request::RequestContext;

use super::json::{Field, Json};
#[cfg(feature = "testing")]
use super::simulation::Simulation;
use crate::header_text::HeaderText;

/// "Lambda quotas": the largest payload of a synchronous invocation, plus 100 bytes for the envelope.
pub(super) const LAMBDA_RESPONSE_LIMIT: usize = 6_291_556;

/// "Quotas for API Gateway": all header names and values together.
pub(super) const API_GATEWAY_HEADER_LIMIT: usize = 10_240;

/// The prelude of a streamed response must end within the first 16 KB ("Response streaming for Lambda proxy
/// integrations in API Gateway").
pub(crate) const PRELUDE_LIMIT: usize = 16 * 1024;

/// The maps of headers in events. An event source sends one of these maps or both.
pub(super) const HEADERS: &[Field] = &[&["multiValueHeaders"], &["headers"]];

/// The body of most sources.
pub(super) const BODY: Body = Body {
    field: &["body"],
    base64: &["isBase64Encoded"],
};

/// Everything that is specific to one event source. The rest of the crate interprets these values.
///
/// The parser keeps exactly the [fields](Self::fields) that a description names. A field that the source never
/// sends is [`NO_FIELD`](super::json::NO_FIELD).
pub(crate) struct Description {
    /// The name in logs, and of [`Source`](super::Source)'s `Display`.
    pub(crate) name: &'static str,
    /// An event comes from this source if all signs of one of these lists hold.
    pub(crate) signs: &'static [&'static [Sign]],

    /// The request's method.
    pub(crate) method: Field,
    /// The method of an event that contains no method.
    pub(crate) default_method: Option<&'static str>,
    /// The path; `None` for events whose path is the setting `ANYHOST_LAMBDA_EVENTS`.
    pub(crate) path: Option<Path>,
    /// The query.
    pub(crate) query: Query,
    /// The HTTP version.
    pub(crate) protocol: Field,
    /// The maps of headers. A later map adds only names that are missing in the maps before it.
    pub(crate) headers: &'static [Field],
    /// How header values and cookies are written.
    pub(crate) header_text: HeaderText,
    /// A list of cookies, which replaces the Cookie header.
    pub(crate) cookies: Field,
    /// The body; `None` if the whole event is the body.
    pub(crate) body: Option<Body>,
    /// The client's address.
    pub(crate) peer: Peer,
    /// The scheme that the client used.
    pub(crate) scheme: ClientScheme,

    /// The form of the responses that the source accepts.
    pub(crate) response: ResponseForm,
    /// The largest response, in bytes of JSON.
    pub(crate) response_limit: usize,
    /// The largest response head, in bytes of header names and values.
    pub(crate) response_header_limit: usize,
    /// Whether the source can pass on a response while the function still writes it.
    pub(crate) can_stream: bool,

    /// Reads the event's `requestContext` into the type that `lambda_http` has for it.
    #[cfg(feature = "lambda_http")]
    pub(crate) request_context: fn(&[u8]) -> Option<RequestContext>,
    /// The data with which `front_door` simulates the source; `None` if `front_door` cannot simulate the source.
    #[cfg(feature = "testing")]
    pub(crate) simulation: Option<Simulation>,
}

/// A field whose presence or value is typical of a source.
pub(crate) enum Sign {
    /// The field is not null.
    Exists(Field),
    /// The field is a string that begins with a slash.
    IsPath(Field),
    /// The field is a map.
    IsMap(Field),
    /// The field is not a string.
    NotText(Field),
    /// The field is this string.
    Equals(Field, &'static str),
    /// The field is a string that contains this string.
    Contains(Field, &'static str),
}

/// Reads a value as text.
pub(crate) type Read = for<'a, 'b> fn(&'a Json<'b>) -> Option<Cow<'a, str>>;

/// Where the path is, and how AWS encodes it.
pub(crate) struct Path {
    pub(crate) field: Field,
    /// Returns the path percent-encoded.
    pub(crate) read: Read,
    /// Whether the path may be followed by `?` and the query.
    pub(crate) may_hold_query: bool,
    /// The stage, if the path begins with it. The setting `ANYHOST_LAMBDA_STRIP_STAGE` removes it.
    pub(crate) stage: Field,
    /// The path before AWS removed the stage. The removed part is the base path.
    pub(crate) full: Field,
}

/// Where the query is, and how AWS encodes it.
pub(crate) struct Query {
    /// The first field that has a query is used.
    pub(crate) fields: &'static [Field],
    /// Returns the query percent-encoded.
    pub(crate) read: Read,
}

impl Query {
    pub(crate) const NONE: Self = Self {
        fields: &[],
        read: |_| None,
    };
}

/// Where the body is.
pub(crate) struct Body {
    pub(crate) field: Field,
    /// Whether the body is in base64, because JSON cannot hold raw bytes.
    pub(crate) base64: Field,
}

/// Where the client's address is.
pub(crate) enum Peer {
    /// In a field that only AWS can write.
    Field(Field),
    /// In X-Forwarded-For, to which the source appends the address of its client.
    ForwardedFor,
    /// In X-Forwarded-For, but only if the setting `ANYHOST_LAMBDA_PROXIES` says so, because AWS does not document that
    /// the source removes or extends the value that the client sent.
    ForwardedForIfTrusted,
    /// The event does not contain the client's address.
    Unknown,
}

/// Where the client's scheme is.
pub(crate) enum ClientScheme {
    /// The source accepts only HTTPS, or does not report the scheme.
    Https,
    /// In X-Forwarded-Proto. The source replaces the value that the client sent.
    ForwardedProto,
    /// In `x-forwarded-for-proto`. The scheme is HTTPS if that header is missing.
    ForwardedForProto,
    /// The event was not sent over HTTP.
    NotHttp,
}

/// The form of the responses that a source accepts.
pub(crate) enum ResponseForm {
    /// A JSON object with the status, the headers and the body.
    Http(HttpForm),
    /// Any JSON, which is the result of the invocation. An error status fails the invocation.
    Result,
}

/// The JSON object that a source accepts as a response.
#[derive(Clone, Copy)]
pub(crate) struct HttpForm {
    pub(crate) headers: HeaderForm,
    /// Whether the object has a `statusDescription`.
    pub(crate) status_description: bool,
    /// Whether the source always decodes a body in base64. A REST API decodes a body only for the media types that
    /// its deployment lists.
    pub(crate) decodes_base64: bool,
}

/// How a source accepts headers with several values.
///
/// Cookies differ from other headers: each cookie needs its own line (RFC 6265 §3), so cookies are never joined with
/// commas (RFC 9110 §5.3).
#[derive(Clone, Copy)]
pub(crate) enum HeaderForm {
    /// `multiValueHeaders`: a list of values for each name.
    MultiValue,
    /// `headers`: values of a name joined with commas; `cookies`: a list.
    Joined,
    /// `headers`: values of a name joined with commas; cookies under names that differ in case.
    JoinedCookiesByCase,
}

impl Description {
    /// All fields that the description names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field> {
        let signs = self.signs.iter().copied().flatten();
        let signs = signs.map(|sign| match sign {
            Sign::Exists(field)
            | Sign::IsPath(field)
            | Sign::IsMap(field)
            | Sign::NotText(field)
            | Sign::Equals(field, _)
            | Sign::Contains(field, _) => *field,
        });
        let path = self.path.iter();
        let path = path.flat_map(|path| [path.field, path.stage, path.full]);
        let body = self.body.iter().flat_map(|body| [body.field, body.base64]);
        let peer = match self.peer {
            Peer::Field(field) => Some(field),
            Peer::ForwardedFor | Peer::ForwardedForIfTrusted | Peer::Unknown => None,
        };
        signs
            .chain([self.method, self.protocol, self.cookies])
            .chain(path)
            .chain(self.query.fields.iter().copied())
            .chain(self.headers.iter().copied())
            .chain(body)
            .chain(peer)
    }

    /// Whether the source always decodes a response body in base64.
    #[cfg(feature = "testing")]
    pub(crate) fn decodes_base64(&self) -> bool {
        matches!(self.response, ResponseForm::Http(form) if form.decodes_base64)
    }

    pub(crate) fn has_signs(&self, event: &Json<'_>) -> bool {
        let mut lists = self.signs.iter();
        lists.any(|signs| signs.iter().all(|sign| sign.holds(event)))
    }
}

impl Sign {
    fn holds(&self, event: &Json<'_>) -> bool {
        match self {
            Self::Exists(field) => !event.at(field).is_null(),
            Self::IsPath(field) => event
                .at(field)
                .text()
                .is_some_and(|text| text.starts_with('/')),
            Self::IsMap(field) => event.at(field).is_map(),
            Self::NotText(field) => event.at(field).text().is_none(),
            Self::Equals(field, expected) => event.at(field).text() == Some(expected),
            Self::Contains(field, part) => event
                .at(field)
                .text()
                .is_some_and(|text| text.contains(part)),
        }
    }
}
