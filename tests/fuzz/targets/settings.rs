#![no_main]
//! Every parser of a string that an operator or a program writes: addresses, limits, durations, proxies, options.

use std::time::Duration;

use anyhost_core::adapter::settings::SettingValue;
use anyhost_core::{Limit, Proxies};
use anyhost_hyper::clap::{Args, Command};
use anyhost_hyper::{Address, ListenOptions, ServerOptions};
use anyhost_lambda::FunctionOptions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    address(text);
    limit(text);
    duration(text);
    let _ = text.parse::<Proxies>();
    let _ = Proxies::parse_setting(text);
    options(text);
});

/// The text form of an address parses to the same address.
fn address(text: &str) {
    let Ok(address) = text.parse::<Address>() else {
        return;
    };
    assert_eq!(address.to_string().parse(), Ok(address));
}

fn limit(text: &str) {
    let Ok(limit) = text.parse::<Limit>() else {
        return;
    };
    assert_eq!(limit.to_string().parse(), Ok(limit));
    let number = text
        .trim()
        .trim_end_matches(|c: char| c.is_ascii_alphabetic() || c.is_whitespace());
    let unit = match text.to_ascii_lowercase() {
        text if text.contains('g') => 30,
        text if text.contains('m') => 20,
        text if text.contains('k') => 10,
        _ => 0,
    };
    let expected = number
        .strip_prefix('+')
        .unwrap_or(number)
        .parse::<f64>()
        .unwrap()
        * f64::from(1 << unit);
    let difference = (limit.bytes() as f64 - expected).abs();
    assert!(
        difference <= 1.0 + expected * f64::EPSILON,
        "{text:?} was parsed as {limit:?}"
    );
}

fn duration(text: &str) {
    let Some(duration) = Duration::parse_setting(text) else {
        return;
    };
    if duration < Duration::from_secs(1 << 40) {
        let milliseconds = format!("{}ms", duration.as_millis());
        let parsed = Duration::parse_setting(&milliseconds).unwrap();
        assert!(
            parsed.abs_diff(duration) < Duration::from_millis(2),
            "{text:?} and {milliseconds} were parsed as different durations"
        );
    }
}

/// An invalid value of an option causes an error that names the option.
fn options(text: &str) {
    for setting in FunctionOptions::SETTINGS {
        let lookup = |name: &str| (name == setting.name).then(|| text.to_owned());
        if let Err(error) = FunctionOptions::from_vars(lookup) {
            assert!(error.to_string().starts_with(setting.name));
        }
    }
    let environment = anyhost_cgi::Environment::new([("ANYHOST_CGI_DEADLINE", text)]);
    let _ = anyhost_cgi::Program::from_environment(&environment);
    let command = ListenOptions::augment_args(Command::new("fuzz").no_binary_name(true));
    let command = ServerOptions::augment_args(command);
    let _ = command.try_get_matches_from(text.split('\n'));
}
