//! The settings as variables, as flags, and in the documentation.

use std::path::PathBuf;
use std::time::Duration;

use anyhost_core::Proxies;
use anyhost_core::adapter::settings::InvalidSetting;
use clap::{Args, Command, FromArgMatches};

use super::limits::Limits;
use super::options::ServerOptions;

fn from_vars(vars: &[(&str, &str)]) -> Result<ServerOptions, InvalidSetting> {
    ServerOptions::from_vars(|name| {
        let found = vars.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).into())
    })
}

fn from_flags(flags: &[&str]) -> Result<ServerOptions, clap::Error> {
    let command = ServerOptions::augment_args(Command::new("test").no_binary_name(true));
    ServerOptions::from_arg_matches(&command.try_get_matches_from(flags)?)
}

fn assert_all_set(options: &ServerOptions) {
    assert_eq!(options.limits, Limits::strict());
    assert_eq!(options.drain, Duration::from_millis(2500));
    assert_eq!(options.proxies, "loopback, unix".parse::<Proxies>().ok());
    assert!(options.forwarded && options.proxy_protocol && options.health && options.detached);
    assert_eq!(options.metrics, "127.0.0.1:9090".parse().ok());
    assert_eq!(options.tls_cert, ["/a.pem", "/b.pem"].map(PathBuf::from));
    assert_eq!(options.tls_key, ["/a.key", "/b.key"].map(PathBuf::from));
}

#[test]
fn every_setting_can_be_set_by_its_variable() -> Result<(), InvalidSetting> {
    assert_all_set(&from_vars(&[
        ("ANYHOST_HTTP_LIMITS", "strict"),
        ("ANYHOST_HTTP_DRAIN", "2500ms"),
        ("ANYHOST_HTTP_PROXIES", "loopback, unix"),
        ("ANYHOST_HTTP_FORWARDED", "1"),
        ("ANYHOST_HTTP_PROXY_PROTOCOL", "1"),
        ("ANYHOST_HTTP_HEALTH", "1"),
        ("ANYHOST_HTTP_METRICS", "127.0.0.1:9090"),
        ("ANYHOST_HTTP_DETACHED", "1"),
        ("ANYHOST_HTTP_TLS_CERT", "/a.pem,/b.pem"),
        ("ANYHOST_HTTP_TLS_KEY", "/a.key,/b.key"),
    ])?);
    Ok(())
}

#[test]
fn every_setting_can_be_set_by_its_flag() -> Result<(), clap::Error> {
    assert_all_set(&from_flags(&[
        "--limits=strict",
        "--drain",
        "2.5",
        "--proxies",
        "loopback, unix",
        "--forwarded",
        "--proxy-protocol=1",
        "--health",
        "--metrics=127.0.0.1:9090",
        "--detached",
        "--tls-cert=/a.pem",
        "--tls-key=/a.key",
        "--tls-cert=/b.pem",
        "--tls-key=/b.key",
    ])?);
    Ok(())
}

#[test]
fn empty_variables_count_as_unset() -> Result<(), InvalidSetting> {
    let names = definitions().map(|definition| definition.variable);
    let names: Vec<_> = names.collect();
    let vars: Vec<_> = names.iter().map(|name| (&**name, "")).collect();
    let options = from_vars(&vars)?;
    assert_eq!(options.limits, Limits::default());
    assert_eq!(options.drain, Duration::from_secs(10));
    assert_eq!(options.proxies, None);
    assert!(!options.forwarded && !options.proxy_protocol);
    assert!(!options.health && !options.detached);
    assert_eq!(options.metrics, None);
    assert!(options.tls_cert.is_empty() && options.tls_key.is_empty());
    Ok(())
}

#[test]
fn the_error_of_an_invalid_value_names_the_variable_or_the_flag() {
    for (variable, flag, value, expected) in [
        (
            "ANYHOST_HTTP_LIMITS",
            "--limits",
            "none",
            "default, strict or unlimited",
        ),
        (
            "ANYHOST_HTTP_DRAIN",
            "--drain",
            "abc",
            "a duration such as 10s",
        ),
        ("ANYHOST_HTTP_HEALTH", "--health", "yes", "0 or 1"),
    ] {
        let problem = format!("invalid value {value:?}, expected {expected}");
        let error = from_vars(&[(variable, value)]).unwrap_err();
        assert_eq!(error.to_string(), format!("{variable}: {problem}"));
        let error = from_flags(&[&format!("{flag}={value}")]).unwrap_err();
        assert_eq!(error.to_string(), format!("error: {flag}: {problem}\n"));
    }
}

struct Definition {
    flag: String,
    variable: String,
    default: String,
    help: String,
}

fn definitions() -> impl Iterator<Item = Definition> {
    let command = ServerOptions::augment_args(Command::new("test"));
    let arguments: Vec<_> = command.get_arguments().cloned().collect();
    arguments.into_iter().map(|arg| Definition {
        flag: format!("--{}", arg.get_long().unwrap()),
        variable: arg.get_env().unwrap().to_string_lossy().into_owned(),
        default: match arg.get_default_values() {
            [] => "none".to_owned(),
            [value] => format!("`{}`", value.to_string_lossy()),
            values => panic!("{values:?}"),
        },
        help: arg.get_help().unwrap().to_string(),
    })
}

/// The table of the documentation of [`ServerOptions`] and of `infra/server/README.md`.
fn table() -> String {
    let mut table = "| flag | variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    for definition in definitions() {
        let Definition {
            flag,
            variable,
            default,
            help,
        } = definition;
        table.push_str(&format!(
            "| `{flag}` | `{variable}` | {default} | {help} |\n"
        ));
    }
    table
}

#[test]
fn the_tables_of_settings_in_the_documentation_match_the_definitions() {
    let crate_folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in ["src/settings/options.md", "../../infra/server/README.md"] {
        let text = std::fs::read_to_string(crate_folder.join(path)).unwrap();
        assert!(
            text.contains(&table()),
            "{path} does not contain this table:\n{}",
            table()
        );
    }
}

#[test]
fn each_flag_and_variable_is_named_after_its_field() {
    let command = ServerOptions::augment_args(Command::new("test"));
    for (arg, definition) in command.get_arguments().zip(definitions()) {
        let field = arg.get_id().as_str();
        let variable = format!("ANYHOST_HTTP_{}", field.to_uppercase());
        assert_eq!(definition.variable, variable);
        assert_eq!(definition.flag, format!("--{}", field.replace('_', "-")));
    }
}
