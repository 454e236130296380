//! Removes from a plan the parts that a host does not support, according to its profile.

use std::collections::BTreeMap;

use anyhost_conformance::{Ability, Capabilities};

use crate::plan::{RequestPlan, ResponsePlan, TYPES};

fn lacks(ability: &Ability) -> bool {
    ability.lack().is_some()
}

impl RequestPlan {
    /// The plan without the parts that the host does not support.
    pub(crate) fn reduced(&self, can: &Capabilities) -> Self {
        let mut plan = self.clone();
        if [&can.raw_path, &can.path_bytes, &can.encoded_slash]
            .iter()
            .any(|ability| lacks(ability))
        {
            plan.segments.iter_mut().for_each(plain);
        }
        if [&can.raw_query, &can.query_order, &can.repeated_query]
            .iter()
            .any(|ability| lacks(ability))
        {
            plan.query = as_map(&plan.query);
        }
        if lacks(&can.dot_segments) {
            plan.segments.retain(|segment| !is_dots(segment));
        }
        if lacks(&can.repeated_headers) {
            last_of_each(&mut plan.headers);
        }
        if lacks(&can.repeated_cookies) {
            plan.cookies.drain(..plan.cookies.len().saturating_sub(1));
        }
        let text =
            |index: usize| TYPES[index].starts_with("text/") || TYPES[index].ends_with("json");
        if lacks(&can.text_bytes) && plan.content_type.is_some_and(text) {
            plan.content_type = None;
        }
        plan
    }
}

impl ResponsePlan {
    /// The plan without the parts that the host does not support.
    pub(crate) fn reduced(&self, can: &Capabilities) -> Self {
        let mut plan = self.clone();
        if lacks(&can.aborted_body) {
            plan.fails = false;
        }
        if lacks(&can.response_header_utf8) {
            let ambiguous = |value: &[u8]| !value.is_ascii() && std::str::from_utf8(value).is_ok();
            plan.headers.retain(|(_, value)| !ambiguous(value));
        }
        if lacks(&can.abort_before_body) && plan.chunks.iter().all(Vec::is_empty) {
            plan.fails = false;
        }
        if lacks(&can.response_header_order) {
            last_of_each(&mut plan.headers);
            plan.cookies.truncate(1);
        }
        plan
    }
}

/// Whether the segment is `.` or `..`, also if it is percent-encoded (RFC 3986 §5.2.4).
fn is_dots(segment: &str) -> bool {
    matches!(segment.replace("%2E", ".").as_str(), "." | "..")
}

/// Removes everything except letters and digits.
fn plain(text: &mut String) {
    text.retain(|c| c.is_ascii_alphanumeric());
}

/// Reduces the query to sorted, unique names and to values of letters and digits.
fn as_map(query: &[(String, Option<String>)]) -> Vec<(String, Option<String>)> {
    let mut map = BTreeMap::new();
    for (name, value) in query {
        let (mut name, mut value) = (name.clone(), value.clone().unwrap_or_default());
        plain(&mut name);
        plain(&mut value);
        if !name.is_empty() {
            map.insert(name, Some(value));
        }
    }
    map.into_iter().collect()
}

/// Keeps the last value of each name.
fn last_of_each(headers: &mut Vec<(String, Vec<u8>)>) {
    let map: BTreeMap<_, _> = std::mem::take(headers).into_iter().collect();
    headers.extend(map);
}
