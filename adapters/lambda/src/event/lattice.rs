//! VPC Lattice, event format 2.0 ("Lambda functions as targets in VPC Lattice").

#[cfg(feature = "lambda_http")]
use lambda_http::request::RequestContext;

use super::description::{
    BODY, ClientScheme, Description, HEADERS, HeaderForm, HttpForm, LAMBDA_RESPONSE_LIMIT, Path,
    Peer, Query, ResponseForm, Sign,
};
use super::json::NO_FIELD;
use super::read;
use crate::header_text::HeaderText;

pub(super) const DESCRIPTION: Description = Description {
    name: "VPC Lattice",
    signs: &[
        &[Sign::Exists(&["requestContext", "serviceArn"])],
        &[Sign::Exists(&["requestContext", "serviceNetworkArn"])],
    ],
    method: &["method"],
    default_method: None,
    path: Some(Path {
        field: &["path"],
        read: read::path_as_sent,
        // If the path has a query, the map contains the same query.
        may_hold_query: true,
        stage: NO_FIELD,
        full: NO_FIELD,
    }),
    query: Query {
        fields: &[&["queryStringParameters"]],
        read: read::encoded_query_map,
    },
    protocol: NO_FIELD,
    headers: HEADERS,
    header_text: HeaderText::Latin1,
    cookies: NO_FIELD,
    body: Some(BODY),
    peer: Peer::ForwardedForIfTrusted,
    scheme: ClientScheme::ForwardedForProto,
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::JoinedCookiesByCase,
        status_description: true,
        decodes_base64: true,
    }),
    response_limit: LAMBDA_RESPONSE_LIMIT,
    response_header_limit: usize::MAX,
    can_stream: false,
    #[cfg(feature = "lambda_http")]
    request_context: |event| read::request_context(event).map(RequestContext::VpcLattice),
    #[cfg(feature = "testing")]
    simulation: Some(simulated::SIMULATION),
};

#[cfg(feature = "testing")]
mod simulated {
    use serde_json::{Value, json};

    use crate::event::simulation::{Arrived, EVENT_LIMIT, Simulation, TIME_EPOCH, text_headers};
    use crate::front_door::claims::Kind;

    pub(super) const SIMULATION: Simulation = Simulation {
        name: "lattice",
        event,
        stages: None,
        authorize,
        host: "service-0.vpc-lattice-svcs.eu-west-1.on.aws",
        added_headers: &[],
        sends_content_length: true,
        empty_body: None,
        request_limit: EVENT_LIMIT,
        request_head_limit: usize::MAX,
        response_headers: text_headers,
        infers_response: false,
        renames_headers: false,
        failure: 500,
        timeout: None,
    };

    fn event(arrived: &Arrived<'_>) -> Value {
        let arn = |resource| format!("arn:aws:vpc-lattice:eu-west-1:123456789012:{resource}");
        let mut event = json!({
            "version": "2.0",
            "path": arrived.path,
            "method": arrived.method(),
            "headers": arrived.headers,
            "requestContext": {
                "serviceNetworkArn": arn("servicenetwork/sn-0123456789abcdef0"),
                "serviceArn": arn("service/svc-0123456789abcdef0"),
                "targetGroupArn": arn("targetgroup/tg-0123456789abcdef0"),
                "identity": {"sourceVpcArn": "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-0123456789abcdef0"},
                "region": "eu-west-1",
                "timeEpoch": (TIME_EPOCH * 1000).to_string(),
            },
        });
        let query = arrived.query_map();
        if !query.is_empty() {
            event["queryStringParameters"] = json!(query);
        }
        event
    }

    /// "Lambda functions as targets in VPC Lattice": the identity of a caller that AWS IAM authenticated.
    fn authorize(context: &mut Value, claims: &Kind) -> bool {
        let Kind::Iam(caller) = claims else {
            return false;
        };
        let identity = &mut context["identity"];
        identity["type"] = "AWS_IAM".into();
        for (name, key) in [
            ("principal", "userArn"),
            ("principalOrgID", "principalOrgId"),
        ] {
            if let Some(value) = caller.get(key) {
                identity[name] = value.clone();
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn a_service_or_service_network_in_the_request_context_identifies_a_vpc_lattice_event() {
        for event in [
            r#"{"version": "2.0", "method": "GET", "requestContext": {"serviceArn": "x"}}"#,
            r#"{"version": "2.0", "method": "GET", "requestContext": {"serviceNetworkArn": "x"}}"#,
        ] {
            assert_eq!(source(event), Some(Source::Lattice), "{event}");
        }
    }
}
