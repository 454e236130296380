//! The settings that operators can change. Each definition makes a flag and an environment variable.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhost_core::Proxies;
use anyhost_core::adapter::settings::{InvalidSetting, SettingValue};
use clap::builder::Resettable;
use clap::{Arg, Args, Command, FromArgMatches};

use super::drain_timeout;
use super::limits::Limits;
use super::parser::{invalid_setting_with_name, setting};
use crate::listen::Address;

/// The settings of a [`Server`](crate::Server), as flags and as environment variables.
///
#[doc = include_str!("options.md")]
///
/// A flag overrides its variable, and an empty variable counts as unset. Durations are written as `10s`, `500ms`, `2m`,
/// or as a number of seconds. A setting with the values 0 and 1 is switched on by its flag alone (`--health`) or by the
/// flag with a value (`--health=1`).
///
/// A program with its own command line can include the flags:
///
/// ```no_run
/// use anyhost_hyper::clap::{self, Parser};
/// use anyhost_hyper::{Server, ServerOptions};
///
/// #[derive(Parser)]
/// struct Command {
///     /// The URL of the database
///     #[arg(long)]
///     database: String,
///     #[command(flatten)]
///     server: ServerOptions,
/// }
///
/// # async fn example() -> std::io::Result<()> {
/// let command = Command::parse();
/// let server = Server::from_options(command.server)?.and_bind("127.0.0.1:8080").await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Args)]
// `about`: clap would use this documentation as the description of the command that includes the flags.
#[command(mut_args = adjust, about = None, long_about = None)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Limits for clients: `default`, `strict` or `unlimited`
    #[arg(long, env = "ANYHOST_HTTP_LIMITS", value_name = "PRESET")]
    #[arg(value_parser = setting::<Limits>(), default_value = "default")]
    pub limits: Limits,

    /// Number of open connections of one client address (IPv6: one /64 network); more are closed at once; ignored with `--proxies`
    #[arg(
        long,
        env = "ANYHOST_HTTP_CONNECTIONS_PER_CLIENT",
        value_name = "NUMBER"
    )]
    #[arg(value_parser = setting::<usize>())]
    pub connections_per_client: Option<usize>,

    /// Time for requests in flight to complete after a shutdown signal; the default is 9s on Cloud Run and Knative, and 4s on Fly
    #[arg(long, env = "ANYHOST_HTTP_DRAIN", value_name = "DURATION")]
    #[arg(value_parser = setting::<Duration>(), default_value = drain_timeout::default_text())]
    pub drain: Duration,

    /// Time for which the server continues to serve after a shutdown signal, while `/readyz` fails already
    #[arg(long, env = "ANYHOST_HTTP_DRAIN_DELAY", value_name = "DURATION")]
    #[arg(value_parser = setting::<Duration>(), default_value = "0s")]
    pub drain_delay: Duration,

    /// Certificate chain for TLS, a PEM file; several files, separated by commas or in repeated flags, are selected by host name (SNI)
    #[arg(long, env = "ANYHOST_HTTP_TLS_CERT", value_name = "PATH")]
    #[arg(value_delimiter = ',')]
    pub tls_cert: Vec<PathBuf>,

    /// Private key for TLS, a PEM file; as many files as certificates, in the same order
    #[arg(long, env = "ANYHOST_HTTP_TLS_KEY", value_name = "PATH")]
    #[arg(value_delimiter = ',')]
    pub tls_key: Vec<PathBuf>,

    /// Trusted proxies: a comma-separated list of addresses, networks such as 10.0.0.0/8, `loopback`, `private` and `unix`, or the number of proxies
    #[arg(long, env = "ANYHOST_HTTP_PROXIES", value_name = "LIST")]
    #[arg(value_parser = setting::<Proxies>())]
    pub proxies: Option<Proxies>,

    /// Whether the trusted proxies set `Forwarded` (RFC 7239) instead of `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`
    #[arg(long, env = "ANYHOST_HTTP_FORWARDED", value_name = "0|1")]
    #[arg(value_parser = setting::<bool>(), default_value = "0")]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub forwarded: bool,

    /// Whether each connection starts with a PROXY protocol header, which a load balancer writes
    #[arg(long, env = "ANYHOST_HTTP_PROXY_PROTOCOL", value_name = "0|1")]
    #[arg(value_parser = setting::<bool>(), default_value = "0")]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub proxy_protocol: bool,

    /// Whether the server answers health checks at `/livez` and `/readyz`
    #[arg(long, env = "ANYHOST_HTTP_HEALTH", value_name = "0|1")]
    #[arg(value_parser = setting::<bool>(), default_value = "0")]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub health: bool,

    /// Address at which `/metrics` is served for Prometheus, such as `127.0.0.1:9090` or `unix:/path`; needs the feature `prometheus`
    #[arg(long, env = "ANYHOST_HTTP_METRICS", value_name = "ADDRESS")]
    #[arg(value_parser = setting::<Address>())]
    pub metrics: Option<Address>,

    /// Whether responses have the request id of the log in `X-Request-Id`
    #[arg(long, env = "ANYHOST_HTTP_REQUEST_ID", value_name = "0|1")]
    #[arg(value_parser = setting::<bool>(), default_value = "0")]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub request_id: bool,

    /// Whether a handler runs to its end after its client has disconnected
    #[arg(long, env = "ANYHOST_HTTP_DETACHED", value_name = "0|1")]
    #[arg(value_parser = setting::<bool>(), default_value = "0")]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub detached: bool,
}

