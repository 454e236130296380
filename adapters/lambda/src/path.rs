//! The path of a request, and what of it is the deployment's.

use std::borrow::Cow;

use anyhost_core::encode_path;

use crate::event::{Json, Source};
use crate::options::Options;

/// The path as the handler sees it, percent-encoded, and what was taken off it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) path: Cow<'a, str>,
    pub(crate) base_path: String,
}

/// `None` if the event has no path.
pub(crate) fn of<'a>(source: Source, event: &'a Json<'_>, options: &Options) -> Option<Place<'a>> {
    let path = raw(source, event)?;
    let mut place = Place {
        base_path: taken_off(source, event).to_owned(),
        path,
    };
    if options.strip_stage
        && matches!(source, Source::HttpApi | Source::HttpApiV1)
        && let Some(stage) = event.get("requestContext").get("stage").text()
    {
        place.strip(&format!("/{stage}"));
    }
    if !options.base_path.is_empty() {
        place.strip(&options.base_path);
    }
    Some(place)
}

impl Place<'_> {
    /// Takes a prefix off, if it ends where a segment does.
    fn strip(&mut self, prefix: &str) {
        let Some(rest) = self.path.strip_prefix(prefix) else {
            return;
        };
        if !rest.is_empty() && !rest.starts_with(['/', '?']) {
            return;
        }
        let slash = if rest.starts_with('/') { "" } else { "/" };
        self.path = format!("{slash}{rest}").into();
        self.base_path.push_str(prefix);
    }
}

fn raw<'a>(source: Source, event: &'a Json<'_>) -> Option<Cow<'a, str>> {
    let encoded = |path: &str| Cow::Owned(encode_path(path.as_bytes()));
    match source {
        Source::FunctionUrl => event.get("rawPath").text().map(Cow::Borrowed),
        // Decoded by AWS: what was `%2F` cannot be told any more, but a `?` or `%` can be.
        Source::HttpApi => event.get("rawPath").text().map(encoded),
        Source::HttpApiV1 => event.get("path").text().map(encoded),
        Source::RestApi | Source::Alb | Source::AlbMultiValue | Source::Lattice => {
            event.get("path").text().map(Cow::Borrowed)
        }
        Source::LatticeV1 => event.get("raw_path").text().map(Cow::Borrowed),
        Source::WebSocket => {
            let route = event.get("requestContext").get("routeKey").text();
            let route = encode_path(route.unwrap_or("$default").as_bytes());
            Some(Cow::Owned(format!("/{route}")))
        }
        Source::Event => None,
    }
}

/// The stage that a REST API has taken off the path by itself: `/live` of `/live/users`.
fn taken_off<'a>(source: Source, event: &'a Json<'_>) -> &'a str {
    let context = event.get("requestContext");
    let paths = (source, context.get("path").text(), event.get("path").text());
    match paths {
        (Source::RestApi, Some(whole), Some(path)) => whole
            .strip_suffix(path)
            .filter(|base| base.starts_with('/') && !base.ends_with('/'))
            .unwrap_or_default(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(event: &str, source: Source, options: &Options) -> (String, String) {
        let event = Json::parse(event.as_bytes());
        let place = event
            .as_ref()
            .ok()
            .and_then(|event| of(source, event, options));
        let place = place.map(|place| (place.path.into_owned(), place.base_path));
        place.unwrap_or_default()
    }

    fn pair(path: &str, base_path: &str) -> (String, String) {
        (path.to_owned(), base_path.to_owned())
    }

    #[test]
    fn a_base_path_is_taken_off_once_and_at_the_end_of_a_segment() {
        let options = Options {
            base_path: "/api".into(),
            ..Options::default()
        };
        for (path, expected) in [
            ("/api/users", pair("/users", "/api")),
            ("/api", pair("/", "/api")),
            ("/api/", pair("/", "/api")),
            ("/api/api", pair("/api", "/api")),
            ("/apis", pair("/apis", "")),
            ("/users", pair("/users", "")),
        ] {
            let event = format!(r#"{{"rawPath": "{path}"}}"#);
            assert_eq!(
                place(&event, Source::FunctionUrl, &options),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn a_stage_is_left_where_it_is_unless_it_is_asked_for() {
        let event = r#"{"rawPath": "/v1/v1/x", "requestContext": {"stage": "v1"}}"#;
        let mut options = Options::default();
        assert_eq!(
            place(event, Source::HttpApi, &options),
            pair("/v1/v1/x", "")
        );
        options.strip_stage = true;
        assert_eq!(
            place(event, Source::HttpApi, &options),
            pair("/v1/x", "/v1")
        );
        let default = r#"{"rawPath": "/x", "requestContext": {"stage": "$default"}}"#;
        assert_eq!(place(default, Source::HttpApi, &options), pair("/x", ""));
    }

    #[test]
    fn a_rest_api_has_its_stage_as_base_path_and_a_mapping_behind_it() {
        let options = Options {
            base_path: "/api".into(),
            ..Options::default()
        };
        let event = r#"{"path": "/api/x", "requestContext": {"path": "/live/api/x"}}"#;
        assert_eq!(
            place(event, Source::RestApi, &options),
            pair("/x", "/live/api")
        );
    }
}
