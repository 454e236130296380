//! The settings of a Lambda function.

use std::time::Duration;

use anyhost_core::adapter::settings::SettingValue;
use http::uri::PathAndQuery;

use crate::event::Source;

/// How responses are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// As one JSON document once the response is complete. Every event source accepts it.
    #[default]
    Buffer,
    /// While the handler produces the body, if the event source supports it: a Function URL with
    /// `InvokeMode: RESPONSE_STREAM`, a REST API with response streaming. All other sources get the response
    /// as one JSON document.
    Stream,
    /// As [`Stream`](Self::Stream), but only for a Function URL. A REST API gets complete responses, which is its
    /// default, because an event does not show whether its REST API expects a streamed response.
    StreamUrl,
    /// As [`Stream`](Self::Stream), but only for a REST API.
    StreamRest,
}

impl Mode {
    /// Whether responses to this source are streamed.
    pub(crate) fn streams(self, source: Source) -> bool {
        let selected = match self {
            Self::Buffer => false,
            Self::Stream => true,
            Self::StreamUrl => source == Source::FunctionUrl,
            Self::StreamRest => source == Source::RestApi,
        };
        selected && source.can_stream()
    }
}

impl SettingValue for Mode {
    const EXPECTED: &'static str = "buffer, stream, stream-url or stream-rest";

    fn parse_setting(text: &str) -> Option<Self> {
        match text {
            "buffer" => Some(Self::Buffer),
            "stream" => Some(Self::Stream),
            "stream-url" => Some(Self::StreamUrl),
            "stream-rest" => Some(Self::StreamRest),
            _ => None,
        }
    }
}

/// A path in a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPath(pub(crate) Box<str>);

impl UrlPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SettingValue for UrlPath {
    const EXPECTED: &'static str = "a percent-encoded path that begins with a slash";

    fn parse_setting(text: &str) -> Option<Self> {
        // Rejects, for example, spaces and control characters, which `http::Uri` does not accept. Without this check
        // at the start, an invalid path would fail for every event.
        let parsed: PathAndQuery = text.parse().ok()?;
        (text.starts_with('/') && parsed.path() == text).then(|| Self(text.into()))
    }
}

anyhost_core::settings! {
    /// The settings that [`Function::from_env`](crate::Function::from_env) reads. [`Function`](crate::Function)
    /// has a method for each, which documents it further.
    pub struct FunctionOptions {
        /// `stream` sends responses while the handler produces them, to Function URLs and REST APIs; `stream-url`
        /// and `stream-rest` only to one of them. It must match the deployment.
        "ANYHOST_LAMBDA_MODE" mode: Mode = "buffer",
        /// The path to which non-HTTP events are sent as POST requests, such as `/events`. Without it such an event is
        /// a failed invocation.
        "ANYHOST_LAMBDA_EVENTS" events: Option<UrlPath> = "",
        /// A prefix that is removed from paths that begin with it, such as the mapping of a custom domain.
        "ANYHOST_LAMBDA_BASE_PATH" base_path: Option<UrlPath> = "",
        /// `1` removes the stage from paths that begin with it: paths of an HTTP API, and paths of a REST API behind
        /// a custom domain whose mapping names no stage.
        "ANYHOST_LAMBDA_STRIP_STAGE" strip_stage: bool = "0",
        /// The number of trusted proxies that append to X-Forwarded-For, including the load balancer or VPC Lattice.
        /// Without it, a load balancer is the only trusted proxy, and the peer behind VPC Lattice is unknown.
        "ANYHOST_LAMBDA_PROXIES" proxies: Option<usize> = "",
        /// How long before Lambda's deadline a handler without a response is dropped and answered with a 504.
        "ANYHOST_LAMBDA_MARGIN" margin: Duration = "250ms",
        /// `1` registers an internal extension, without which Lambda sends no SIGTERM. By default only
        /// a function with concurrent invocations registers it.
        "ANYHOST_LAMBDA_EXTENSION" extension: Option<bool> = "",
        /// The number of concurrent invocations. Lambda Managed Instances set it.
        "AWS_LAMBDA_MAX_CONCURRENCY" concurrency: usize = "1",
    }
}

