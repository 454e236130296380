//! An API Gateway REST API ("Lambda proxy integrations in API Gateway").

#[cfg(feature = "lambda_http")]
use lambda_http::request::RequestContext;

use super::description::{
    API_GATEWAY_HEADER_LIMIT, BODY, ClientScheme, Description, HEADERS, HeaderForm, HttpForm,
    LAMBDA_RESPONSE_LIMIT, Path, Peer, Query, ResponseForm, Sign,
};
use super::json::{Field, NO_FIELD};
use super::read;
use crate::header_text::HeaderText;

pub(super) const METHOD: Field = &["httpMethod"];
pub(super) const PATH: Field = &["path"];

pub(super) const DESCRIPTION: Description = Description {
    name: "REST API",
    // Emulators and tests omit the context. A method is not enough without a context: the event of a Bedrock agent
    // has a method, and a message of an application can have a method and the path of a file.
    signs: &[
        &[Sign::Exists(METHOD), Sign::IsMap(&["requestContext"])],
        &[
            Sign::Exists(METHOD),
            Sign::IsPath(PATH),
            Sign::IsMap(&["headers"]),
        ],
        &[
            Sign::Exists(METHOD),
            Sign::IsPath(PATH),
            Sign::IsMap(&["multiValueHeaders"]),
        ],
    ],
    method: METHOD,
    default_method: None,
    path: Some(Path {
        field: PATH,
        read: read::path_as_sent,
        may_hold_query: false,
        stage: &["requestContext", "stage"],
        full: &["requestContext", "path"],
    }),
    query: Query {
        fields: &[
            &["multiValueQueryStringParameters"],
            &["queryStringParameters"],
        ],
        read: read::decoded_query_map,
    },
    protocol: &["requestContext", "protocol"],
    headers: HEADERS,
    header_text: HeaderText::Latin1,
    cookies: NO_FIELD,
    body: Some(BODY),
    peer: Peer::Field(&["requestContext", "identity", "sourceIp"]),
    scheme: ClientScheme::Https,
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::MultiValue,
        status_description: false,
        decodes_base64: false,
    }),
    response_limit: LAMBDA_RESPONSE_LIMIT,
    response_header_limit: API_GATEWAY_HEADER_LIMIT,
    can_stream: true,
    #[cfg(feature = "lambda_http")]
    request_context: |event| read::request_context(event).map(RequestContext::ApiGatewayV1),
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
        Arrived, EVENT_LIMIT, EmptyBody, REQUEST_ID, Simulation, Stages, TIME_EPOCH, Timeout,
        Values, claim_strings, last_values, merged_headers,
    };
    use crate::front_door::claims::Kind;

    pub(in crate::event) const SIMULATION: Simulation = Simulation {
        name: "rest-api",
        event,
        stages: Some(Stages {
            default: "live",
            in_path: true,
            unknown: StatusCode::FORBIDDEN,
        }),
        authorize,
        host: "api.execute-api.eu-west-1.amazonaws.com",
        added_headers: &[],
        sends_content_length: false,
        empty_body: Some(EmptyBody::Null),
        request_limit: EVENT_LIMIT,
        request_head_limit: API_GATEWAY_HEADER_LIMIT,
        response_headers: merged_headers,
        infers_response: false,
        renames_headers: true,
        failure: 502,
        // "Quotas for API Gateway": the default of the integration timeout.
        timeout: Some(Timeout {
            after: Duration::from_secs(29),
            status: StatusCode::GATEWAY_TIMEOUT,
            message: "Endpoint request timed out",
        }),
    };

    pub(in crate::event) fn event(arrived: &Arrived<'_>) -> Value {
        let headers = arrived.headers.iter();
        let headers: Values = headers
            .map(|(name, values)| (capitalized(name), values.clone()))
            .collect();
        let query = arrived.decoded_query_map();
        let (single, multi) = match query.is_empty() {
            true => (Value::Null, Value::Null),
            false => (last_values(&query), json!(query)),
        };
        let proxy = arrived.path.trim_start_matches('/');
        json!({
            "resource": if proxy.is_empty() { "/" } else { "/{proxy+}" },
            "path": arrived.path,
            "httpMethod": arrived.method(),
            "headers": last_values(&headers),
            "multiValueHeaders": headers,
            "queryStringParameters": single,
            "multiValueQueryStringParameters": multi,
            "pathParameters": if proxy.is_empty() { Value::Null } else { json!({"proxy": proxy}) },
            "stageVariables": null,
            "requestContext": context(arrived, arrived.full_path),
        })
    }

    /// "Use API Gateway Lambda authorizers" and "Control access to REST APIs using Amazon Cognito user pools".
    fn authorize(context: &mut Value, claims: &Kind) -> bool {
        match claims {
            Kind::Jwt { claims, .. } => {
                context["authorizer"] = json!({"claims": claim_strings(claims, ",", ("", ""))});
            }
            Kind::Lambda(values) => {
                context["authorizer"] = claim_strings(values, ",", ("", ""));
                context["authorizer"]["integrationLatency"] = 0.into();
            }
            Kind::Iam(_) => identify(context, claims),
        }
        true
    }

    /// Writes the caller that AWS IAM authenticated to `identity`.
    pub(in crate::event) fn identify(context: &mut Value, claims: &Kind) {
        if let Kind::Iam(caller) = claims {
            for (name, key) in [
                ("accessKey", "accessKey"),
                ("accountId", "accountId"),
                ("caller", "callerId"),
                ("principalOrgId", "principalOrgId"),
                ("user", "userId"),
                ("userArn", "userArn"),
            ] {
                context["identity"][name] = caller.get(key).cloned().unwrap_or_default();
            }
        }
    }

    pub(in crate::event) fn context(arrived: &Arrived<'_>, path: &str) -> Value {
        let domain = arrived.header("host");
        json!({
            "accountId": "123456789012",
            "apiId": "api",
            "authorizer": null,
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "extendedRequestId": REQUEST_ID,
            "httpMethod": arrived.method(),
            "identity": {"sourceIp": arrived.peer, "userAgent": arrived.header("user-agent")},
            "path": path,
            "protocol": arrived.protocol(),
            "requestId": REQUEST_ID,
            "requestTimeEpoch": TIME_EPOCH,
            "resourceId": "resource",
            "resourcePath": "/{proxy+}",
            "stage": arrived.stage,
        })
    }

    /// Writes a header name as a REST API does, which capitalizes the names below and passes on all other names as
    /// the client sent them.
    fn capitalized(name: &str) -> String {
        match name {
            "host" => "Host",
            "user-agent" => "User-Agent",
            "x-amzn-trace-id" => "X-Amzn-Trace-Id",
            "x-forwarded-for" => "X-Forwarded-For",
            "x-forwarded-port" => "X-Forwarded-Port",
            "x-forwarded-proto" => "X-Forwarded-Proto",
            name => name,
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn a_method_with_a_request_context_or_with_a_path_and_headers_identifies_a_rest_api_event() {
        for event in [
            r#"{"httpMethod": "GET", "requestContext": {"stage": "x"}}"#,
            r#"{"httpMethod": "GET", "path": "/", "headers": {}}"#,
            r#"{"httpMethod": "GET", "path": "/", "headers": null, "multiValueHeaders": {}}"#,
        ] {
            assert_eq!(source(event), Some(Source::RestApi), "{event}");
        }
    }

    #[test]
    fn a_message_of_an_application_with_a_method_and_a_path_is_not_a_rest_api_event() {
        for event in [
            r#"{"httpMethod": "ORDER", "path": "Files/x"}"#,
            r#"{"httpMethod": "ORDER", "path": "Files/x", "headers": {}}"#,
            r#"{"httpMethod": "ORDER", "path": "/files/x"}"#,
            r#"{"httpMethod": "ORDER", "resource": "x"}"#,
        ] {
            assert_eq!(source(event), Some(Source::Event), "{event}");
        }
    }

    #[test]
    fn the_event_of_a_bedrock_agent_is_not_a_rest_api_event() {
        let event =
            r#"{"messageVersion": "1.0", "agent": {}, "httpMethod": "GET", "apiPath": "/x"}"#;
        assert_eq!(source(event), Some(Source::Event));
    }
}
