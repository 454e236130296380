//! The results of well-behaved clients.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The results of the requests to one process.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    correct: AtomicU64,
    repeated: AtomicU64,
    failed: AtomicU64,
    /// The first failures, as text.
    failures: Mutex<Vec<String>>,
    /// Other events, each with the number of times that the event happened.
    events: Mutex<BTreeMap<&'static str, u64>>,
}

impl Tally {
    pub(crate) const HEADING: &str = "requests             correct    repeated  lost or wrong";

    /// Counts a response that was complete and correct.
    pub(crate) fn add_correct(&self) {
        self.correct.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that a client sent again, because the server closed an idle connection at the same moment.
    pub(crate) fn add_repeated(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request whose response is missing, incomplete or wrong.
    pub(crate) fn add_failure(&self, failure: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < 20 {
            failures.push(failure);
        }
    }

    /// Counts something that is neither a request nor a failure, such as a restart.
    pub(crate) fn add_event(&self, event: &'static str) {
        *self.events.lock().unwrap().entry(event).or_default() += 1;
    }

    pub(crate) fn passed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) == 0 && self.correct.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn row(&self, name: &str) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "{name:<16}{:>12}{:>12}{:>15}",
            count(&self.correct),
            count(&self.repeated),
            count(&self.failed)
        )
    }

    pub(crate) fn events(&self) -> Vec<(&'static str, u64)> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .map(|(event, count)| (*event, *count))
            .collect()
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }
}
