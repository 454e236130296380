//! Lambda functions behind the event sources of AWS, and under an emulator.

use super::outcome::*;
use crate::capability::Observed::{Scenario, Status, Untestable};
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
        raw_path: Ability::lacking(DECODED_PATH, "AWS decodes rawPath", HTTP_API_EVENT),
        encoded_slash: Ability::lacking(DECODED_PATH, "AWS decodes rawPath", HTTP_API_EVENT),
        encoded_question_mark: Ability::lacking(
            TRUNCATED_PATH,
            "AWS decodes rawPath and truncates it at the question mark",
            HTTP_API_EVENT,
        ),
        path_bytes: Ability::lacking(
            LOSSY_PATH,
            "AWS decodes rawPath into a JSON string",
            HTTP_API_EVENT,
        ),
        text_bytes: UTF8_TEXT_ONLY,
        authenticate: RENAMED_AUTHENTICATE,
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
            "The event has one value for each parameter",
            ALB_EVENT,
        ),
        repeated_headers: Ability::lacking(
            LAST_VALUE,
            "The event has one value for each header",
            ALB_EVENT,
        ),
        repeated_cookies: Ability::lacking(
            LAST_VALUE,
            "The event has one value for each header",
            ALB_EVENT,
        ),
        ..LOAD_BALANCER
    },
);

pub(crate) static ALB_MULTI: Profile = Profile::new(
    "lambda-alb-multi-value",
    "lambda",
    "",
    Capabilities {
        response_header_order: Ability::lacking(
            REVERSED,
            "The load balancer writes the values of a repeated header in reverse order",
            "serverless-http#244",
        ),
        ..LOAD_BALANCER
    },
);

pub(crate) static LATTICE: Profile = Profile::new(
    "lambda-lattice",
    "lambda",
    "",
    Capabilities {
        peer: Ability::lacking(
            NO_PEER,
            "AWS does not document that X-Forwarded-For cannot come from the client; the setting ANYHOST_LAMBDA_PROXIES trusts it",
            LATTICE_EVENT,
        ),
        raw_query: Ability::lacking(SAME_PARAMETERS, PARAMETER_MAP, LATTICE_EVENT),
        query_order: Ability::lacking(SORTED_PARAMETERS, SORTED_PARAMETER_MAP, LATTICE_EVENT),
        text_bytes: UTF8_TEXT_ONLY,
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
        aborted_body: ABORT_IGNORED,
        abort_before_body: Ability::lacking(
            LOOKS_EMPTY,
            "The emulator treats every end of the response as its regular end",
            CARGO_LAMBDA,
        ),
        abort_within_length: ABORT_IGNORED,
        excess_body: Ability::lacking(
            ENDS_AT_LENGTH,
            "The emulator treats every end of the response as its regular end",
            CARGO_LAMBDA,
        ),
        head_length: Ability::lacking(
            NO_LENGTH,
            "The emulator sends every response with chunked encoding",
            CARGO_LAMBDA,
        ),
        disconnect: Ability::Supported,
        ..streamed(EMULATED)
    },
)
.adding(CORS);

pub(crate) static RIE: Profile = Profile::new("lambda-rie", "lambda", "", URL);

pub(crate) static RIE_STREAM: Profile = Profile::new(
    "lambda-rie-stream",
    "lambda",
    "",
    Capabilities {
        aborted_body: RIE_IGNORES_ABORT,
        abort_before_body: Ability::lacking(LOOKS_EMPTY, RIE_IGNORES_TRAILERS, RIE_SOURCE),
        abort_within_length: RIE_IGNORES_ABORT,
        excess_body: Ability::lacking(ENDS_AT_LENGTH, RIE_IGNORES_TRAILERS, RIE_SOURCE),
        ..RIE_READS_STREAMS_WHOLE
    },
);

pub(crate) static RIE_MANAGED: Profile = Profile::new(
    "lambda-rie-managed",
    "lambda",
    "",
    Capabilities {
        aborted_body: RIE_REPORTS_ABORT,
        abort_before_body: RIE_REPORTS_ABORT,
        abort_within_length: RIE_REPORTS_ABORT,
        excess_body: RIE_REPORTS_ABORT,
        ..RIE_READS_STREAMS_WHOLE
    },
);

