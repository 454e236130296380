//! Settings from the environment. Each setting is defined once, with its name, type, default and documentation.
//!
//! [`settings!`](crate::settings) makes a struct from such definitions. The documentation, the parser, the error
//! messages and [the table of settings](Setting) are all generated from these definitions:
//!
//! ```
//! use std::time::Duration;
//!
//! anyhost_core::settings! {
//!     /// The settings of a host.
//!     pub struct ExampleSettings {
//!         /// How long a request may take.
//!         "EXAMPLE_TIMEOUT" timeout: Duration = "10s",
//!         /// The path of the log file.
//!         "EXAMPLE_LOG" log: Option<String> = "",
//!     }
//! }
//!
//! let settings = ExampleSettings::from_vars(|_| None).unwrap();
//! assert_eq!(settings.timeout, Duration::from_secs(10));
//! let error = ExampleSettings::from_vars(|_| Some("abc".to_owned())).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     r#"EXAMPLE_TIMEOUT: invalid value "abc", expected a duration such as 10s"#
//! );
//! assert_eq!(ExampleSettings::SETTINGS[1].name, "EXAMPLE_LOG");
//! ```

use std::fmt;
use std::time::Duration;

use super::forwarded::Proxies;

/// The definition of a setting, for tables and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// A description of the accepted values.
    pub expected: &'static str,
    /// The default, as it would be written in the variable; empty if the setting has no default.
    pub default: &'static str,
    /// The lines of the documentation.
    pub help: &'static [&'static str],
}

impl Setting {
    /// Called by the code that [`settings!`](crate::settings) generates.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        expected: &'static str,
        default: &'static str,
        help: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            expected,
            default,
            help,
        }
    }

    /// The documentation as one line.
    pub fn help_line(&self) -> String {
        let lines = self.help.iter().map(|line| line.trim());
        lines.collect::<Vec<_>>().join(" ").trim().to_owned()
    }
}

/// An environment variable or command line option with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSetting {
    name: String,
    value: String,
    expected: String,
}

impl InvalidSetting {
    /// Makes the error for the setting `name` with the invalid `value`. `expected` describes the accepted values.
    pub fn new(
        name: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            expected: expected.into(),
        }
    }

    /// The name of the variable or option.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            expected,
        } = self;
        write!(f, "{name}: invalid value {value:?}, expected {expected}")
    }
}

impl std::error::Error for InvalidSetting {}

impl From<InvalidSetting> for std::io::Error {
    fn from(error: InvalidSetting) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// A description of the accepted values, which follows "expected", as in "expected a duration such as 10s".
    const EXPECTED: &'static str;

    /// Parses a value; `None` if it is invalid.
    fn parse_setting(text: &str) -> Option<Self>;
}

/// Parses one setting. An empty string means that the variable is not set.
///
/// # Errors
/// If the value is invalid.
pub fn parse<T: SettingValue>(name: &str, text: &str) -> Result<T, InvalidSetting> {
    T::parse_setting(text).ok_or_else(|| InvalidSetting::new(name, text, T::EXPECTED))
}

impl SettingValue for bool {
    const EXPECTED: &'static str = "0 or 1";

