//! An API Gateway HTTP API with payload format 2.0 ("Create AWS Lambda proxy integrations for HTTP APIs in
//! API Gateway").

#[cfg(feature = "lambda_http")]
use lambda_http::request::RequestContext;

use super::description::{
    API_GATEWAY_HEADER_LIMIT, BODY, ClientScheme, Description, HEADERS, HeaderForm, HttpForm,
    LAMBDA_RESPONSE_LIMIT, Path, Peer, Query, ResponseForm, Sign,
};
use super::json::{Field, NO_FIELD};
use super::read;
use crate::header_text::HeaderText;

pub(super) const HTTP: Field = &["requestContext", "http"];
pub(super) const PATH: Field = &["rawPath"];

pub(super) const DESCRIPTION: Description = Description {
    name: "HTTP API",
    signs: &[
        &[Sign::Exists(HTTP)],
        // An event without some of the fields that AWS sends is still a request, and gets an error response.
        &[Sign::IsMap(&["requestContext"]), Sign::Exists(PATH)],
    ],
    method: &["requestContext", "http", "method"],
    default_method: None,
    path: Some(Path {
        field: PATH,
        read: read::decoded_path,
        may_hold_query: false,
        stage: &["requestContext", "stage"],
        full: NO_FIELD,
    }),
    query: Query {
        fields: &[&["rawQueryString"]],
        read: read::query_as_sent,
    },
    protocol: &["requestContext", "http", "protocol"],
    headers: HEADERS,
    header_text: HeaderText::Latin1,
    // The event has no Cookie header.
    cookies: &["cookies"],
    body: Some(BODY),
    peer: Peer::Field(&["requestContext", "http", "sourceIp"]),
    scheme: ClientScheme::Https,
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::Joined,
        status_description: false,
        decodes_base64: true,
    }),
    response_limit: LAMBDA_RESPONSE_LIMIT,
    response_header_limit: API_GATEWAY_HEADER_LIMIT,
    can_stream: false,
    #[cfg(feature = "lambda_http")]
    request_context: |event| read::request_context(event).map(RequestContext::ApiGatewayV2),
    #[cfg(feature = "testing")]
    simulation: Some(simulated::SIMULATION),
};

#[cfg(feature = "testing")]
pub(super) mod simulated {
    use std::time::Duration;

    use http::StatusCode;
    use serde_json::{Value, json};

    use crate::event::description::API_GATEWAY_HEADER_LIMIT;
    use crate::event::simulation::{
        Arrived, EVENT_LIMIT, REQUEST_ID, Simulation, Stages, TIME_EPOCH, Timeout, claim_strings,
        decoded, headers_and_cookies, iam_authorizer, joined,
    };
    use crate::front_door::claims::Kind;

    pub(in crate::event) const SIMULATION: Simulation = Simulation {
        name: "http-api",
        event,
        stages: Some(Stages {
            default: "$default",
            in_path: false,
            unknown: StatusCode::NOT_FOUND,
        }),
        authorize,
        host: "api.execute-api.eu-west-1.amazonaws.com",
        added_headers: &[],
        sends_content_length: true,
        empty_body: None,
        request_limit: EVENT_LIMIT,
        request_head_limit: API_GATEWAY_HEADER_LIMIT,
        response_headers: headers_and_cookies,
        infers_response: true,
        renames_headers: true,
        failure: 502,
        // "Quotas for API Gateway": the maximum integration timeout.
        timeout: Some(Timeout {
            after: Duration::from_secs(30),
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "Service Unavailable",
        }),
    };

    fn event(arrived: &Arrived<'_>) -> Value {
        let path = decoded(arrived.full_path);
        // AWS ends the path at an encoded `?` and drops the rest.
        let path = path.split('?').next().unwrap_or_default();
        let mut event = payload_v2(arrived, path, path, arrived.header("host"));
        if let Some(headers) = event["headers"].as_object_mut() {
            headers.remove("cookie");
        }
        event
    }

    /// "Control access to HTTP APIs with JWT authorizers", "… with AWS Lambda authorizers" and "… with IAM
    /// authorization in API Gateway".
    fn authorize(context: &mut Value, claims: &Kind) -> bool {
        context["authorizer"] = match claims {
            Kind::Jwt { claims, scopes } => {
                let claims = claim_strings(claims, " ", ("[", "]"));
                json!({"jwt": {"claims": claims, "scopes": scopes}})
            }
            Kind::Lambda(values) => json!({"lambda": values}),
            Kind::Iam(caller) => iam_authorizer(caller),
        };
        true
    }

    pub(in crate::event) fn payload_v2(
        arrived: &Arrived<'_>,
        raw_path: &str,
        path: &str,
        domain: &str,
    ) -> Value {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": raw_path,
            "rawQueryString": arrived.query.unwrap_or_default(),
            "headers": joined(&arrived.headers),
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "domainName": domain,
                "domainPrefix": domain.split('.').next(),
                "http": {
                    "method": arrived.method(),
                    "path": path,
                    "protocol": arrived.protocol(),
                    "sourceIp": arrived.peer,
                    "userAgent": arrived.header("user-agent"),
                },
                "requestId": REQUEST_ID,
                "routeKey": "$default",
                "stage": arrived.stage,
                "timeEpoch": TIME_EPOCH,
            },
        });
        let query = arrived.decoded_query_map();
        if !query.is_empty() {
            event["queryStringParameters"] = joined(&query);
        }
        if let Some(cookies) = arrived.headers.get("cookie") {
            let cookies = cookies.iter().flat_map(|cookies| cookies.split(';'));
            event["cookies"] = cookies.map(str::trim).collect();
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn a_request_context_with_http_and_an_api_id_identifies_an_http_api_event() {
        let event = r#"{"requestContext": {"http": {}, "apiId": "x"}}"#;
        assert_eq!(source(event), Some(Source::HttpApi));
    }

    #[test]
    fn a_raw_path_or_a_route_key_without_a_request_context_does_not_identify_an_http_api_event() {
        let event = r#"{"rawPath": "/", "requestContext": {"stage": "x"}}"#;
        assert_eq!(source(event), Some(Source::HttpApi));
        for event in [
            r#"{"rawPath": "/"}"#,
            r#"{"routeKey": "$default"}"#,
            r#"{"rawPath": "/", "routeKey": "x", "headers": {}}"#,
        ] {
            assert_eq!(source(event), Some(Source::Event), "{event}");
        }
    }
}