impl Default for ServerOptions {
    /// The defaults of the definitions; the environment is ignored.
    fn default() -> Self {
        match Self::from_vars(|_| None) {
            Ok(options) => options,
            Err(error) => unreachable!("invalid default: {error}"),
        }
    }
}

impl SettingValue for Limits {
    const EXPECTED: &'static str = "default, strict or unlimited";

    fn parse_setting(text: &str) -> Option<Self> {
        match text {
            "default" => Some(Self::default()),
            "strict" => Some(Self::strict()),
            "unlimited" => Some(Self::unlimited()),
            _ => None,
        }
    }
}

/// Adjusts the arguments that are defined here. clap also calls this function for the other arguments of a command that
/// includes [`ServerOptions`].
fn adjust(arg: Arg) -> Arg {
    let Some(name) = arg.get_env() else {
        return arg;
    };
    if !name.to_string_lossy().starts_with("ANYHOST_HTTP_") {
        return arg;
    }
    match std::env::var_os(name) {
        // clap would pass an empty string to the parser of the value. Compose files and systemd units often set a
        // variable to an empty string in order to unset it.
        Some(value) if value.is_empty() => arg.env(Resettable::Reset),
        // `--help` shows the defaults, not the values of the current environment.
        _ => arg.hide_env_values(true),
    }
}

impl ServerOptions {
    /// Reads the environment variables.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from_vars(|name| std::env::var_os(name))
    }

    /// Passes the values of the variables to clap as flags, because clap reads variables only from the environment of
    /// the process.
    pub(crate) fn from_vars(
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, InvalidSetting> {
        let (mut flags, mut names) = (Vec::new(), Vec::new());
        let command = Self::augment_args(Command::new("anyhost").no_binary_name(true));
        let command = command.mut_args(|arg| {
            if let (Some(variable), Some(long)) = (arg.get_env(), arg.get_long()) {
                let variable = variable.to_string_lossy().into_owned();
                let flag = format!("--{long}");
                if let Some(value) = lookup(&variable).filter(|value| !value.is_empty()) {
                    let mut argument = OsString::from(format!("{flag}="));
                    argument.push(value);
                    flags.push(argument);
                }
                names.push((flag, variable));
            }
            arg.env(Resettable::Reset)
        });
        let invalid = |error: clap::Error| {
            let variable = |flag: String| match names.iter().find(|(known, _)| *known == flag) {
                Some((_, variable)) => variable.clone(),
                None => flag,
            };
            invalid_setting_with_name(&error, variable)
                // Any other error is impossible, because each flag exists, occurs once, and has a value.
                .unwrap_or_else(|| InvalidSetting::new("environment", error.to_string(), "flags"))
        };
        let mut matches = command.try_get_matches_from(flags).map_err(&invalid)?;
        Self::from_arg_matches_mut(&mut matches).map_err(invalid)
    }
}
