//! The capabilities of hosts, and the behavior that a client observes on a host that lacks a capability.

use crate::case::Check;
use crate::received::Received;

/// Whether a host has one capability.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ability {
    /// The host has the capability.
    Supported,
    /// The host lacks the capability.
    Lacking(Lack),
}

/// A declared limitation of a host. The suite checks the declaration: a case that needs the
/// capability must fail in the declared way, and must not pass.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Lack {
    /// The behavior that the client observes.
    pub observed: Observed,
    /// The reason, in one sentence.
    pub reason: &'static str,
    /// The document, decision or observation that the declaration is based on.
    pub source: &'static str,
}

/// The behavior that a client observes on a host that lacks a capability.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Observed {
    /// The host responds with this status before the request reaches the handler.
    Status(u16),
    /// The response passes this check. The text describes for readers the responses that the check accepts. The check
    /// gets the request of the case, too.
    Response(&'static str, fn(&http::Request<()>, &Received) -> Check),
    /// Behavior that a single response does not show. Scenarios that need the capability fail.
    Scenario(&'static str),
    /// The transport cannot express the request of the case, so the case fails.
    Untestable,
}

impl Ability {
    /// Declares that a host lacks a capability.
    pub const fn lacking(observed: Observed, reason: &'static str, source: &'static str) -> Self {
        Self::Lacking(Lack {
            observed,
            reason,
            source,
        })
    }

    /// The declaration, if the host lacks the capability.
    pub fn lack(&self) -> Option<&Lack> {
        match self {
            Self::Supported => None,
            Self::Lacking(lack) => Some(lack),
        }
    }
}

impl std::fmt::Display for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the host itself responds with {status}"),
            Self::Response(sentence, _) | Self::Scenario(sentence) => f.write_str(sentence),
            Self::Untestable => f.write_str("cannot be tested"),
        }
    }
}