const HTTP_API_EVENT: &str = "recorded events of HTTP APIs";
const REST_EVENT: &str = "recorded events of REST APIs";
const ALB_EVENT: &str = "AWS, \"Lambda functions as targets\" of load balancers";
const LATTICE_EVENT: &str = "AWS, \"Lambda functions as targets in VPC Lattice\"";
const CARGO_LAMBDA: &str = "cargo-lambda 1.9, `cargo lambda watch`";

const PARAMETER_MAP: &str = "The event has a map of parameters, in which every name has a value";
const SORTED_PARAMETER_MAP: &str = "The event has a map of parameters, which is sorted by name";

const UTF8_TEXT_ONLY: Ability = Ability::lacking(
    LOSSY_TEXT,
    "A body with a text Content-Type is a JSON string in the event",
    "AWS, \"Invoking Lambda function URLs\"",
);

const RENAMED_AUTHENTICATE: Ability = Ability::lacking(
    RENAMED_HEADER,
    "AWS renames the header",
    "AWS, \"Important notes\" of API Gateway",
);

/// The capabilities of a function that returns its response as one JSON document, whatever its event source.
const BUFFERED: Capabilities = Capabilities {
    asterisk_target: Ability::lacking(
        Status(400),
        "AWS routes requests by their path",
        "Function::invoke",
    ),
    request_trailers: Ability::lacking(
        NO_TRAILERS,
        "Events have no trailers",
        "AWS, \"Invoking Lambda function URLs\"",
    ),
    response_trailers: Ability::lacking(
        NO_TRAILERS,
        "Responses of functions have no trailers",
        "AWS, \"Invoking Lambda function URLs\"",
    ),
    http1_bytes: Ability::lacking(
        Untestable,
        "The function receives an event, not HTTP",
        "AWS, \"Lambda runtime API\"",
    ),
    response_header_utf8: Ability::lacking(
        LATIN1_VALUE,
        "JSON holds characters, not bytes; header values are encoded as Latin-1",
        "RFC 9110 §5.5; the behavior of AWS was not recorded",
    ),
    streaming: BUFFERED_BODY,
    early_head: BUFFERED_BODY,
    aborted_body: NEVER_PARTIAL,
    abort_before_body: NEVER_PARTIAL,
    abort_within_length: NEVER_PARTIAL,
    excess_body: NEVER_PARTIAL,
    backpressure: Ability::lacking(
        Scenario("the handler produces the whole body"),
        "Lambda reads the response as fast as the function produces it",
        "AWS, \"Response streaming\"",
    ),
    disconnect: Ability::lacking(
        Scenario("the handler produces the whole body"),
        "Lambda does not report a disconnect to the function",
        "AWS, \"Lambda runtime API\"",
    ),
    ..Capabilities::ALL
};

const BUFFERED_BODY: Ability = Ability::lacking(
    ARRIVES_AT_END,
    "A buffered response is one JSON document",
    "Mode::Buffer",
);
const NEVER_PARTIAL: Ability = Ability::lacking(
    INTERNAL_ERROR,
    "A buffered response is one JSON document",
    "Mode::Buffer",
);

/// The capabilities of a function that streams its response.
const fn streamed(buffered: Capabilities) -> Capabilities {
    Capabilities {
        streaming: Ability::Supported,
        early_head: Ability::Supported,
        aborted_body: Ability::Supported,
        abort_before_body: Ability::Supported,
        abort_within_length: Ability::Supported,
        excess_body: Ability::Supported,
        ..buffered
    }
}

const GATEWAY_REST: Capabilities = Capabilities {
    raw_query: Ability::lacking(
        SAME_PARAMETERS,
        "The event has a map of decoded parameters",
        REST_EVENT,
    ),
    query_order: Ability::lacking(SORTED_PARAMETERS, SORTED_PARAMETER_MAP, REST_EVENT),
    lone_percent: Ability::lacking(
        ENCODED_PERCENT,
        "The event has a map of decoded parameters",
        REST_EVENT,
    ),
    authenticate: RENAMED_AUTHENTICATE,
    ..BUFFERED
};

const URL: Capabilities = Capabilities {
    text_bytes: UTF8_TEXT_ONLY,
    authenticate: RENAMED_AUTHENTICATE,
    ..BUFFERED
};

