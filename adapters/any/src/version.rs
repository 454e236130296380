//! The version that `--version` prints.

use std::path::Path;
use std::sync::OnceLock;

static VERSION: OnceLock<&str> = OnceLock::new();

/// Sets the version of the program, which `--version` prints. A library cannot read the version of the program that
/// uses it, so the program passes it. Call this function before [`run`](crate::run()); a second call has no effect.
///
/// `--version` prints the name of the executable, this version, and the version of anyhost, as in
/// `shop 1.4.0 (anyhost 0.1.0)`.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     anyhost::set_version(env!("CARGO_PKG_VERSION"));
///     anyhost::run(|| "Hello, world!")
/// }
/// ```
pub fn set_version(version: &'static str) {
    let _ = VERSION.set(version);
}

/// The name of the executable.
// This function and the next are unused without the feature `http`, because only the server has a command line. They
// leak their texts, because clap needs static texts. A process parses its command line once.
#[allow(dead_code)]
pub(crate) fn program() -> &'static str {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned().leak()
}

/// The version of the program, if it is set, and the version of anyhost.
#[allow(dead_code)]
pub(crate) fn versions() -> &'static str {
    const ANYHOST: &str = concat!("(anyhost ", env!("CARGO_PKG_VERSION"), ")");
    match VERSION.get() {
        Some(version) => format!("{version} {ANYHOST}").leak(),
        None => ANYHOST,
    }
}
