//! A Lambda Function URL ("Creating and managing Lambda function URLs"). The event has the HTTP API's payload format
//! 2.0, but its path is as the client sent it, and responses have no header limit.

use super::description::{Description, Path, Sign};
use super::http_api::{self, HTTP, PATH};
use super::json::NO_FIELD;
use super::read;

pub(super) const DESCRIPTION: Description = Description {
    name: "Function URL",
    // Without an API id, the event comes from a Function URL, or from an emulator of a Function URL.
    signs: &[
        &[
            Sign::Exists(HTTP),
            Sign::Contains(&["requestContext", "domainName"], ".lambda-url."),
        ],
        &[
            Sign::Exists(HTTP),
            Sign::NotText(&["requestContext", "apiId"]),
        ],
    ],
    path: Some(Path {
        field: PATH,
        read: read::path_as_sent,
        may_hold_query: false,
        stage: NO_FIELD,
        full: NO_FIELD,
    }),
    // The event has the cookies in this list and also in the Cookie header.
    cookies: &["cookies"],
    response_header_limit: usize::MAX,
    can_stream: true,
    #[cfg(feature = "testing")]
    simulation: Some(simulated::SIMULATION),
    ..http_api::DESCRIPTION
};

#[cfg(feature = "testing")]
mod simulated {
    use serde_json::Value;

    use crate::event::http_api::simulated as http_api;
    use crate::event::simulation::{
        Arrived, Simulation, decoded, iam_authorizer, text_headers, with_cookies,
    };
    use crate::front_door::claims::Kind;

    const HOST: &str = "api.lambda-url.eu-west-1.on.aws";

    pub(super) const SIMULATION: Simulation = Simulation {
        name: "function-url",
        event,
        stages: None,
        authorize,
        host: HOST,
        added_headers: &[
            ("x-amzn-tls-version", "TLSv1.3"),
            ("x-amzn-tls-cipher-suite", "TLS_AES_128_GCM_SHA256"),
        ],
        request_head_limit: usize::MAX,
        response_headers: |response| with_cookies(response, text_headers(response)?),
        timeout: None,
        ..http_api::SIMULATION
    };

    fn event(arrived: &Arrived<'_>) -> Value {
        // `domainName` is the domain name of the function, even if a proxy in front of it sends another Host header.
        let mut event = http_api::payload_v2(arrived, arrived.path, &decoded(arrived.path), HOST);
        event["requestContext"]["stage"] = "$default".into();
        event
    }

    /// "Control access to Lambda function URLs": a Function URL can only use AWS IAM.
    fn authorize(context: &mut Value, claims: &Kind) -> bool {
        let Kind::Iam(caller) = claims else {
            return false;
        };
        context["authorizer"] = iam_authorizer(caller);
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn the_domain_name_or_a_missing_api_id_distinguishes_a_function_url_from_an_http_api() {
        for event in [
            r#"{"requestContext": {"http": {}, "apiId": "x", "domainName": "x.lambda-url.eu-west-1.on.aws"}}"#,
            r#"{"requestContext": {"http": {}}}"#,
        ] {
            assert_eq!(source(event), Some(Source::FunctionUrl), "{event}");
        }
    }
}
