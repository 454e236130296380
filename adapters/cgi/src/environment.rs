//! The meta-variables of a request (RFC 3875 §4.1).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

use bytes::Bytes;

use crate::process::for_each_variable;

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
pub struct Environment(Arc<Variables>);

/// All variables are in one buffer, because two allocations for each variable would be a tenth of all instructions of a
/// process. Header values share the buffer.
struct Variables {
    /// Each variable as `NAME=value`.
    buffer: Bytes,
    entries: Vec<Entry>,
    /// The number of the last entry in each bucket, or 0. A request takes about 35 lookups.
    buckets: [u32; BUCKETS],
}

/// The position of a variable in the buffer.
struct Entry {
    start: usize,
    name_length: usize,
    end: usize,
    /// The number of the previous entry in the same bucket, or 0.
    previous: u32,
}

const BUCKETS: usize = 64;

/// The names of CGI variables differ in their lengths and their last bytes.
fn bucket(name: &[u8]) -> usize {
    let last = name.last().copied().unwrap_or_default();
    (name.len() * 5 + usize::from(last)) % BUCKETS
}

impl Environment {
    /// Creates an environment from names and values.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut copy = Copy::new();
        for (name, value) in vars {
            let mut variable = name.into().into_vec();
            let name_length = variable.len();
            variable.push(b'=');
            variable.extend_from_slice(value.into().as_bytes());
            copy.push(&variable, name_length);
        }
        copy.finish()
    }

    /// Copies the environment of this process.
    pub fn of_process() -> Self {
        let mut copy = Copy::new();
        for_each_variable(|variable, name_length| copy.push(variable, name_length));
        copy.finish()
    }

    /// Returns the value of a variable, or its first value if the server passed the name several times.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.find(name).map(OsStr::from_bytes)
    }

    fn find(&self, name: &str) -> Option<&[u8]> {
        let variables = &*self.0;
        let mut found = None;
        let mut number = variables.buckets[bucket(name.as_bytes())];
        // The entries come in reverse order, and the first one counts.
        while let Some(entry) = variables.entry(number) {
            let (known, value) = variables.split(entry);
            if known == name.as_bytes() {
                found = Some(value);
            }
            number = entry.previous;
        }
        found
    }

    /// The bytes of a variable. An empty variable is treated like a missing one (RFC 3875 §4.1).
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.find(name).filter(|value| !value.is_empty())
    }

    /// Like [`bytes`](Self::bytes), but returns `None` if the value is not valid UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// All variables in the server's order, including repeated ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let variables = &*self.0;
        let entries = variables.entries.iter();
        entries.map(|entry| variables.split(entry))
    }

    /// A value of this environment, without copying it.
    pub(crate) fn share(&self, value: &[u8]) -> Bytes {
        self.0.buffer.slice_ref(value)
    }
}

impl Variables {
    /// The entry with this number. Numbers start with 1.
    fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get((number as usize).checked_sub(1)?)
    }

    fn split(&self, entry: &Entry) -> (&[u8], &[u8]) {
        let (name, value) = self.buffer[entry.start..entry.end].split_at(entry.name_length);
        (name, value.get(1..).unwrap_or_default())
    }
}

/// An environment that is being copied.
struct Copy {
    buffer: Vec<u8>,
    entries: Vec<Entry>,
    buckets: [u32; BUCKETS],
}

impl Copy {
    /// Makes room for most environments, so that the buffers do not grow.
    fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(4096),
            entries: Vec::with_capacity(64),
            buckets: [0; BUCKETS],
        }
    }

    fn push(&mut self, variable: &[u8], name_length: usize) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(variable);
        let latest = &mut self.buckets[bucket(&variable[..name_length])];
        self.entries.push(Entry {
            start,
            name_length,
            end: self.buffer.len(),
            previous: *latest,
        });
        *latest = self.entries.len() as u32;
    }

    fn finish(self) -> Environment {
        Environment(Arc::new(Variables {
            buffer: self.buffer.into(),
            entries: self.entries,
            buckets: self.buckets,
        }))
    }
}

impl fmt::Debug for Environment {
    /// Writes names only, because values can contain passwords and cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|(name, _)| OsStr::from_bytes(name)))
            .finish()
    }
}