impl Default for FunctionOptions {
    fn default() -> Self {
        match Self::from_vars(|_| None) {
            Ok(settings) => settings,
            Err(error) => unreachable!("a default is invalid: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> Result<FunctionOptions, String> {
        FunctionOptions::from_vars(|name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn every_setting_is_read_from_its_variable() -> Result<(), String> {
        let settings = from(&[
            ("ANYHOST_LAMBDA_MODE", "stream"),
            ("ANYHOST_LAMBDA_EVENTS", "/events"),
            ("ANYHOST_LAMBDA_BASE_PATH", "/api/"),
            ("ANYHOST_LAMBDA_STRIP_STAGE", "1"),
            ("ANYHOST_LAMBDA_PROXIES", "2"),
            ("ANYHOST_LAMBDA_MARGIN", "1.5s"),
            ("ANYHOST_LAMBDA_EXTENSION", "0"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
        ])?;
        assert_eq!(settings.mode, Mode::Stream);
        assert_eq!(settings.events, Some(UrlPath("/events".into())));
        assert_eq!(settings.base_path, Some(UrlPath("/api/".into())));
        assert!(settings.strip_stage);
        assert_eq!(settings.proxies, Some(2));
        assert_eq!(settings.margin, Duration::from_millis(1500));
        assert_eq!(settings.extension, Some(false));
        assert_eq!(settings.concurrency, 8);
        Ok(())
    }

    #[test]
    fn a_path_that_no_request_can_have_is_an_invalid_setting() {
        for path in ["events", "/ev ents", "/a?b", "/a#b", "/\u{7f}"] {
            assert_eq!(UrlPath::parse_setting(path), None, "{path}");
        }
        for path in ["/", "/events", "/a%20b/"] {
            assert_eq!(UrlPath::parse_setting(path), Some(UrlPath(path.into())));
        }
    }

    #[test]
    fn a_mode_for_one_source_streams_only_to_that_source() {
        for (mode, url, rest) in [
            ("buffer", false, false),
            ("stream", true, true),
            ("stream-url", true, false),
            ("stream-rest", false, true),
        ] {
            let mode = Mode::parse_setting(mode).unwrap_or_default();
            for source in Source::ALL {
                let expected = match source {
                    Source::FunctionUrl => url,
                    Source::RestApi => rest,
                    _ => false,
                };
                assert_eq!(mode.streams(*source), expected, "{mode:?} {source}");
            }
        }
    }

    #[test]
    fn without_variables_every_setting_has_its_default() {
        let settings = FunctionOptions::default();
        assert_eq!(settings.mode, Mode::Buffer);
        assert_eq!((settings.events, settings.base_path), (None, None));
        assert!(!settings.strip_stage);
        assert_eq!((settings.proxies, settings.concurrency), (None, 1));
        assert_eq!(settings.margin, Duration::from_millis(250));
        assert_eq!(settings.extension, None);
    }

    #[test]
    fn an_invalid_value_is_an_error_that_names_the_variable_and_the_accepted_values() {
        for (name, value, expected) in [
            (
                "ANYHOST_LAMBDA_MODE",
                "streaming",
                "buffer, stream, stream-url or stream-rest",
            ),
            (
                "ANYHOST_LAMBDA_EVENTS",
                "events",
                "a percent-encoded path that begins with a slash",
            ),
            ("ANYHOST_LAMBDA_STRIP_STAGE", "yes", "0 or 1"),
            ("ANYHOST_LAMBDA_MARGIN", "-1", "a duration such as 10s"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "many", "a number"),
        ] {
            let error = format!("{name}: invalid value {value:?}, expected {expected}");
            assert_eq!(from(&[(name, value)]).err(), Some(error));
        }
    }
}
