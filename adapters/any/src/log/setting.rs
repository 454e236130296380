//! The format of the log: `ANYHOST_LOG_FORMAT`.

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

    /// On Lambda, the configuration of the function decides. Everywhere else, the default is text.
    fn default_of(host: HostKind) -> Self {
        #[cfg(feature = "lambda")]
        if host == HostKind::Lambda && anyhost_lambda::log::is_json() {
            return Self::Json;
        }
        let _ = host;
        Self::Text
    }
}
