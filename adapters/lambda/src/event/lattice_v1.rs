//! VPC Lattice, event format 1.0, whose keys are in snake case ("Lambda functions as targets in VPC
//! Lattice").

use super::description::{Body, Description, Path, Query, Sign};
use super::json::{Field, NO_FIELD};
use super::{lattice, read};

const PATH: Field = &["raw_path"];

pub(super) const DESCRIPTION: Description = Description {
    name: "VPC Lattice (1.0)",
    // The event has no context.
    signs: &[&[
        Sign::IsPath(PATH),
        Sign::Exists(&["method"]),
        Sign::IsMap(&["headers"]),
    ]],
    path: Some(Path {
        field: PATH,
        read: read::path_as_sent,
        may_hold_query: true,
        stage: NO_FIELD,
        full: NO_FIELD,
    }),
    query: Query {
        fields: &[&["query_string_parameters"]],
        read: read::encoded_query_map,
    },
    body: Some(Body {
        field: &["body"],
        base64: &["is_base64_encoded"],
    }),
    #[cfg(feature = "lambda_http")]
    request_context: |_| None,
    #[cfg(feature = "testing")]
    simulation: None,
    ..lattice::DESCRIPTION
};

#[cfg(test)]
mod tests {
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn a_raw_path_in_snake_case_with_a_method_and_headers_identifies_a_vpc_lattice_1_0_event() {
        let event = r#"{"raw_path": "/", "method": "GET", "headers": {}}"#;
        assert_eq!(source(event), Some(Source::LatticeV1));
        for event in [
            r#"{"raw_path": "/"}"#,
            r#"{"raw_path": "x", "method": "GET", "headers": {}}"#,
        ] {
            assert_eq!(source(event), Some(Source::Event), "{event}");
        }
    }
}