const LOAD_BALANCER: Capabilities = Capabilities {
    raw_query: Ability::lacking(SAME_PARAMETERS, PARAMETER_MAP, ALB_EVENT),
    query_order: Ability::lacking(SORTED_PARAMETERS, SORTED_PARAMETER_MAP, ALB_EVENT),
    text_bytes: UTF8_TEXT_ONLY,
    over_megabyte_up: Ability::lacking(
        Status(413),
        "The load balancer accepts at most 1 MB",
        ALB_EVENT,
    ),
    megabyte_back: Ability::lacking(
        INTERNAL_ERROR,
        "The load balancer accepts at most 1 MB of JSON as a response",
        ALB_EVENT,
    ),
    large_response: Ability::lacking(
        INTERNAL_ERROR,
        "The load balancer accepts at most 1 MB of JSON as a response",
        ALB_EVENT,
    ),
    ..BUFFERED
};

const EMULATED: Capabilities = Capabilities {
    absolute_target: Ability::lacking(
        HOST_HEADER_WINS,
        "The emulator uses the Host header",
        CARGO_LAMBDA,
    ),
    asterisk_target: Ability::lacking(
        Status(200),
        "The emulator answers every OPTIONS request itself",
        CARGO_LAMBDA,
    ),
    options_method: Ability::lacking(
        Status(200),
        "The emulator answers every OPTIONS request itself",
        CARGO_LAMBDA,
    ),
    repeated_headers: Ability::lacking(
        FIRST_VALUE,
        "The emulator keeps one value for each name",
        CARGO_LAMBDA,
    ),
    repeated_cookies: Ability::lacking(
        FIRST_VALUE,
        "The emulator keeps one value for each name",
        CARGO_LAMBDA,
    ),
    header_bytes: Ability::lacking(
        Status(500),
        "The emulator accepts only UTF-8 values",
        CARGO_LAMBDA,
    ),
    text_bytes: UTF8_ONLY,
    untyped_bytes: UTF8_ONLY,
    encoded_body: UTF8_ONLY,
    response_header_utf8: Ability::Supported,
    response_header_bytes: Ability::lacking(
        UTF8_VALUE,
        "The emulator writes header values as UTF-8",
        CARGO_LAMBDA,
    ),
    ..BUFFERED
};

const ABORT_IGNORED: Ability = Ability::lacking(
    LOOKS_COMPLETE,
    "The emulator treats every end of the response as its regular end",
    CARGO_LAMBDA,
);

/// AWS's emulator of the Runtime API, in the version of the package aws-sam-cli.
const RIE_SOURCE: &str = "AWS, Runtime Interface Emulator of aws-sam-cli 1.170";

const RIE_READS_STREAMS_WHOLE: Capabilities = Capabilities {
    streaming: RIE_BUFFERS,
    early_head: RIE_BUFFERS,
    ..streamed(URL)
};

const RIE_BUFFERS: Ability = Ability::lacking(
    ARRIVES_AT_END,
    "The emulator reads the whole response before it sends any of it",
    RIE_SOURCE,
);

const RIE_IGNORES_TRAILERS: &str = "The emulator ignores the error in the trailers of a response";

const RIE_IGNORES_ABORT: Ability =
    Ability::lacking(LOOKS_COMPLETE, RIE_IGNORES_TRAILERS, RIE_SOURCE);

const RIE_REPORTS_ABORT: Ability = Ability::lacking(
    Status(502),
    "The emulator reads the whole response, and reports the error in its trailers instead",
    RIE_SOURCE,
);

const UTF8_ONLY: Ability = Ability::lacking(
    Status(500),
    "The emulator treats a body as UTF-8 text unless its Content-Type is a binary one",
    CARGO_LAMBDA,
);

const CORS: &[(&str, &str)] = &[
    (
        "x-amzn-remapped-content-length",
        "the new name of Content-Length in a streamed response",
    ),
    (
        "lambda-runtime-function-response-mode",
        "the emulator passes on a header of the Runtime API",
    ),
    (
        "access-control-allow-origin",
        "the emulator adds CORS headers",
    ),
    (
        "access-control-allow-credentials",
        "the emulator adds CORS headers",
    ),
    (
        "access-control-allow-headers",
        "the emulator adds CORS headers",
    ),
    (
        "access-control-allow-methods",
        "the emulator adds CORS headers",
    ),
    (
        "access-control-expose-headers",
        "the emulator adds CORS headers",
    ),
    ("vary", "the emulator adds CORS headers"),
];
