//! The command line of the standalone server, in micro's words.

use std::ffi::OsString;

use anyhost_hyper::Address;
use lexopt::prelude::{Long, Short, ValueExt};

pub(crate) const HELP: &str = "\
Serves HTTP with one handler, on the host that started it.

Options:
  -l, --listen ADDRESS  listen there: tcp://host:port or unix:/path;
                        repeat it for several
  -h, --help            print this and exit
  -v, --version         print the version and exit

Without --listen: the sockets that systemd passed, else the port in
FUNCTIONS_CUSTOMHANDLER_PORT or PORT (with HOST), else tcp://0.0.0.0:3000.

Environment:
  ANYHOST=http|lambda|cgi  the host, if it is not to be found out
  ANYHOST_ENV=development  error replies tell their whole story
  RUST_LOG=LEVEL           off, error, warn, info, debug or trace
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Args {
    /// Listen there, or where the environment says if this is empty.
    Serve(Vec<Address>),
    Help,
    Version,
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// What is wrong with them, in one line.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, String> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut addresses = Vec::new();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('l') | Long("listen") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                let address = value.parse_with(str::parse::<Address>);
                addresses.push(address.map_err(|error| error.to_string())?);
            }
            Short('h') | Long("help") => return Ok(Args::Help),
            Short('v') | Long("version") => return Ok(Args::Version),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Args::Serve(addresses))
}

/// The address that the environment asks for.
///
/// # Errors
/// When a port is none: listening elsewhere would be found out too late.
pub(crate) fn from_env(var: impl Fn(&str) -> Option<OsString>) -> Result<Address, String> {
    let var = |name: &'static str| match var(name).filter(|value| !value.is_empty()) {
        Some(value) => value
            .into_string()
            .map(Some)
            .map_err(|value| format!("{name} is {value:?}")),
        None => Ok(None),
    };
    let (name, port) = match var("FUNCTIONS_CUSTOMHANDLER_PORT")? {
        Some(port) => ("FUNCTIONS_CUSTOMHANDLER_PORT", Some(port)),
        None => ("PORT", var("PORT")?),
    };
    let Some(port) = port else {
        return Ok(Address::default());
    };
    let port = port
        .parse::<u16>()
        .map_err(|_| format!("{name} is {port:?}, which is no port"))?;
    let host = if name == "PORT" { var("HOST")? } else { None };
    Ok(Address::Tcp(host.unwrap_or_else(|| "0.0.0.0".into()), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Args, String> {
        parse(args.iter().map(Into::into))
    }

    #[test]
    fn listen_can_be_repeated_and_shortened() {
        let Ok(Args::Serve(addresses)) = parsed(&[
            "-l",
            "tcp://localhost:1",
            "--listen=unix:/x",
            "--listen",
            "2",
            "-l3",
        ]) else {
            panic!("not served")
        };
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(
            addresses,
            [
                "tcp://localhost:1",
                "unix:/x",
                "tcp://0.0.0.0:2",
                "tcp://0.0.0.0:3"
            ]
        );
    }

    #[test]
    fn help_and_version_are_asked_for() {
        assert_eq!(parsed(&["--help"]), Ok(Args::Help));
        assert_eq!(parsed(&["-v"]), Ok(Args::Version));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for args in [&["--port"][..], &["-l"], &["-l", "ftp://x"], &["stray"]] {
            assert!(parsed(args).is_err(), "{args:?}");
        }
    }

    fn asked(vars: &[(&str, &str)]) -> Result<String, String> {
        let find = |name: &str| {
            vars.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        };
        from_env(find).map(|address| address.to_string())
    }

    #[test]
    fn the_environment_gives_the_port() {
        assert_eq!(asked(&[]), Ok("tcp://0.0.0.0:3000".into()));
        assert_eq!(
            asked(&[("HOST", "x"), ("PORT", "")]),
            Ok("tcp://0.0.0.0:3000".into())
        );
        assert_eq!(asked(&[("PORT", "80")]), Ok("tcp://0.0.0.0:80".into()));
        assert_eq!(
            asked(&[("PORT", "80"), ("HOST", "::1")]),
            Ok("tcp://[::1]:80".into())
        );
        let azure = ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071");
        assert_eq!(
            asked(&[("PORT", "80"), ("HOST", "x"), azure]),
            Ok("tcp://0.0.0.0:7071".into())
        );
        assert!(asked(&[("PORT", "http")]).unwrap_err().contains("PORT"));
    }
}
