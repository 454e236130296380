//! An Application Load Balancer whose target group has the attribute
//! `lambda.multi_value_headers.enabled` ("Lambda functions as targets").

use super::alb::{self, ELB};
use super::description::{Description, HeaderForm, HttpForm, ResponseForm, Sign};

pub(super) const DESCRIPTION: Description = Description {
    name: "ALB (multi-value headers)",
    // A load balancer sends one of the two maps of headers, never both.
    signs: &[&[Sign::Exists(ELB), Sign::IsMap(&["multiValueHeaders"])]],
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::MultiValue,
        status_description: true,
        decodes_base64: true,
    }),
    #[cfg(feature = "testing")]
    simulation: Some(simulated::SIMULATION),
    ..alb::DESCRIPTION
};

#[cfg(feature = "testing")]
mod simulated {
    use serde_json::{Value, json};

    use crate::event::alb::simulated as alb;
    use crate::event::simulation::{Arrived, Simulation, reversed_headers};

    pub(super) const SIMULATION: Simulation = Simulation {
        name: "alb-multi",
        event,
        response_headers: reversed_headers,
        ..alb::SIMULATION
    };

    fn event(arrived: &Arrived<'_>) -> Value {
        let mut event = alb::head(arrived);
        event["multiValueHeaders"] = json!(arrived.headers);
        event["multiValueQueryStringParameters"] = json!(arrived.query_map());
        event
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn a_map_of_multi_value_headers_distinguishes_the_two_modes_of_a_load_balancer() {
        let event = r#"{"requestContext": {"elb": {}}, "headers": null, "multiValueHeaders": {}}"#;
        assert_eq!(source(event), Some(Source::AlbMultiValue));
    }
}
