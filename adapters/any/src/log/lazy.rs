//! A log that costs nothing until something is written to it: most CGI processes never do.

use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

type Inner = Box<dyn Subscriber + Send + Sync>;

/// Filters events by their targets, and makes the subscriber behind it for the first that passes.
pub(super) struct Lazy<F> {
    filter: Targets,
    make: F,
    inner: OnceLock<Inner>,
}

impl<F: Fn() -> Inner> Lazy<F> {
    pub(super) fn new(filter: Targets, make: F) -> Self {
        Self {
            filter,
            make,
            inner: OnceLock::new(),
        }
    }

    fn inner(&self) -> &Inner {
        self.inner.get_or_init(&self.make)
    }
}

impl<F: Fn() -> Inner + 'static> Subscriber for Lazy<F> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Nothing behind the filter has one of its own, and nothing is made just to be asked.
        match self.enabled(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // These spans say whose an event is, however few events are wanted.
        let ours = metadata.is_span() && metadata.target().starts_with("anyhost_lambda");
        ours || self
            .filter
            .would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Layer::<Registry>::max_level_hint(&self.filter)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.inner().new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.inner().record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.inner().record_follows_from(span, follows);
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.inner().event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.inner().event(event);
    }

    fn enter(&self, span: &Id) {
        self.inner().enter(span);
    }

    fn exit(&self, span: &Id) {
        self.inner().exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.inner().clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.inner().try_close(id)
    }

    fn current_span(&self) -> Current {
        self.inner
            .get()
            .map_or_else(Current::none, Subscriber::current_span)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn our_spans_are_there_for_events_of_any_target() {
        let filter = Targets::new().with_target("app", LevelFilter::DEBUG);
        let lazy = Lazy::new(filter, || Box::new(tracing_subscriber::registry()) as Inner);
        tracing::subscriber::with_default(lazy, || {
            assert!(!tracing::error_span!(target: "anyhost_lambda::worker", "ours").is_disabled());
            assert!(tracing::error_span!(target: "other", "theirs").is_disabled());
        });
    }

    #[test]
    fn nothing_is_made_for_events_that_nobody_wants() {
        let made = Arc::new(AtomicU32::new(0));
        let counted = made.clone();
        let lazy = Lazy::new(Targets::new().with_default(LevelFilter::WARN), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::new(tracing_subscriber::registry()) as Inner
        });
        tracing::subscriber::with_default(lazy, || {
            tracing::info!("unwanted");
            let _unwanted = tracing::info_span!("unwanted").entered();
            assert_eq!(made.load(Ordering::Relaxed), 0);
            tracing::warn!("wanted");
            tracing::error!("wanted");
            assert_eq!(made.load(Ordering::Relaxed), 1);
        });
    }
}
