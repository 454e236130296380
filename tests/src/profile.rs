//! What is known of a host before a request is sent to it.

use std::borrow::Cow;

use crate::capability::Capabilities;

/// A host as the suite sees it.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name: the column in the table, and what `--as` takes.
    pub name: Cow<'static, str>,
    /// What its context calls itself: `http`, `lambda`, `cgi`, …
    pub host: &'static str,
    /// The mount, which a transport puts before every path.
    pub base_path: Cow<'static, str>,
    /// What it can carry.
    pub can: Capabilities,
    /// Headers that it adds to replies, each with the reason why.
    pub adds: &'static [(&'static str, &'static str)],
}

impl Profile {
    /// A host of this name, whose context calls itself `host`, below this mount.
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

    /// The same host, which adds these headers to replies, each with the reason why.
    #[must_use]
    pub const fn adding(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.adds = headers;
        self
    }
}
