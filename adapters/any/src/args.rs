//! The command line of the standalone server, in micro's words.

use std::ffi::OsString;

use anyhost_hyper::Address;
use lexopt::prelude::{Long, Short, ValueExt};

pub(crate) const HELP: &str = "\
Serves HTTP with one handler, on the host that started it.

Options:
  -l, --listen ADDRESS  listen there: tcp://host:port, tls://host:port,
                        unix:/path (with ?mode=660) or fd:3, a socket
                        that was passed; repeat it for several
  -h, --help            print this and exit
  -v, --version         print the version and exit

Without --listen: the sockets that systemd passed, else the port in
FUNCTIONS_CUSTOMHANDLER_PORT or PORT (with HOST), else tcp://0.0.0.0:3000.

Environment:
  ANYHOST=http|lambda|cgi  the host, if it is not to be found out
  ANYHOST_ENV=development  error replies tell their whole story
  ANYHOST_HTTP_LIMITS=NAME default, strict or unlimited: what a client may take
  ANYHOST_HTTP_DRAIN=SECS  how long requests in flight may take to end
  ANYHOST_HTTP_TLS_CERT=PATH, ANYHOST_HTTP_TLS_KEY=PATH
                           a certificate and its key, in PEM: speak TLS
  ANYHOST_HTTP_PROXIES=LIST
                           believe these proxies: loopback,10.0.0.0/8,unix
                           (ANYHOST_HTTP_FORWARDED=1: by RFC 7239)
  ANYHOST_HTTP_PROXY_PROTOCOL=1
                           expect a PROXY header on each connection
  ANYHOST_HTTP_HEALTH=1    answer /livez and /readyz
  ANYHOST_HTTP_DETACHED=1  let handlers end when their client leaves
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
    let (host, port) = match port {
        None => (None, 3000),
        Some(port) => {
            let number = port
                .parse::<u16>()
                .map_err(|_| format!("{name} is {port:?}, which is no port"))?;
            let host = if name == "PORT" { var("HOST")? } else { None };
            (host, number)
        }
    };
    let host = host.unwrap_or_else(|| "0.0.0.0".into());
    Ok(match var("ANYHOST_HTTP_TLS_CERT")? {
        Some(_) => Address::Tls(host, port),
        None => Address::Tcp(host, port),
    })
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
        let certificate = ("ANYHOST_HTTP_TLS_CERT", "cert.pem");
        assert_eq!(
            asked(&[("PORT", "443"), certificate]),
            Ok("tls://0.0.0.0:443".into())
        );
        assert!(asked(&[("PORT", "http")]).unwrap_err().contains("PORT"));
    }
}
