//! What a function can be told of its deployment.

use std::time::Duration;

/// How replies are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As one JSON, when they are whole: every front door takes it.
    #[default]
    Buffer,
    /// Piece by piece, where the front door can: a Function URL with `InvokeMode: RESPONSE_STREAM`, a
    /// REST API with response streaming. The others get their reply as one JSON.
    Stream,
}

/// See [`Function`](crate::Function), which has a method for each.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) events: Option<Box<str>>,
    pub(crate) base_path: Box<str>,
    pub(crate) strip_stage: bool,
    pub(crate) proxies: usize,
    pub(crate) margin: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Buffer,
            events: None,
            base_path: Box::default(),
            strip_stage: false,
            proxies: 1,
            margin: Duration::from_millis(250),
        }
    }
}
