//! Limits how often an event is logged.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The minimum time between two logged events.
const INTERVAL: Duration = Duration::from_secs(1);

/// Admits at most one event per second, and counts the suppressed events.
#[derive(Debug, Default)]
pub(crate) struct EventRate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl EventRate {
    /// Returns the number of events that were suppressed since the last admitted event, or `None` if this event is
    /// suppressed too.
    pub(crate) fn admit(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.last.is_some_and(|last| now - last < INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_event_per_second_is_admitted_and_suppressed_events_are_counted() {
        let rate = EventRate::default();
        assert_eq!(
            [rate.admit(), rate.admit(), rate.admit()],
            [Some(0), None, None]
        );
        let earlier = Instant::now().checked_sub(INTERVAL);
        rate.0.lock().unwrap().last = earlier;
        assert_eq!([rate.admit(), rate.admit()], [Some(2), None]);
    }
}
