//! An API Gateway HTTP API with payload format 1.0. The event has the form of a REST API event, but AWS
//! percent-decodes its path and does not remove the stage.

use super::description::{Description, HeaderForm, HttpForm, Path, ResponseForm, Sign};
use super::json::NO_FIELD;
use super::read;
use super::rest_api::{self, METHOD, PATH};

const IS_V1: Sign = Sign::Equals(&["version"], "1.0");

pub(super) const DESCRIPTION: Description = Description {
    name: "HTTP API (1.0)",
    signs: &[
        &[
            IS_V1,
            Sign::Exists(METHOD),
            Sign::IsMap(&["requestContext"]),
        ],
        &[
            IS_V1,
            Sign::Exists(METHOD),
            Sign::IsPath(PATH),
            Sign::IsMap(&["headers"]),
        ],
    ],
    path: Some(Path {
        field: PATH,
        read: read::decoded_path,
        may_hold_query: false,
        stage: &["requestContext", "stage"],
        full: NO_FIELD,
    }),
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::MultiValue,
        status_description: false,
        decodes_base64: true,
    }),
    can_stream: false,
    #[cfg(feature = "testing")]
    simulation: Some(simulated::SIMULATION),
    ..rest_api::DESCRIPTION
};

#[cfg(feature = "testing")]
mod simulated {
    use serde_json::{Value, json};

    use crate::event::http_api::simulated as http_api;
    use crate::event::rest_api::simulated as rest_api;
    use crate::event::simulation::{Arrived, Simulation, claim_strings, decoded};
    use crate::front_door::claims::Kind;

    pub(super) const SIMULATION: Simulation = Simulation {
        name: "http-api-v1",
        event,
        stages: http_api::SIMULATION.stages,
        authorize,
        sends_content_length: true,
        timeout: http_api::SIMULATION.timeout,
        ..rest_api::SIMULATION
    };

    fn event(arrived: &Arrived<'_>) -> Value {
        let path = decoded(arrived.full_path);
        let mut event = rest_api::event(arrived);
        event["version"] = "1.0".into();
        event["resource"] = "$default".into();
        event["requestContext"] = rest_api::context(arrived, &path);
        event["pathParameters"] = Value::Null;
        event["path"] = path.into();
        event
    }

    fn authorize(context: &mut Value, claims: &Kind) -> bool {
        match claims {
            Kind::Jwt { claims, scopes } => {
                let claims = claim_strings(claims, " ", ("[", "]"));
                context["authorizer"] = json!({"claims": claims, "scopes": scopes});
            }
            Kind::Lambda(values) => context["authorizer"] = json!(values),
            Kind::Iam(_) => rest_api::identify(context, claims),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn version_1_0_distinguishes_an_http_api_from_a_rest_api() {
        let event =
            r#"{"version": "1.0", "httpMethod": "GET", "path": "/x", "requestContext": {}}"#;
        assert_eq!(source(event), Some(Source::HttpApiV1));
    }
}
