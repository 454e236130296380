//! A subscriber that is created with its first event.
//!
//! Most CGI processes log nothing. Creating the registry and the formatter of `tracing-subscriber` takes
//! 34,000 instructions and 8 page faults, for a process that takes 126,000 instructions in total. So this
//! subscriber filters events, which is cheap, and creates the inner subscriber for the first event that
//! passes the filter. The trait `Subscriber` cannot delegate all methods at once, so each method is forwarded.

use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

type Inner = Box<dyn Subscriber + Send + Sync>;

/// Filters events by target and level. Passes the enabled events to an inner subscriber, which is created for the first
/// of these events.
pub(super) struct LazySubscriber<F> {
    filter: Targets,
    create: F,
    inner: OnceLock<Inner>,
}

impl<F: Fn() -> Inner> LazySubscriber<F> {
    pub(super) fn new(filter: Targets, create: F) -> Self {
        Self {
            filter,
            create,
            inner: OnceLock::new(),
        }
    }

    fn inner(&self) -> &Inner {
        self.inner.get_or_init(&self.create)
    }
}

impl<F: Fn() -> Inner + 'static> Subscriber for LazySubscriber<F> {
    /// Lets `tracing` cache the decision for each callsite, because the inner subscriber does not filter.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.enabled(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The Lambda adapter puts the request id into a span of level `error`. Events of every target
        // need the span, so the filter does not apply to it.
        let is_error_span = metadata.is_span() && *metadata.level() == Level::ERROR;
        is_error_span
            || self
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
    fn spans_of_level_error_are_enabled_for_every_target() {
        let filter = Targets::new().with_target("app", LevelFilter::DEBUG);
        let lazy =
            LazySubscriber::new(filter, || Box::new(tracing_subscriber::registry()) as Inner);
        tracing::subscriber::with_default(lazy, || {
            assert!(!tracing::error_span!(target: "anyhost_lambda", "invocation").is_disabled());
            assert!(tracing::info_span!(target: "anyhost_lambda", "other").is_disabled());
        });
    }

    #[test]
    fn the_subscriber_is_created_once_for_the_first_enabled_event() {
        let created = Arc::new(AtomicU32::new(0));
        let counter = created.clone();
        let filter = Targets::new().with_default(LevelFilter::WARN);
        let lazy = LazySubscriber::new(filter, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Box::new(tracing_subscriber::registry()) as Inner
        });
        tracing::subscriber::with_default(lazy, || {
            tracing::info!("disabled");
            let _disabled = tracing::info_span!("disabled").entered();
            assert_eq!(created.load(Ordering::Relaxed), 0);
            tracing::warn!("enabled");
            tracing::error!("enabled");
            assert_eq!(created.load(Ordering::Relaxed), 1);
        });
    }
}
