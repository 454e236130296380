//! Where in the source code an error was made or a panic happened.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::Location;

use http::StatusCode;

use crate::context::is_development;

/// The folder of this crate's source files, as in [`Location::file`].
const OWN_FILES: &str = file!().split_at(file!().len() - "origin.rs".len()).0;

/// The location at which an error was made and, in development mode, a backtrace.
pub(crate) struct Origin {
    location: &'static Location<'static>,
    backtrace: Option<Backtrace>,
}

impl Origin {
    /// The location of the caller. A backtrace takes many microseconds, so it is captured only in development mode, and
    /// only for errors that the server causes.
    #[track_caller]
    pub(crate) fn of_caller(status: StatusCode) -> Self {
        let location = Location::caller();
        let has_backtrace = status.is_server_error() && is_development() && !is_own(location);
        Self {
            location,
            backtrace: has_backtrace.then(Backtrace::force_capture),
        }
    }
}

/// Whether the location is in this crate. Such a location does not help the author of the program: either this crate
/// created the error, or it converted the error after the handler had returned, when the handler was no longer on the
/// stack.
fn is_own(location: &Location<'_>) -> bool {
    location.file().starts_with(OWN_FILES)
}

/// Writes each part on a separate line, after a line break.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_own(self.location) {
            return Ok(());
        }
        // `map_err(Error::from)` calls the conversion from a file of the standard library.
        if !is_dependency(self.location.file()) {
            write!(f, "\nat {}", self.location)?;
        }
        match self.backtrace.as_ref().map(shorten).as_deref() {
            None | Some("") => Ok(()),
            Some(backtrace) => write!(f, "\n{backtrace}"),
        }
    }
}

/// The backtrace of the current thread as text, for a panic hook. In development mode, it has only the frames of the
/// program itself, unless `RUST_BACKTRACE` is `full`. Otherwise it is complete, and `None` unless `RUST_BACKTRACE` is
/// set.
///
/// ```
/// // In a test, neither variable is set.
/// # if std::env::var_os("RUST_BACKTRACE").is_none() && std::env::var_os("ANYHOST_ENV").is_none() {
/// assert_eq!(anyhost_core::adapter::panic::backtrace(), None);
/// # }
/// ```
pub fn backtrace() -> Option<String> {
    if is_development() {
        return Some(shorten(&Backtrace::force_capture()));
    }
    let backtrace = Backtrace::capture();
    (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string())
}

/// Removes the frames of dependencies and of the standard library, unless `RUST_BACKTRACE` is `full`.
fn shorten(backtrace: &Backtrace) -> String {
    let text = backtrace.to_string();
    match std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full") {
        true => text,
        false => without_dependencies(&text),
    }
}

/// Removes frames of dependencies, and the frames that called the handler, from a backtrace. A frame is a line such as
/// `   3: app::main`, and usually a second line such as `             at ./src/main.rs:10:5`. Frames without the second
/// line have no debug information, and are removed as well.
fn without_dependencies(text: &str) -> String {
    let mut kept = String::new();
    let mut frame = "";
    for line in text.lines() {
        match line.trim_start().strip_prefix("at ") {
            Some(location) if location.contains(CALLS_HANDLER) => break,
            Some(location) if location.contains(".rs:") && !is_dependency(location) => {
                for line in [frame, line] {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
            Some(_) => {}
            None => frame = line,
        }
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// The file of this crate that calls handlers.
const CALLS_HANDLER: &str = "/src/adapter/exchange.rs:";

/// Whether a source file belongs to the standard library, or to a crate from a registry or a repository.
fn is_dependency(location: &str) -> bool {
    [
        "/rustc/",
        "/library/std/src/",
        "/library/core/src/",
        "/registry/src/",
        "/git/checkouts/",
    ]
    .iter()
    .any(|folder| location.contains(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_reduced_to_the_frames_of_the_program_below_the_handler() {
        let text = "   0: std::backtrace::Backtrace::create
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/backtrace.rs:331:13
   1: app::load
             at ./src/main.rs:12:5
   2: tokio::runtime::park
             at /home/user/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.50.0/src/runtime/park.rs:285:60
   3: app::handle
             at ./src/main.rs:20:5
   4: main
             at ../csu/libc-start.c:360:3
   5: _start
   6: anyhost_core::adapter::exchange::Exchange::step
             at /home/user/anyhost/core/src/adapter/exchange.rs:162:32
   7: app::main
             at ./src/main.rs:30:5
";
        assert_eq!(
            without_dependencies(text),
            "   1: app::load
             at ./src/main.rs:12:5
   3: app::handle
             at ./src/main.rs:20:5"
        );
    }

    #[test]
    fn the_files_of_this_crate_are_recognized_as_its_own() {
        assert!(is_own(Location::caller()));
        assert!(!OWN_FILES.ends_with(".rs"), "{OWN_FILES}");
    }
}
