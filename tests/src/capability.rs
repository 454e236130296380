//! What a host may be unable to carry, and what is seen instead.

use crate::case::Check;
use crate::received::Received;

/// Whether a host carries something.
#[derive(Clone, Copy, Debug)]
pub enum Ability {
    /// It does.
    Carried,
    /// It does not, and this is known of it.
    Lacking(Lack),
}

/// A lack that was declared. One that turns out to be carried is a failure, so that declarations
/// stay true.
#[derive(Clone, Copy, Debug)]
pub struct Lack {
    /// What is seen instead.
    pub instead: Instead,
    /// Why, in a sentence.
    pub reason: &'static str,
    /// Where that is written, or who decided it.
    pub source: &'static str,
}

/// What is seen of a host that lacks something.
#[derive(Clone, Copy, Debug)]
pub enum Instead {
    /// It answers by itself, with this status.
    Status(u16),
    /// A reply that this holds for, which the sentence describes. The request is the one that the case
    /// sends.
    Reply(&'static str, fn(&http::Request<()>, &Received) -> Check),
    /// Something that takes more than one request to see, and makes the stories fail that need it.
    Story(&'static str),
    /// It cannot even be tried: a case that does so fails.
    Untried,
}

impl Ability {
    /// A lack of it.
    pub const fn lacking(instead: Instead, reason: &'static str, source: &'static str) -> Self {
        Self::Lacking(Lack {
            instead,
            reason,
            source,
        })
    }

    /// The lack, if it is one.
    pub fn lack(&self) -> Option<&Lack> {
        match self {
            Self::Carried => None,
            Self::Lacking(lack) => Some(lack),
        }
    }
}

impl std::fmt::Display for Instead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status} of the host's own"),
            Self::Reply(sentence, _) => f.write_str(sentence),
            Self::Story(sentence) => f.write_str(sentence),
            Self::Untried => f.write_str("there is no way to try"),
        }
    }
}

macro_rules! capabilities {
    ($($(#[doc = $doc:literal])+ $field:ident $need:ident)+) => {
        /// What a host carries of all that a request or reply may hold.
        #[derive(Clone, Copy, Debug)]
        pub struct Capabilities {
            $($(#[doc = $doc])+ pub $field: Ability,)+
        }

        /// Something that a case needs of a host: a field of [`Capabilities`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Need {
            $($(#[doc = $doc])+ $need,)+
        }

        impl Capabilities {
            /// Everything, as the in-process call and the standalone server have it.
            pub const ALL: Self = Self { $($field: Ability::Carried,)+ };

            /// Whether this is carried.
            pub fn of(&self, need: Need) -> &Ability {
                match need {
                    $(Need::$need => &self.$field,)+
                }
            }
        }

        impl Need {
            /// Every one, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$need,)+];

            /// What it is, in a few words.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$need => concat!($($doc),+).trim().trim_end_matches('.'),)+
                }
            }
        }
    };
}

capabilities! {
    /// A path keeps its percent-encoding.
    raw_path RawPath
    /// `%2F` in a path is not a slash.
    encoded_slash EncodedSlash
    /// `%3F` in a path begins no query.
    encoded_question_mark EncodedQuestionMark
    /// Slashes that follow each other stay apart.
    double_slash DoubleSlash
    /// `..` in a path is the handler's business.
    dot_segments DotSegments
    /// A path may hold encoded control characters.
    control_in_path ControlInPath
    /// A path may hold bytes that are no UTF-8.
    path_bytes PathBytes
    /// A path of 7 KB.
    long_path LongPath
    /// A `%` in a query that encodes nothing.
    lone_percent LonePercent
    /// The parameters of a query keep their order.
    query_order QueryOrder
    /// A query keeps its spelling.
    raw_query RawQuery
    /// A query keeps its repeated keys.
    repeated_query RepeatedQuery
    /// A target that is a whole URL.
    absolute_target AbsoluteTarget
    /// `OPTIONS *`.
    asterisk_target AsteriskTarget
    /// Methods that nobody registered.
    any_method AnyMethod
    /// The case of a method.
    method_case MethodCase
    /// The method OPTIONS.
    options_method OptionsMethod
    /// The method QUERY.
    query_method QueryMethod
    /// A Host with a port.
    host_port HostPort
    /// Each of several request headers of one name.
    repeated_headers RepeatedHeaders
    /// Each of several Cookie headers.
    repeated_cookies RepeatedCookies
    /// Request header values beyond ASCII.
    header_bytes HeaderBytes
    /// Request headers without a value.
    empty_headers EmptyHeaders
    /// Request headers with an underscore in their name.
    underscore_headers UnderscoreHeaders
    /// Request headers with `Proxy` for a name.
    proxy_header ProxyHeader
    /// Authorization.
    authorization Authorization
    /// Accept-Encoding.
    accept_encoding AcceptEncoding
    /// A request header of 7 KB.
    long_headers LongHeaders
    /// 90 request headers.
    many_headers ManyHeaders
    /// The client's address.
    peer Peer
    /// A body on GET.
    get_body GetBody
    /// A POST without body and length.
    bodiless_post BodilessPost
    /// A request body of unknown length.
    unknown_length UnknownLength
    /// A request body of 1 MiB.
    megabyte_up MegabyteUp
    /// A request body of more than 1 MiB.
    over_megabyte_up OverMegabyteUp
    /// 1 MiB of bytes up and down again.
    megabyte_back MegabyteBack
    /// A request body that says to be text, in another charset than UTF-8.
    text_bytes TextBytes
    /// A request body that is no UTF-8 and has no Content-Type.
    untyped_bytes UntypedBytes
    /// A request body with a Content-Encoding.
    encoded_body EncodedBody
    /// Trailers of a request.
    request_trailers RequestTrailers
    /// A reply of 2 MB.
    large_reply LargeReply
    /// Each of several reply headers of one name, in order.
    reply_header_order ReplyHeaderOrder
    /// Reply header values beyond ASCII.
    reply_header_bytes ReplyHeaderBytes
    /// Reply header values in UTF-8.
    reply_header_utf8 ReplyHeaderUtf8
    /// Reply headers without a value.
    empty_reply_headers EmptyReplyHeaders
    /// A reply header of 3 KB.
    reply_header_3k ReplyHeader3k
    /// A reply header of 8 KB.
    reply_header_8k ReplyHeader8k
    /// A Location beside 200.
    location_with_200 LocationWith200
    /// WWW-Authenticate by its name.
    authenticate Authenticate
    /// A reply to HEAD that declares a length.
    head_length HeadLength
    /// A status that nobody registered.
    any_status AnyStatus
    /// A reply arrives while it is made.
    streaming Streaming
    /// The head of a reply arrives before any of its body.
    early_head EarlyHead
    /// A reply that breaks off is seen to be cut.
    cut Cut
    /// A reply that breaks off before anything of it was made is seen to be cut.
    cut_at_once CutAtOnce
    /// A reply that breaks off within its declared length is seen to be cut.
    cut_of_known_length CutOfKnownLength
    /// A reply that is longer than it declared is seen to be cut.
    cut_at_length CutAtLength
    /// Trailers of a reply.
    reply_trailers ReplyTrailers
    /// A reply is made no faster than its client takes it.
    backpressure Backpressure
    /// A client that leaves ends the handler's work.
    disconnect Disconnect
    /// The next request finds the same process.
    memory Memory
    /// HTTP/1.1 byte by byte, on one connection.
    http1_bytes Http1Bytes
}