macro_rules! capabilities {
    ($($(#[doc = $doc:literal])+ $field:ident $need:ident)+) => {
        /// The capabilities that a host may have or lack.
        ///
        /// Begin with [`Capabilities::ALL`], and replace the capabilities that the host lacks. Later versions add
        /// fields for further limitations, so always end with `..Capabilities::ALL`.
        #[derive(Clone, Copy, Debug)]
        pub struct Capabilities {
            $($(#[doc = $doc])+ pub $field: Ability,)+
        }

        /// A capability that a case needs. Each variant belongs to one field of [`Capabilities`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Need {
            $($(#[doc = $doc])+ $need,)+
        }

        impl Capabilities {
            /// A host that supports everything.
            pub const ALL: Self = Self { $($field: Ability::Supported,)+ };

            /// Whether the host has this capability.
            pub fn of(&self, need: Need) -> &Ability {
                match need {
                    $(Need::$need => &self.$field,)+
                }
            }
        }

        impl Need {
            /// Every capability, in the order of the rows of the table.
            pub const ALL: &[Self] = &[$(Self::$need,)+];

            /// The capability in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$need => concat!($($doc),+).trim().trim_end_matches('.'),)+
                }
            }
        }
    };
}

capabilities! {
    /// The percent-encoding of the path is preserved.
    raw_path RawPath
    /// `%2F` in the path stays encoded.
    encoded_slash EncodedSlash
    /// `%3F` in the path stays encoded.
    encoded_question_mark EncodedQuestionMark
    /// Consecutive slashes in the path are preserved.
    double_slash DoubleSlash
    /// `.` and `..` in the path reach the handler.
    dot_segments DotSegments
    /// Percent-encoded control characters in the path.
    control_in_path ControlInPath
    /// Percent-encoded bytes in the path that are not UTF-8.
    path_bytes PathBytes
    /// A path of 7 KB.
    long_path LongPath
    /// A `%` in the query without two hexadecimal digits after it.
    lone_percent LonePercent
    /// Query parameters keep their order.
    query_order QueryOrder
    /// The encoding of the query is preserved.
    raw_query RawQuery
    /// Every value of a repeated query parameter.
    repeated_query RepeatedQuery
    /// A request target in absolute form (`GET http://host/path`).
    absolute_target AbsoluteTarget
    /// The request target `*` (`OPTIONS *`).
    asterisk_target AsteriskTarget
    /// Methods that are not registered with IANA.
    any_method AnyMethod
    /// Methods in mixed case.
    method_case MethodCase
    /// The method OPTIONS.
    options_method OptionsMethod
    /// The method QUERY.
    query_method QueryMethod
    /// A Host header with a port.
    host_port HostPort
    /// Every value of a repeated request header.
    repeated_headers RepeatedHeaders
    /// Every value of a repeated Cookie header.
    repeated_cookies RepeatedCookies
    /// Request header values outside ASCII.
    header_bytes HeaderBytes
    /// Request headers with an empty value.
    empty_headers EmptyHeaders
    /// Request header names with an underscore.
    underscore_headers UnderscoreHeaders
    /// The request header `Proxy`.
    proxy_header ProxyHeader
    /// The request header Authorization.
    authorization Authorization
    /// The request header Accept-Encoding.
    accept_encoding AcceptEncoding
    /// A request header of 7 KB.
    long_headers LongHeaders
    /// 90 request headers.
    many_headers ManyHeaders
    /// The address of the client.
    peer Peer
    /// A GET request with a body.
    get_body GetBody
    /// A POST request with neither a body nor a Content-Length.
    bodiless_post BodilessPost
    /// A request body of unknown length.
    unknown_length UnknownLength
    /// A request body of 1 MiB.
    megabyte_up MegabyteUp
    /// A request body larger than 1 MiB.
    over_megabyte_up OverMegabyteUp
    /// 1 MiB of binary data in the request and in the response.
    megabyte_back MegabyteBack
    /// A request body with a text Content-Type and a charset other than UTF-8.
    text_bytes TextBytes
    /// A request body that is not UTF-8 and has no Content-Type.
    untyped_bytes UntypedBytes
    /// A request body with a Content-Encoding.
    encoded_body EncodedBody
    /// Request trailers.
    request_trailers RequestTrailers
    /// A response body of 2 MB.
    large_response LargeResponse
    /// Repeated response headers keep their order.
    response_header_order ResponseHeaderOrder
    /// Response header values outside ASCII.
    response_header_bytes ResponseHeaderBytes
    /// Response header values in UTF-8.
    response_header_utf8 ResponseHeaderUtf8
    /// Response headers with an empty value.
    empty_response_headers EmptyResponseHeaders
    /// A response header of 3 KB.
    response_header_3k ResponseHeader3k
    /// A response header of 8 KB.
    response_header_8k ResponseHeader8k
    /// A Location header in a 200 response.
    location_with_200 LocationWith200
    /// The response header WWW-Authenticate keeps its name.
    authenticate Authenticate
    /// Content-Length in the response to HEAD.
    head_length HeadLength
    /// Status codes that are not registered with IANA.
    any_status AnyStatus
    /// Each chunk of a response arrives before the next one is produced.
    streaming Streaming
    /// The head of a response arrives before the first chunk is produced.
    early_head EarlyHead
    /// The client can detect that a response was aborted.
    aborted_body AbortedBody
    /// The client can detect that a response was aborted before its first chunk.
    abort_before_body AbortBeforeBody
    /// The client can detect that a response was aborted before its Content-Length was reached.
    abort_within_length AbortWithinLength
    /// The client can detect that a body is longer than its Content-Length.
    excess_body ExcessBody
    /// Response trailers.
    response_trailers ResponseTrailers
    /// Backpressure: a body is produced no faster than the client reads it.
    backpressure Backpressure
    /// The handler stops when the client disconnects.
    disconnect Disconnect
    /// Successive requests reach the same process.
    memory Memory
    /// Handlers can call `tokio::task::block_in_place`.
    block_in_place BlockInPlace
    /// Raw HTTP/1.1 bytes on a connection.
    http1_bytes Http1Bytes
}
