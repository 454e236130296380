//! The values in which two responses differ.

use std::collections::BTreeSet;

use crate::requests::Request;
use crate::response::Received;

/// A request, and the values in which its two responses differ.
pub(crate) struct Compared<'a> {
    pub(crate) name: &'a str,
    pub(crate) differing: Vec<Difference>,
}

/// A value that differs; `none` if a response lacks the value.
pub(crate) struct Difference {
    pub(crate) field: String,
    pub(crate) micro: String,
    pub(crate) anyhost: String,
}

impl<'a> Compared<'a> {
    pub(crate) fn new(request: &'a Request, micro: &Received, anyhost: &Received) -> Self {
        let fields: BTreeSet<_> = micro.0.keys().chain(anyhost.0.keys()).collect();
        let differing: Vec<_> = fields
            .into_iter()
            .map(|field| Difference {
                field: field.clone(),
                micro: micro.value(field),
                anyhost: anyhost.value(field),
            })
            .filter(|difference| difference.micro != difference.anyhost)
            .collect();
        // A response that is missing lacks all fields, and another body mostly has another length.
        let is_missing = micro.value("status") == "none" || anyhost.value("status") == "none";
        let has_other_body = differing
            .iter()
            .any(|difference| difference.field == "body");
        let follows = |field: &str| match field {
            "status" | "connection" => false,
            "header content-length" => is_missing || has_other_body,
            _ => is_missing,
        };
        Self {
            name: &request.name,
            differing: differing
                .into_iter()
                .filter(|difference| !follows(&difference.field))
                .collect(),
        }
    }
}
