//! The description of a host for the suite.

use std::borrow::Cow;

use crate::capability::Capabilities;

/// The description of a host for the suite.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Profile {
    /// The name of the column in the table, which is also the value of `--as`.
    pub name: Cow<'static, str>,
    /// The expected `Context::host().name()`: `http`, `lambda`, `cgi`, …
    pub host: &'static str,
    /// The base path below which the probe is served. The transport prepends it to every path.
    pub base_path: Cow<'static, str>,
    /// The capabilities that the host has or lacks.
    pub can: Capabilities,
    /// The names of headers that the host adds to responses, each with the reason.
    pub adds: &'static [(&'static str, &'static str)],
}

impl Profile {
    /// A profile of a host that adds no headers.
    pub const fn new(
        name: &'static str,
        host: &'static str,
        base_path: &'static str,
        can: Capabilities,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            host,
            base_path: Cow::Borrowed(base_path),
            can,
            adds: &[],
        }
    }

    /// Declares headers that the host adds to responses, each with the reason.
    #[must_use]
    pub const fn adding(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.adds = headers;
        self
    }
}
