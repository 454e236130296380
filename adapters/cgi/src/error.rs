//! Why a program could not serve its request.

use std::error::Error;
use std::{fmt, io};

/// Why a program could not serve its request.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// `GATEWAY_INTERFACE` is not set, so this process was not started as a CGI program.
    NotCgi,
    /// The descriptors or signals of the process could not be set up.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCgi => f.write_str("not a CGI request: GATEWAY_INTERFACE is not set"),
            Self::Io(error) => write!(f, "failed to set up the CGI process: {error}"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotCgi => None,
            Self::Io(error) => error.source(),
        }
    }
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ServeError> for io::Error {
    fn from(error: ServeError) -> Self {
        Self::other(error)
    }
}
