//! The format of the log: `ANYHOST_LOG_FORMAT`.

#[cfg(feature = "http")]
use anyhost_core::adapter::is_development;
use anyhost_core::adapter::settings::{InvalidSetting, SettingValue, parse};

use crate::hosts::HostKind;

/// The variable that selects the format on every host.
const NAME: &str = "ANYHOST_LOG_FORMAT";

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `2026-11-26T21:05:38.949019Z  INFO message key=value`
    Text,
    /// `{"timestamp":"2026-11-26T21:05:38.949019Z","level":"INFO","message":"message","key":"value"}`
    Json,
    /// Colored, and with several lines for an event: the default of the standalone server in development mode. No value
    /// of the variable selects this format.
    #[cfg(feature = "http")]
    Pretty,
}

impl SettingValue for Format {
    const EXPECTED: &'static str = "text or json";

    fn parse_setting(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl Format {
    /// Reads the format from the environment. If the variable is invalid, returns the default and the error.
    pub(super) fn from_env(host: HostKind) -> (Self, Option<InvalidSetting>) {
        match std::env::var_os(NAME) {
            Some(value) if !value.is_empty() => match parse(NAME, &value.to_string_lossy()) {
                Ok(format) => (format, None),
                Err(invalid) => (Self::default_of(host), Some(invalid)),
            },
            _ => (Self::default_of(host), None),
        }
    }

    /// On Lambda, the configuration of the function decides. Everywhere else, the default is text, except for the server
    /// in development mode.
    fn default_of(host: HostKind) -> Self {
        #[cfg(feature = "lambda")]
        if host == HostKind::Lambda && anyhost_lambda::log::is_json() {
            return Self::Json;
        }
        #[cfg(feature = "http")]
        if host == HostKind::Http && is_development() {
            return Self::Pretty;
        }
        let _ = host;
        Self::Text
    }

    /// Whether the program logs requests with their headers and bodies.
    pub(super) fn has_request_log(self) -> bool {
        #[cfg(feature = "http")]
        return self == Self::Pretty;
        #[cfg(not(feature = "http"))]
        false
    }
}
