//! Parses `RUST_LOG` into a filter.

use anyhost_core::adapter::settings::InvalidSetting;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// The targets of all crates of this workspace start with this name.
const ANYHOST: &str = "anyhost";

/// Parses the value of `RUST_LOG`. If it is invalid, returns the default filter and the error.
///
/// A value that names only other targets, such as `my_app=debug`, must not hide panics, 5xx errors and failed
/// starts, so events of level `error` from this workspace stay enabled. `off` and `anyhost=off` disable these events,
/// except for panics and failed starts, which are always written.
pub(super) fn parse(
    rust_log: Option<&str>,
    default: LevelFilter,
) -> (Targets, Option<InvalidSetting>) {
    let default = Targets::new().with_default(default);
    let Some(value) = rust_log.filter(|value| !value.is_empty()) else {
        return (default, None);
    };
    match value.parse::<Targets>() {
        Ok(filter) => {
            let names_anyhost = filter.iter().any(|(target, _)| target == ANYHOST);
            let filter = match names_anyhost || filter.default_level().is_some() {
                true => filter,
                false => filter.with_target(ANYHOST, LevelFilter::ERROR),
            };
            (filter, None)
        }
        Err(_) => {
            let expected = "a level such as info, or levels for targets such as info,my_app=debug";
            let invalid = InvalidSetting::new("RUST_LOG", value, expected);
            (default, Some(invalid))
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter(rust_log: &str) -> Targets {
        let (filter, invalid) = parse(Some(rust_log), LevelFilter::INFO);
        assert_eq!(invalid, None, "{rust_log}");
        filter
    }

    #[test]
    fn a_filter_that_names_only_other_targets_keeps_errors_of_anyhost_enabled() {
        let filter = filter("my_app=debug");
        assert!(filter.would_enable("my_app::db", &Level::DEBUG));
        for target in ["anyhost::run", "anyhost_core::adapter", "anyhost_hyper"] {
            assert!(filter.would_enable(target, &Level::ERROR), "{target}");
            assert!(!filter.would_enable(target, &Level::WARN), "{target}");
        }
        assert!(!filter.would_enable("hyper", &Level::ERROR));
    }

    #[test]
    fn a_filter_with_a_default_level_or_a_level_for_anyhost_is_not_changed() {
        for (rust_log, warn, error) in [
            ("off", false, false),
            ("off,my_app=debug", false, false),
            ("warn,my_app=debug", true, true),
            ("my_app=debug,anyhost=off", false, false),
        ] {
            let filter = filter(rust_log);
            let enabled = |level| filter.would_enable("anyhost_core", &level);
            assert_eq!(enabled(Level::WARN), warn, "{rust_log}");
            assert_eq!(enabled(Level::ERROR), error, "{rust_log}");
        }
        let one_crate_off = filter("my_app=debug,anyhost_core=off");
        assert!(!one_crate_off.would_enable("anyhost_core", &Level::ERROR));
        assert!(one_crate_off.would_enable("anyhost_cgi", &Level::ERROR));
    }

    #[test]
    fn an_invalid_rust_log_value_is_reported_and_the_default_level_is_used() {
        let (filter, invalid) = parse(Some("my_app=loud"), LevelFilter::INFO);
        assert_eq!(
            invalid.unwrap().to_string(),
            "RUST_LOG: invalid value \"my_app=loud\", expected a level such as info, or levels for \
             targets such as info,my_app=debug"
        );
        assert_eq!(filter.default_level(), Some(LevelFilter::INFO));
    }

    #[test]
    fn an_empty_rust_log_variable_is_treated_as_not_set() {
        for rust_log in [None, Some("")] {
            let (filter, invalid) = parse(rust_log, LevelFilter::WARN);
            assert_eq!(filter.default_level(), Some(LevelFilter::WARN));
            assert_eq!(invalid, None);
        }
    }
}
