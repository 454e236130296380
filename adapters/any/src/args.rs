//! The command line of the standalone server.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhost_hyper::clap::{self, ArgAction, Parser};
use anyhost_hyper::{Address, Inherited, InvalidSetting, ListenOptions, Server, ServerOptions};

use crate::commands::Command;
use crate::front_door::FrontDoorOptions;

/// Serves HTTP with one handler, on the host that started the program
#[derive(Debug, Parser)]
#[command(
    name = "anyhost",
    display_name = crate::version::program(),
    version = crate::version::versions(),
    disable_version_flag = true,
    after_help = AFTER_HELP
)]
#[command(disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    listen: ListenOptions,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    front_door: FrontDoorOptions,
    /// Print version
    // clap would use `-V`; `-v` is the option of the npm package micro.
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
}

const AFTER_HELP: &str = "\
Without --listen and --port, the server listens on the sockets that systemd passed, or else on the port in
FUNCTIONS_CUSTOMHANDLER_PORT, or else on the port in PORT (and the address in HOST), or else on tcp://0.0.0.0:3000.

Environment variables for all hosts:
  ANYHOST=http|lambda|cgi  the host, instead of detecting it
  ANYHOST_ENV=development  details in 5xx responses, and a log of requests with their bodies
  ANYHOST_LOG_FORMAT=json  each line of the log is one JSON object
  RUST_LOG=LEVEL           off, error, warn, info, debug or trace";

impl Args {
    /// Parses a command line, beginning with the program's name. If the program should exit without serving, the result
    /// is its exit code: 0 after `--help` and `--version`, 2 for an invalid command line.
    ///
    /// # Errors
    /// When an environment variable has an invalid value.
    pub(crate) fn parse_from_args(
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Result<Self, ExitCode>, InvalidSetting> {
        let error = match Self::try_parse_from(args) {
            Ok(args) => return Ok(Ok(args)),
            Err(error) => error,
        };
        match anyhost_hyper::invalid_setting(&error) {
            // An invalid variable is reported in the log, as on every host.
            Some(setting) if !setting.name().starts_with("--") => Err(setting),
            _ => {
                // If writing to stdout or stderr fails, there is no place to report the error.
                let _ = error.print();
                let code = u8::try_from(error.exit_code()).unwrap_or(2);
                Ok(Err(ExitCode::from(code)))
            }
        }
    }

    /// Reads the options from the environment only, for a program that has its own command line.
    ///
    /// # Errors
    /// When an environment variable has an invalid value.
    pub(crate) fn from_env() -> Result<Self, InvalidSetting> {
        Ok(Self {
            listen: ListenOptions::default(),
            server: ServerOptions::from_env()?,
            front_door: FrontDoorOptions::default(),
            version: None,
            command: None,
        })
    }

    /// The command that runs instead of the server.
    pub(crate) fn take_command(&mut self) -> Option<Command> {
        self.command.take()
    }

    /// The simulated event source that the server puts in front of the handler.
    #[cfg(all(feature = "front-door", feature = "lambda"))]
    pub(crate) fn take_front_door(&mut self) -> FrontDoorOptions {
        std::mem::take(&mut self.front_door)
    }

    /// Takes over the inherited sockets, unless the command line has an address (`--listen fd:3` is also an address: it
    /// names an inherited socket). Must be called before the process starts threads.
    ///
    /// # Errors
    /// When an inherited descriptor is not a listening socket.
    pub(crate) fn take_inherited(&self) -> io::Result<Option<Inherited>> {
        match self.listen.is_empty() {
            true => Inherited::take(),
            false => Ok(None),
        }
    }

    /// The maximum duration of a shutdown.
    pub(crate) fn shutdown_time(&self) -> Duration {
        self.server.drain_delay.saturating_add(self.server.drain)
    }

    /// Configures the server. Uses the inherited sockets if there are any, and otherwise binds the addresses.
    ///
    /// # Errors
    /// When the certificate cannot be loaded, or an address is invalid or cannot be bound.
    pub(crate) async fn bind(self, inherited: Option<Inherited>) -> io::Result<Server> {
        let mut server = Server::from_options(self.server)?;
        if let Some(sockets) = inherited {
            return server.and_inherited(sockets);
        }
        for address in self.listen.addresses(server.has_certificate())? {
            let host = host_variable(&address);
            server = server.and_bind(address).await.map_err(|error| match host {
                Some(host) => unknown_host(&host, error),
                None => error,
            })?;
        }
        Ok(server)
    }
}

/// Returns the value of the variable HOST if the address contains this value.
fn host_variable(address: &Address) -> Option<String> {
    let (Address::Tcp(host, _) | Address::Tls(host, _)) = address else {
        return None;
    };
    std::env::var("HOST").ok().filter(|value| value == host)
}

/// Adds the value of HOST to an error, because some shells and build tools set HOST to a value that is not an address,
/// such as the name of a platform.
fn unknown_host(host: &str, error: io::Error) -> io::Error {
    match error.kind() {
        // The host is valid: only its port cannot be bound.
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => error,
        kind => {
            let expected = format!("an address of this machine ({error})");
            io::Error::new(kind, InvalidSetting::new("HOST", host, expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["app"], args].concat())
    }

    #[test]
    fn the_option_help_lists_every_option_with_its_variable_and_default() {
        let help = parse(&["--help"]).unwrap_err().to_string();
        for text in [
            "Serves HTTP with one handler",
            "Usage: app [OPTIONS]",
            "-l, --listen <ADDRESS>",
            "-p, --port <PORT>",
            "--drain <DURATION>",
            "[env: ANYHOST_HTTP_DRAIN]",
            "[default: 10s]",
            "--health[=<0|1>]",
            "-v, --version",
            "tcp://0.0.0.0:3000",
            "ANYHOST_ENV=development",
        ] {
            assert!(
                help.contains(text),
                "the help does not contain {text:?}:\n{help}"
            );
        }
    }

    #[test]
    fn the_option_version_prints_the_name_and_the_version_of_the_program_and_the_version_of_anyhost()
     {
        let program = crate::version::program();
        assert!(program.starts_with("anyhost"), "{program}");
        let anyhost = concat!("(anyhost ", env!("CARGO_PKG_VERSION"), ")");
        let print = |flag| {
            let version = parse(&[flag]).unwrap_err();
            assert_eq!(version.exit_code(), 0);
            version.to_string()
        };
        assert_eq!(print("-v"), format!("{program} {anyhost}\n"));
        crate::set_version("1.4.0");
        for flag in ["-v", "--version"] {
            assert_eq!(print(flag), format!("{program} 1.4.0 {anyhost}\n"));
        }
    }

    #[test]
    fn an_invalid_command_line_has_the_exit_code_2() {
        for args in [
            &["--port"][..],
            &["-l"],
            &["-l", "ftp://x"],
            &["--drain=soon"],
            &["argument"],
        ] {
            let error = parse(args).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn command_line_options_configure_the_server() {
        let args = parse(&["--drain", "25s", "--health", "-l", "unix:/x"]).unwrap();
        assert_eq!(args.server.drain.as_secs(), 25);
        assert!(args.server.health);
        assert_eq!(args.listen.listen.len(), 1);
    }
}
