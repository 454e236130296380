//! The meta-variables of a request (RFC 3875 §4.1).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// The environment that the web server gave to this request. It is in the request's extensions.
///
/// Values are bytes: a client can send any in a header, and `std::env::vars` panics on some of them.
/// They are in the process's own environment, too, and programs that it starts inherit them: give those
/// an environment of their own (`Command::env_clear`) unless they are meant to know of the request.
///
/// Variables such as `REMOTE_USER`, `DOCUMENT_ROOT` or `SSL_CLIENT_S_DN` are found here and never
/// among the headers, where a client could set them.
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
    /// An environment of these variables.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(
            vars.into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::new(std::env::vars_os())
    }

    /// The variable of this name; the first one if the server passed several.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The bytes of a variable. RFC 3875 §4.1: an empty one is the same as none.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.get(name)
            .map(OsStrExt::as_bytes)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// All variables, in the server's order, repeated ones too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }
}

impl fmt::Debug for Environment {
    /// Names only: the values hold passwords and cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
