//! Where the log goes when the program does not say.

mod lazy;
mod line;
mod panic;

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;

use crate::choice::Place;
use lazy::Lazy;
use line::Lines;

/// Sends the log to stderr, unless the program has a subscriber of its own.
///
/// The level is `info`, or what `RUST_LOG` says (`debug`, `info,hyper=trace`). Under CGI it is
/// `warn`, and an event is one line, a panic too, with no time: the web server adds its own. On Lambda
/// `AWS_LAMBDA_LOG_LEVEL` comes first, and `AWS_LAMBDA_LOG_FORMAT=JSON` makes each event one JSON.
pub(crate) fn init(place: Place) {
    let default = if place == Place::Cgi {
        LevelFilter::WARN
    } else {
        LevelFilter::INFO
    };
    let wish = std::env::var("RUST_LOG")
        .ok()
        .and_then(|wish| wish.parse::<Targets>().ok());
    let filter = lambda_level(place)
        .or(wish)
        .unwrap_or_else(|| Targets::new().with_default(default));
    // An error means that there is one already; it is the program's own, and stays.
    let _ = tracing::subscriber::set_global_default(Lazy::new(filter, move || to_stderr(place)));
    panic::log_them();
}

/// What the function's logging configuration asks for.
fn lambda_level(place: Place) -> Option<Targets> {
    #[cfg(feature = "lambda")]
    if place == Place::Lambda && anyhost_lambda::log::has_level() {
        return Some(Targets::new().with_default(anyhost_lambda::log::level()));
    }
    let _ = place;
    None
}

fn to_stderr(place: Place) -> Box<dyn Subscriber + Send + Sync> {
    let plain = fmt::layer().with_ansi(false).with_target(false);
    let registry = tracing_subscriber::registry();
    match place {
        Place::Cgi => {
            Box::new(registry.with(plain.without_time().with_writer(|| Lines(io::stderr()))))
        }
        #[cfg(feature = "lambda")]
        Place::Lambda => Box::new(registry.with(anyhost_lambda::log::layer())),
        #[cfg(not(feature = "lambda"))]
        Place::Lambda => Box::new(registry.with(plain.with_writer(io::stderr))),
        // What a client sent must not look like a line of its own.
        Place::Http => Box::new(registry.with(plain.with_writer(|| Lines(io::stderr())))),
    }
}