    fn parse_setting(text: &str) -> Option<Self> {
        match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

impl SettingValue for usize {
    const EXPECTED: &'static str = "a number";

    fn parse_setting(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl SettingValue for String {
    const EXPECTED: &'static str = "a string";

    fn parse_setting(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// Accepts `500ms`, `10s`, `2m`, or a number of seconds; fractions are allowed.
impl SettingValue for Duration {
    const EXPECTED: &'static str = "a duration such as 10s";

    fn parse_setting(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let seconds = match &text[digits.len()..] {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let number = digits.trim_end();
        // `f64` would also parse "inf", "nan" and "1e9", which are not valid durations.
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return None;
        }
        Self::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
    }
}

/// Accepts a list of [`Proxies`], or a number of hops.
impl SettingValue for Proxies {
    const EXPECTED: &'static str = "a number of proxies, or a comma-separated list of addresses, networks such as 10.0.0.0/8, loopback, private and unix";

    fn parse_setting(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(count) => Some(Self::hops(count)),
            Err(_) => text.parse().ok(),
        }
    }
}

/// An optional setting has the default `""`.
impl<T: SettingValue> SettingValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse_setting(text: &str) -> Option<Self> {
        match text {
            "" => Some(None),
            text => T::parse_setting(text).map(Some),
        }
    }
}

/// Defines settings that are read from environment variables; see [`adapter::settings`](crate::adapter::settings).
///
/// Each line is the variable's name, a field, its type (a [`SettingValue`](crate::adapter::settings::SettingValue))
/// and its default as it would be written in the variable. The struct gets:
///
/// - `SETTINGS`, the [definitions](crate::adapter::settings::Setting);
/// - `from_vars(lookup)`, which reads the settings and fails with
///   [`InvalidSetting`](crate::adapter::settings::InvalidSetting); an empty variable is treated as not set.
#[macro_export]
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $struct:ident {
            $(
                $(#[doc = $help:literal])+
                $name:literal $field:ident: $type:ty = $default:literal
            ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        $visibility struct $struct {
            $(
                $(#[doc = $help])+
                #[doc = ""]
                #[doc = concat!("Variable `", $name, "`, default `", $default, "`.")]
                pub $field: $type,
            )+
        }

        // The lint warns if the struct is private to its crate.
        #[allow(unreachable_pub)]
        impl $struct {
            /// The definitions, in order.
            pub const SETTINGS: &'static [$crate::adapter::settings::Setting] = &[$(
                $crate::adapter::settings::Setting::new(
                    $name,
                    <$type as $crate::adapter::settings::SettingValue>::EXPECTED,
                    $default,
                    &[$($help),+],
                ),
            )+];

            /// Reads the settings; `lookup` returns the value of a variable.
            ///
            /// # Errors
            /// For a variable with an invalid value.
            pub fn from_vars(
                lookup: impl Fn(&str) -> ::std::option::Option<::std::string::String>,
            ) -> ::std::result::Result<Self, $crate::adapter::settings::InvalidSetting> {
                let value = |name: &str, default: &str| match lookup(name) {
                    Some(value) if !value.is_empty() => value,
                    _ => default.to_owned(),
                };
                Ok(Self {
                    $($field: $crate::adapter::settings::parse($name, &value($name, $default))?,)+
                })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_setting_is_a_number_with_a_unit_or_a_number_of_seconds() {
        for (text, milliseconds) in [
            ("10", 10_000),
            ("10s", 10_000),
            ("0.5", 500),
            ("500ms", 500),
            ("2m", 120_000),
            ("1.5 h", 5_400_000),
            ("0", 0),
        ] {
            let parsed = Duration::parse_setting(text);
            assert_eq!(parsed, Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "10 years",
            "1.2.3",
            "99999999999999999999h",
        ] {
            assert_eq!(Duration::parse_setting(text), None, "{text}");
        }
    }

    #[test]
    fn the_value_of_a_proxies_setting_is_a_number_of_hops_or_a_list() {
        assert_eq!(Proxies::parse_setting("2"), Some(Proxies::hops(2)));
        assert_eq!(Proxies::parse_setting("loopback"), "loopback".parse().ok());
        assert_eq!(Proxies::parse_setting("everyone"), None);
    }

    #[test]
    fn an_empty_variable_is_treated_as_not_set() {
        settings! {
            struct Settings {
                /// Whether the feature is on.
                "ON" on: bool = "1",
                /// A number, if any.
                "NUMBER" number: Option<usize> = "",
            }
        }
        let settings = Settings::from_vars(|_| Some(String::new())).unwrap();
        assert!(settings.on);
        assert_eq!(settings.number, None);
        let error = Settings::from_vars(|_| Some("yes".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"ON: invalid value "yes", expected 0 or 1"#
        );
        assert_eq!(
            Settings::SETTINGS[0].help_line(),
            "Whether the feature is on."
        );
    }
}
