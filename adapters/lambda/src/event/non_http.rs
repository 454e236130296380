//! Events that are not HTTP requests, for example from queues, schedules, buckets and direct invocations.
//!
//! With the setting `ANYHOST_LAMBDA_EVENTS`, such an event becomes a POST of its JSON to the path in the setting, and
//! the response becomes the result of the invocation.

use super::description::{
    ClientScheme, Description, LAMBDA_RESPONSE_LIMIT, Peer, Query, ResponseForm, Sign,
};
use super::json::NO_FIELD;
use crate::header_text::HeaderText;

const IS_AUTHORIZER_REQUEST: Sign = Sign::Equals(&["type"], "REQUEST");

pub(super) const DESCRIPTION: Description = Description {
    name: "non-HTTP event",
    // API Gateway sends the client's request to a Lambda authorizer, which must return a policy and not a response.
    // Every other non-HTTP event is an event that no description recognizes.
    signs: &[
        &[IS_AUTHORIZER_REQUEST, Sign::Exists(&["methodArn"])],
        &[IS_AUTHORIZER_REQUEST, Sign::Exists(&["routeArn"])],
    ],
    method: NO_FIELD,
    default_method: Some("POST"),
    path: None,
    query: Query::NONE,
    protocol: NO_FIELD,
    headers: &[],
    header_text: HeaderText::Latin1,
    cookies: NO_FIELD,
    body: None,
    peer: Peer::Unknown,
    scheme: ClientScheme::NotHttp,
    response: ResponseForm::Result,
    response_limit: LAMBDA_RESPONSE_LIMIT,
    response_header_limit: usize::MAX,
    can_stream: false,
    #[cfg(feature = "lambda_http")]
    request_context: |_| None,
    #[cfg(feature = "testing")]
    simulation: None,
};

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn an_event_that_no_description_recognizes_is_not_http() {
        for event in [
            r#"{"Records": []}"#,
            r#"{"detail-type": "x"}"#,
            "{}",
            "[]",
            "null",
            "5",
            r#""requestContext""#,
        ] {
            assert_eq!(source(event), Some(Source::Event), "{event}");
        }
    }

    #[test]
    fn the_request_of_a_lambda_authorizer_is_not_http() {
        for event in [
            r#"{"type": "REQUEST", "methodArn": "x", "httpMethod": "GET", "path": "/", "requestContext": {}}"#,
            r#"{"type": "REQUEST", "routeArn": "x", "rawPath": "/", "requestContext": {"http": {}}}"#,
        ] {
            assert_eq!(source(event), Some(Source::Event), "{event}");
        }
    }
}
