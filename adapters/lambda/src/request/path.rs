//! The path of a request, without the prefixes that belong to the deployment.

use std::borrow::Cow;

use anyhost_core::adapter::path::strip_prefix;

use crate::event::{Description, Json, Path};
use crate::options::{FunctionOptions, UrlPath};

/// A path as the handler sees it, percent-encoded, and the prefixes that were removed from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stripped<'a> {
    pub(super) path: Cow<'a, str>,
    pub(super) base_path: String,
}

/// Decodes the path of an event. `None` if the event has no path.
pub(super) fn decode<'a>(
    description: &Description,
    event: &'a Json<'_>,
    settings: &'a FunctionOptions,
) -> Option<Stripped<'a>> {
    let Some(path) = &description.path else {
        return Some(Stripped {
            path: (*settings.events.as_ref()?.0).into(),
            base_path: String::new(),
        });
    };
    let mut stripped = Stripped {
        path: (path.read)(event.at(path.field))?,
        base_path: removed_by_aws(path, event).to_owned(),
    };
    let stage = event.at(path.stage).text().filter(|_| settings.strip_stage);
    let stage = stage.map(|stage| format!("/{stage}"));
    // AWS removed the stage already, unless a custom domain's mapping names no stage.
    let stage = stage.filter(|stage| !stripped.base_path.ends_with(stage.as_str()));
    let stage = stage.filter(|stage| !stripped.strip(stage));
    if let Some(UrlPath(base_path)) = &settings.base_path {
        stripped.strip(base_path.trim_end_matches('/'));
    }
    // The mapping of a custom domain precedes the stage.
    if let Some(stage) = stage {
        stripped.strip(&stage);
    }
    Some(stripped)
}

impl Stripped<'_> {
    /// Removes a prefix that does not end with a slash. Returns whether the path had the prefix.
    fn strip(&mut self, prefix: &str) -> bool {
        let rest = strip_prefix(&self.path, prefix).filter(|_| !prefix.is_empty());
        let Some(rest) = rest else {
            return false;
        };
        let slash = if rest.starts_with('/') { "" } else { "/" };
        self.path = format!("{slash}{rest}").into();
        self.base_path.push_str(prefix);
        true
    }
}

/// The prefix that AWS removed from the path: `/live` if the client sent `/live/users`.
fn removed_by_aws<'a>(path: &Path, event: &'a Json<'_>) -> &'a str {
    let (Some(full), Some(rest)) = (event.at(path.full).text(), event.at(path.field).text()) else {
        return "";
    };
    // The full path of the stage's root can lack its slash: `/live` for the path `/`.
    let base = full.strip_suffix(rest).or((rest == "/").then_some(full));
    base.filter(|base| base.starts_with('/') && !base.ends_with('/'))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{self, Source};

    fn decoded(event: &str, source: Source, settings: &FunctionOptions) -> (String, String) {
        let event = event::parse(event.as_bytes()).unwrap_or(Json::Null);
        let stripped = decode(source.description(), &event, settings);
        let stripped = stripped.map(|s| (s.path.into_owned(), s.base_path));
        stripped.unwrap_or_default()
    }

    fn pair(path: &str, base_path: &str) -> (String, String) {
        (path.to_owned(), base_path.to_owned())
    }

    #[test]
    fn the_configured_base_path_is_removed_once_and_only_as_whole_segments() {
        let settings = FunctionOptions {
            base_path: Some(UrlPath("/api".into())),
            ..FunctionOptions::default()
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
            let decoded = decoded(&event, Source::FunctionUrl, &settings);
            assert_eq!(decoded, expected, "{path}");
        }
    }

    #[test]
    fn the_stage_of_an_http_api_is_removed_only_with_the_setting_strip_stage() {
        let event = r#"{"rawPath": "/v1/v1/x", "requestContext": {"stage": "v1"}}"#;
        let mut settings = FunctionOptions::default();
        let http_api =
            |event, settings: &FunctionOptions| decoded(event, Source::HttpApi, settings);
        assert_eq!(http_api(event, &settings), pair("/v1/v1/x", ""));
        settings.strip_stage = true;
        assert_eq!(http_api(event, &settings), pair("/v1/x", "/v1"));
        let default = r#"{"rawPath": "/x", "requestContext": {"stage": "$default"}}"#;
        assert_eq!(http_api(default, &settings), pair("/x", ""));
    }

    #[test]
    fn the_base_path_of_a_rest_api_is_its_stage_followed_by_the_configured_base_path() {
        let settings = FunctionOptions {
            base_path: Some(UrlPath("/api".into())),
            ..FunctionOptions::default()
        };
        let event = r#"{"path": "/api/x", "requestContext": {"path": "/live/api/x"}}"#;
        let decoded = decoded(event, Source::RestApi, &settings);
        assert_eq!(decoded, pair("/x", "/live/api"));
    }

    #[test]
    fn the_base_path_of_the_root_of_a_rest_api_is_its_stage_with_or_without_a_final_slash() {
        for full in ["/dev", "/dev/"] {
            let event = format!(
                r#"{{"path": "/", "requestContext": {{"path": "{full}", "stage": "dev"}}}}"#
            );
            let decoded = decoded(&event, Source::RestApi, &FunctionOptions::default());
            assert_eq!(decoded, pair("/", "/dev"), "{full}");
        }
    }

    #[test]
    fn the_stage_of_a_rest_api_is_removed_after_the_mapping_of_a_custom_domain_that_names_no_stage()
    {
        let settings = FunctionOptions {
            base_path: Some(UrlPath("/shop".into())),
            strip_stage: true,
            ..FunctionOptions::default()
        };
        for (path, full, expected) in [
            (
                "/shop/dev/echo",
                "/shop/dev/echo",
                pair("/echo", "/shop/dev"),
            ),
            ("/dev/echo", "/dev/echo", pair("/echo", "/dev")),
            ("/shop/echo", "/shop/echo", pair("/echo", "/shop")),
            // AWS removed the stage; a route has the same name.
            ("/dev/echo", "/dev/dev/echo", pair("/dev/echo", "/dev")),
        ] {
            let event = format!(
                r#"{{"path": "{path}", "requestContext": {{"path": "{full}", "stage": "dev"}}}}"#
            );
            let decoded = decoded(&event, Source::RestApi, &settings);
            assert_eq!(decoded, expected, "{path} of {full}");
        }
    }
}
