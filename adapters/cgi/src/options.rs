//! The options of a [`Program`](crate::Program), and the variables that set them.

use std::io;
use std::time::Duration;

use anyhost_core::Result;

use crate::environment::Environment;

/// How a program serves its request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) deadline: Option<Duration>,
    pub(crate) body_to_end: bool,
    pub(crate) nph: bool,
}

impl Options {
    /// Reads the options from the environment of a request.
    ///
    /// # Errors
    /// An error if a value is invalid.
    pub(crate) fn of(environment: &Environment) -> Result<Self> {
        let invalid = |name: &str, expected: &str| {
            let value = environment.get(name).unwrap_or_default();
            io::Error::other(format!(
                "{name}: invalid value {value:?}, expected {expected}"
            ))
        };
        let deadline = match environment.bytes("ANYHOST_CGI_DEADLINE") {
            None => None,
            Some(_) => Some(
                environment
                    .text("ANYHOST_CGI_DEADLINE")
                    .and_then(|text| text.parse().ok())
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .ok_or_else(|| invalid("ANYHOST_CGI_DEADLINE", "a duration such as 10s"))?,
            ),
        };
        let body_to_end = match environment.bytes("ANYHOST_CGI_BODY_TO_END") {
            None | Some(b"0") => false,
            Some(b"1") => true,
            Some(_) => return Err(invalid("ANYHOST_CGI_BODY_TO_END", "0 or 1").into()),
        };
        Ok(Self {
            deadline,
            body_to_end,
            nph: is_nph(environment),
        })
    }

    /// The default options, and `nph` as the name of the program requires.
    pub(crate) fn of_program_name(environment: &Environment) -> Self {
        Self {
            nph: is_nph(environment),
            ..Self::default()
        }
    }
}

/// Apache sends the output of a program unchanged if the name of its file starts with `nph-`.
fn is_nph(environment: &Environment) -> bool {
    let file = environment.bytes("SCRIPT_FILENAME");
    let file = file.or_else(|| environment.bytes("SCRIPT_NAME"));
    let name = file.unwrap_or_default().rsplit(|&b| b == b'/').next();
    name.is_some_and(|name| name.starts_with(b"nph-"))
}
