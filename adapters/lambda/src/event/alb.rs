//! An Application Load Balancer with single-value headers ("Lambda functions as targets").

#[cfg(feature = "lambda_http")]
use lambda_http::request::RequestContext;

use super::description::{
    BODY, ClientScheme, Description, HEADERS, HeaderForm, HttpForm, Path, Peer, Query,
    ResponseForm, Sign,
};
use super::json::{Field, NO_FIELD};
use super::read;
use crate::header_text::HeaderText;

pub(super) const ELB: Field = &["requestContext", "elb"];

/// "Lambda functions as targets": the largest request body, and the largest JSON of a response.
const SIZE_LIMIT: usize = 1024 * 1024;

pub(super) const DESCRIPTION: Description = Description {
    name: "ALB",
    signs: &[&[Sign::Exists(ELB)]],
    method: &["httpMethod"],
    default_method: None,
    path: Some(Path {
        field: &["path"],
        read: read::path_as_sent,
        may_hold_query: false,
        stage: NO_FIELD,
        full: NO_FIELD,
    }),
    query: Query {
        fields: &[
            &["multiValueQueryStringParameters"],
            &["queryStringParameters"],
        ],
        read: read::encoded_query_map,
    },
    protocol: NO_FIELD,
    headers: HEADERS,
    header_text: HeaderText::Utf8,
    cookies: NO_FIELD,
    body: Some(BODY),
    peer: Peer::ForwardedFor,
    scheme: ClientScheme::ForwardedProto,
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::JoinedCookiesByCase,
        status_description: true,
        decodes_base64: true,
    }),
    response_limit: SIZE_LIMIT,
    response_header_limit: usize::MAX,
    can_stream: false,
    #[cfg(feature = "lambda_http")]
    request_context: |event| read::request_context(event).map(RequestContext::Alb),
    #[cfg(feature = "testing")]
    simulation: Some(simulated::SIMULATION),
};

#[cfg(feature = "testing")]
pub(super) mod simulated {
    use serde_json::{Value, json};

    use crate::event::simulation::{Arrived, EmptyBody, Simulation, last_values, text_headers};

    pub(in crate::event) const SIMULATION: Simulation = Simulation {
        name: "alb",
        event,
        stages: None,
        // A load balancer that authenticates users passes signed claims on in headers (`x-amzn-oidc-data`), and not in
        // the context.
        authorize: |_, _| false,
        host: "alb-1.eu-west-1.elb.amazonaws.com",
        added_headers: &[],
        sends_content_length: true,
        empty_body: Some(EmptyBody::Text),
        request_limit: super::SIZE_LIMIT,
        request_head_limit: usize::MAX,
        response_headers: text_headers,
        infers_response: false,
        renames_headers: false,
        failure: 502,
        timeout: None,
    };

    fn event(arrived: &Arrived<'_>) -> Value {
        let mut event = head(arrived);
        event["headers"] = last_values(&arrived.headers);
        event["queryStringParameters"] = last_values(&arrived.query_map());
        event
    }

    pub(in crate::event) fn head(arrived: &Arrived<'_>) -> Value {
        let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/group/0123456789abcdef";
        json!({
            "requestContext": {"elb": {"targetGroupArn": group}},
            "httpMethod": arrived.method(),
            "path": arrived.path,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn elb_in_the_request_context_identifies_a_load_balancer_event() {
        let event = r#"{"requestContext": {"elb": {}}, "headers": {}, "httpMethod": "GET"}"#;
        assert_eq!(source(event), Some(Source::Alb));
    }
}
