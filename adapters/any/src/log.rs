//! Where the log goes when the program does not say.

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::choice::Place;

/// Sends the log to stderr, unless the program has a subscriber of its own.
///
/// The level is `info`, or what `RUST_LOG` says (`debug`, `info,hyper=trace`). Under CGI it is
/// `warn`, and a line has no time: the web server adds its own.
pub(crate) fn init(place: Place) {
    let default = if place == Place::Cgi {
        LevelFilter::WARN
    } else {
        LevelFilter::INFO
    };
    let wish = std::env::var("RUST_LOG")
        .ok()
        .and_then(|wish| wish.parse::<Targets>().ok());
    let filter = wish.unwrap_or_else(|| Targets::new().with_default(default));
    let registry = tracing_subscriber::registry().with(layer(place).with_filter(filter));
    // An error means that there is one already; it is the program's own, and stays.
    let _ = registry.try_init();
}

fn layer<S>(place: Place) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let plain = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    match place {
        Place::Cgi | Place::Lambda => plain.without_time().boxed(),
        Place::Http => plain.boxed(),
    }
}
