//! The meta-variables of a request (RFC 3875 §4.1).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// The environment variables that the web server set for a request. Handlers find this value in the request's
/// extensions.
///
/// Values are bytes, because a client can send any bytes in a header, and `std::env::vars` panics if a value is not
/// valid UTF-8. The variables are also in the environment of the process, so child processes inherit them. Call
/// `Command::env_clear` for child processes that must not see the request.
///
/// Variables such as `REMOTE_USER`, `DOCUMENT_ROOT` or `SSL_CLIENT_S_DN` are available here. These variables are
/// never among the request headers, which a client can set.
///
/// ```
/// use anyhost_cgi::Environment;
///
/// let environment = Environment::new([("REMOTE_USER", "ada"), ("AUTH_TYPE", "Basic")]);
/// assert_eq!(environment.get("REMOTE_USER"), Some("ada".as_ref()));
/// assert_eq!(environment.get("REMOTE_IDENT"), None);
/// ```
#[derive(Clone)]
pub struct Environment(Arc<[(OsString, OsString)]>);

impl Environment {
    /// Creates an environment from names and values.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(
            vars.into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// Copies the environment of this process.
    pub fn of_process() -> Self {
        Self::new(std::env::vars_os())
    }

    /// Returns the value of a variable, or its first value if the server passed the name several times.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The bytes of a variable. An empty variable is treated like a missing one (RFC 3875 §4.1).
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.get(name)
            .map(OsStrExt::as_bytes)
            .filter(|value| !value.is_empty())
    }

    /// Like [`bytes`](Self::bytes), but returns `None` if the value is not valid UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// All variables in the server's order, including repeated ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }
}

impl fmt::Debug for Environment {
    /// Writes names only, because values can contain passwords and cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
