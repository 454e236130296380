//! The log, for programs that do not set a `tracing` subscriber.

mod filter;
mod lazy;
mod line;
mod panic;

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

use crate::detect::HostKind;
use lazy::LazySubscriber;
use line::OneLine;

/// Writes the log to stderr, unless the program has set a subscriber.
///
/// The level is that of `RUST_LOG` (`debug`, `info,hyper=trace`), or else `info`, for CGI `warn`. On Lambda,
/// `AWS_LAMBDA_LOG_LEVEL` wins over `RUST_LOG`, and `AWS_LAMBDA_LOG_FORMAT=JSON` selects JSON. For CGI and the
/// standalone server, each event is one line. CGI lines have no time, because the web server adds it.
pub(crate) fn init(host: HostKind) {
    let default = match host {
        HostKind::Cgi => LevelFilter::WARN,
        HostKind::Http | HostKind::Lambda => LevelFilter::INFO,
    };
    let rust_log = std::env::var_os("RUST_LOG");
    let rust_log = rust_log.as_ref().map(|value| value.to_string_lossy());
    let (filter, invalid) = match lambda_level(host) {
        Some(level) => (Targets::new().with_default(level), None),
        None => filter::parse(rust_log.as_deref(), default),
    };
    let subscriber = LazySubscriber::new(filter, move || stderr(host));
    let is_ours = tracing::subscriber::set_global_default(subscriber).is_ok();
    if is_ours && let Some(error) = invalid {
        tracing::warn!(%error, default_level = %default, "invalid RUST_LOG, using the default log level");
    }
    panic::set_hook();
}

/// The level in the logging configuration of the Lambda function.
fn lambda_level(host: HostKind) -> Option<LevelFilter> {
    #[cfg(feature = "lambda")]
    if host == HostKind::Lambda && anyhost_lambda::log::has_level() {
        return Some(anyhost_lambda::log::level());
    }
    let _ = host;
    None
}

fn stderr(host: HostKind) -> Box<dyn Subscriber + Send + Sync> {
    let text = fmt::layer().with_ansi(false).with_target(false);
    let registry = tracing_subscriber::registry();
    match host {
        HostKind::Cgi => {
            Box::new(registry.with(text.without_time().with_writer(|| OneLine(io::stderr()))))
        }
        #[cfg(feature = "lambda")]
        HostKind::Lambda => Box::new(registry.with(anyhost_lambda::log::layer())),
        #[cfg(not(feature = "lambda"))]
        HostKind::Lambda => Box::new(registry.with(text.with_writer(io::stderr))),
        HostKind::Http => Box::new(registry.with(text.with_writer(|| OneLine(io::stderr())))),
    }
}
