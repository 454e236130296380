//! The front doors of AWS, and an emulator of one.

use super::outcome::*;
use crate::capability::Instead::{Status, Story, Untried};
use crate::capability::{Ability, Capabilities};
use crate::profile::Profile;

pub(crate) static REST_API: Profile =
    Profile::new("lambda-rest-api", "lambda", "/live", GATEWAY_REST);

pub(crate) static REST_API_STREAM: Profile = Profile::new(
    "lambda-rest-api-stream",
    "lambda",
    "/live",
    streamed(GATEWAY_REST),
);

pub(crate) static HTTP_API: Profile = Profile::new(
    "lambda-http-api",
    "lambda",
    "",
    Capabilities {
        raw_path: Ability::lacking(DECODED_PATH, "rawPath is decoded", HTTP_API_EVENT),
        encoded_slash: Ability::lacking(DECODED_PATH, "rawPath is decoded", HTTP_API_EVENT),
        encoded_question_mark: Ability::lacking(
            CUT_PATH,
            "rawPath is decoded, and ends there",
            HTTP_API_EVENT,
        ),
        path_bytes: Ability::lacking(
            LOSSY_PATH,
            "rawPath is decoded into a JSON string",
            HTTP_API_EVENT,
        ),
        text_bytes: TEXT_IS_UTF8,
        authenticate: REMAPS,
        ..BUFFERED
    },
);

pub(crate) static FUNCTION_URL: Profile = Profile::new("lambda-function-url", "lambda", "", URL);

pub(crate) static FUNCTION_URL_STREAM: Profile =
    Profile::new("lambda-function-url-stream", "lambda", "", streamed(URL));

pub(crate) static ALB: Profile = Profile::new(
    "lambda-alb",
    "lambda",
    "",
    Capabilities {
        repeated_query: Ability::lacking(
            LAST_PARAMETER,
            "A map has one value for a key",
            ALB_EVENT,
        ),
        repeated_headers: Ability::lacking(LAST_VALUE, "A map has one value for a name", ALB_EVENT),
        repeated_cookies: Ability::lacking(LAST_VALUE, "A map has one value for a name", ALB_EVENT),
        ..BALANCER
    },
);

pub(crate) static ALB_MULTI: Profile = Profile::new(
    "lambda-alb-multi-value",
    "lambda",
    "",
    Capabilities {
        reply_header_order: Ability::lacking(
            REVERSED,
            "The load balancer writes the values of a name in reverse",
            "serverless-http#244",
        ),
        ..BALANCER
    },
);

pub(crate) static LATTICE: Profile = Profile::new(
    "lambda-lattice",
    "lambda",
    "",
    Capabilities {
        peer: Ability::lacking(NO_PEER, "The event does not tell it", LATTICE_EVENT),
        raw_query: Ability::lacking(SAME_PARAMETERS, MAP_SPELLS, LATTICE_EVENT),
        query_order: Ability::lacking(SORTED_PARAMETERS, MAP_SORTS, LATTICE_EVENT),
        text_bytes: TEXT_IS_UTF8,
        ..BUFFERED
    },
);

pub(crate) static EMULATOR: Profile =
    Profile::new("lambda-emulator", "lambda", "", EMULATED).adding(CORS);

pub(crate) static EMULATOR_STREAM: Profile = Profile::new(
    "lambda-emulator-stream",
    "lambda",
    "",
    Capabilities {
        cut: IGNORED,
        cut_at_once: Ability::lacking(
            SEEMS_EMPTY,
            "The emulator takes every end for the end",
            CARGO_LAMBDA,
        ),
        cut_of_known_length: IGNORED,
        cut_at_length: Ability::lacking(
            ENDS_AT_LENGTH,
            "The emulator takes every end for the end",
            CARGO_LAMBDA,
        ),
        head_length: Ability::lacking(
            NO_LENGTH,
            "The emulator sends every reply in chunks",
            CARGO_LAMBDA,
        ),
        disconnect: Ability::Carried,
        ..streamed(EMULATED)
    },
)
.adding(CORS);

const HTTP_API_EVENT: &str = "recorded events of HTTP APIs";
const REST_EVENT: &str = "recorded events of REST APIs";
const ALB_EVENT: &str = "AWS, \"Lambda functions as targets\" of load balancers";
const LATTICE_EVENT: &str = "AWS, \"Lambda functions as targets in VPC Lattice\"";
const CARGO_LAMBDA: &str = "cargo-lambda 1.9, `cargo lambda watch`";

const MAP_SPELLS: &str = "The event has a map of parameters, where a name always has a value";
const MAP_SORTS: &str = "The event has a map of parameters, which is sorted";

const TEXT_IS_UTF8: Ability = Ability::lacking(
    LOSSY_TEXT,
    "What says to be text is a JSON string in the event",
    "AWS, \"Invoking Lambda function URLs\"",
);

const REMAPS: Ability = Ability::lacking(
    REMAPPED,
    "The front door gives another name to it",
    "AWS, \"Important notes\" of API Gateway",
);

