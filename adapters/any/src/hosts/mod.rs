//! The hosts. Each host has a function that makes the Tokio runtime, builds the handler, serves requests, and returns
//! the exit code.

#[cfg(feature = "cgi")]
mod cgi;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "lambda")]
mod lambda;

use std::fmt;
use std::io;
use std::process::ExitCode;

use anyhost_core::adapter::panic::catch_panic;
use anyhost_core::{Error, IntoHandler};
use tokio::runtime::Builder;

use crate::detect::Detected;

macro_rules! hosts {
    ($($kind:ident: $module:ident, $name:literal;)+) => {
        /// A host for which a process can be started.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum HostKind {
            $($kind,)+
        }

        impl HostKind {
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),+];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }

        /// Builds a handler and runs it on the detected host.
        pub(crate) fn run<K, H, E>(
            build: impl AsyncFnOnce() -> Result<H, E>,
            detected: &Detected,
        ) -> Result<ExitCode, Error>
        where
            H: IntoHandler<K>,
            E: Into<Error>,
        {
            match detected.host {
                $(
                    #[cfg(feature = $name)]
                    HostKind::$kind => $module::run(build, detected),
                    #[cfg(not(feature = $name))]
                    HostKind::$kind => {
                        drop(build);
                        Err(missing_feature(detected.host).into())
                    }
                )+
            }
        }

        /// Runs a handler on this host, in the runtime of the program.
        pub(crate) async fn serve<K>(
            handler: impl IntoHandler<K>,
            host: HostKind,
        ) -> io::Result<()> {
            match host {
                $(
                    #[cfg(feature = $name)]
                    HostKind::$kind => $module::serve(handler).await,
                    #[cfg(not(feature = $name))]
                    HostKind::$kind => {
                        drop(handler);
                        Err(missing_feature(host))
                    }
                )+
            }
        }
    };
}

// Each line is one host. Its name is the value of `ANYHOST` and the name of the cargo feature.
hosts! {
    Http: http, "http";
    Lambda: lambda, "lambda";
    Cgi: cgi, "cgi";
}

impl fmt::Display for HostKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// This function is unused if all features are enabled.
#[allow(dead_code)]
pub(crate) fn missing_feature(host: HostKind) -> io::Error {
    io::Error::other(format!(
        "this program was built without the feature `{host}` of the crate anyhost"
    ))
}

/// Runs a future on a new runtime. Does not wait for threads that are blocked in a system call, because
/// such threads could prevent the exit of the process.
// This function is unused if no feature of a host is enabled.
#[allow(dead_code)]
pub(crate) fn block_on(
    mut builder: Builder,
    future: impl Future<Output = Result<ExitCode, Error>>,
) -> Result<ExitCode, Error> {
    let runtime = builder.enable_all().build()?;
    // Tokio gets a reference, because each of its functions would have its own copy of the future on the stack.
    let result = runtime.block_on(std::pin::pin!(future));
    runtime.shutdown_background();
    result
}

/// Builds the handler. A panic is returned as an error, so that each host handles the panic like an error: Lambda
/// reports the error to the Runtime API, and CGI responds with 500.
// This function is unused if no feature of a host is enabled.
#[allow(dead_code)]
pub(crate) async fn build_handler<H, E: Into<Error>>(
    build: impl AsyncFnOnce() -> Result<H, E>,
) -> Result<H, Error> {
    match catch_panic(async { build().await }).await {
        Ok(built) => built.map_err(Into::into),
        Err(panic) => Err(Error::from(panic)),
    }
}