/// What holds for a function behind whatever front door, whose reply is one JSON.
const BUFFERED: Capabilities = Capabilities {
    asterisk_target: Ability::lacking(
        Status(400),
        "A front door finds its function by a path",
        "Function::invoke",
    ),
    request_trailers: Ability::lacking(
        NO_TRAILERS,
        "An event has none",
        "AWS, \"Invoking Lambda function URLs\"",
    ),
    reply_trailers: Ability::lacking(
        NO_TRAILERS,
        "A reply has none",
        "AWS, \"Invoking Lambda function URLs\"",
    ),
    http1_bytes: Ability::lacking(
        Untried,
        "The function gets an event and no bytes of HTTP",
        "AWS, \"Lambda runtime API\"",
    ),
    reply_header_utf8: Ability::lacking(
        LATIN1_VALUE,
        "JSON has characters and no bytes; those of a header are taken for Latin-1",
        "RFC 9110 §5.5; what AWS does was not recorded",
    ),
    streaming: AT_ONCE,
    early_head: AT_ONCE,
    cut: WHOLE_OR_NOT,
    cut_at_once: WHOLE_OR_NOT,
    cut_of_known_length: WHOLE_OR_NOT,
    cut_at_length: WHOLE_OR_NOT,
    backpressure: Ability::lacking(
        Story("all of it is made"),
        "Lambda takes what the function makes",
        "AWS, \"Response streaming\"",
    ),
    disconnect: Ability::lacking(
        Story("all of it is made"),
        "Nothing tells the function that the client left",
        "AWS, \"Lambda runtime API\"",
    ),
    ..Capabilities::ALL
};

const AT_ONCE: Ability =
    Ability::lacking(ALL_AT_ONCE, "A buffered reply is one JSON", "Mode::Buffer");
const WHOLE_OR_NOT: Ability =
    Ability::lacking(FAILED_WHOLE, "A buffered reply is one JSON", "Mode::Buffer");

/// The same where the reply is streamed.
const fn streamed(buffered: Capabilities) -> Capabilities {
    Capabilities {
        streaming: Ability::Carried,
        early_head: Ability::Carried,
        cut: Ability::Carried,
        cut_at_once: Ability::Carried,
        cut_of_known_length: Ability::Carried,
        cut_at_length: Ability::Carried,
        ..buffered
    }
}

const GATEWAY_REST: Capabilities = Capabilities {
    raw_query: Ability::lacking(
        SAME_PARAMETERS,
        "The event has a map of decoded parameters",
        REST_EVENT,
    ),
    query_order: Ability::lacking(SORTED_PARAMETERS, MAP_SORTS, REST_EVENT),
    lone_percent: Ability::lacking(
        MENDED_PERCENT,
        "The event has a map of decoded parameters",
        REST_EVENT,
    ),
    authenticate: REMAPS,
    ..BUFFERED
};

const URL: Capabilities = Capabilities {
    text_bytes: TEXT_IS_UTF8,
    authenticate: REMAPS,
    ..BUFFERED
};

const BALANCER: Capabilities = Capabilities {
    raw_query: Ability::lacking(SAME_PARAMETERS, MAP_SPELLS, ALB_EVENT),
    query_order: Ability::lacking(SORTED_PARAMETERS, MAP_SORTS, ALB_EVENT),
    text_bytes: TEXT_IS_UTF8,
    over_megabyte_up: Ability::lacking(Status(413), "The load balancer takes 1 MB", ALB_EVENT),
    megabyte_back: Ability::lacking(FAILED_WHOLE, "A reply may have 1 MB of JSON", ALB_EVENT),
    large_reply: Ability::lacking(FAILED_WHOLE, "A reply may have 1 MB of JSON", ALB_EVENT),
    ..BUFFERED
};

const EMULATED: Capabilities = Capabilities {
    absolute_target: Ability::lacking(
        HOST_DECIDES,
        "The emulator looks at the header",
        CARGO_LAMBDA,
    ),
    asterisk_target: Ability::lacking(
        Status(200),
        "The emulator answers every OPTIONS",
        CARGO_LAMBDA,
    ),
    options_method: Ability::lacking(
        Status(200),
        "The emulator answers every OPTIONS",
        CARGO_LAMBDA,
    ),
    repeated_headers: Ability::lacking(
        FIRST_VALUE,
        "The emulator makes a map of them",
        CARGO_LAMBDA,
    ),
    repeated_cookies: Ability::lacking(
        FIRST_VALUE,
        "The emulator makes a map of them",
        CARGO_LAMBDA,
    ),
    header_bytes: Ability::lacking(
        Status(500),
        "The emulator takes values for UTF-8",
        CARGO_LAMBDA,
    ),
    text_bytes: NOT_TEXT,
    untyped_bytes: NOT_TEXT,
    encoded_body: NOT_TEXT,
    reply_header_utf8: Ability::Carried,
    reply_header_bytes: Ability::lacking(
        UTF8_VALUE,
        "The emulator writes them as UTF-8",
        CARGO_LAMBDA,
    ),
    ..BUFFERED
};

const IGNORED: Ability = Ability::lacking(
    SEEMS_WHOLE,
    "The emulator takes every end for the end",
    CARGO_LAMBDA,
);

const NOT_TEXT: Ability = Ability::lacking(
    Status(500),
    "The emulator takes what says nothing else for UTF-8",
    CARGO_LAMBDA,
);

const CORS: &[(&str, &str)] = &[
    (
        "x-amzn-remapped-content-length",
        "what becomes of a Content-Length in a streamed reply",
    ),
    (
        "lambda-runtime-function-response-mode",
        "the emulator passes on what the function told it",
    ),
    (
        "access-control-allow-origin",
        "the emulator allows every origin",
    ),
    (
        "access-control-allow-credentials",
        "the emulator allows every origin",
    ),
    (
        "access-control-allow-headers",
        "the emulator allows every origin",
    ),
    (
        "access-control-allow-methods",
        "the emulator allows every origin",
    ),
    (
        "access-control-expose-headers",
        "the emulator allows every origin",
    ),
    ("vary", "the emulator says that it looked at the origin"),
];
