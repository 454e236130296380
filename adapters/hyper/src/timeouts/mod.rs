//! Connection timeouts, checked once a second.
//!
//! A Tokio timer per connection would be exact. But while any timer is set, Tokio reads the clock before and after each
//! wait, which costs about 1,000 instructions per request. All limits together should cost less than that. Instead, a
//! thread checks the [`Activity`] of every connection once a second.

mod activity;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::settings::Limits;

use activity::Stage;
pub(crate) use activity::{Activity, Input, Waiting};

/// The time between two checks, which is also the accuracy of all connection timeouts.
pub(crate) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The open connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<Entry>>);

/// How long a request can still hold its connection after its deadline. hyper does not poll a response body while the
/// client does not read earlier responses, so the body cannot always end the response itself.
pub(crate) const OVERDUE: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Entry {
    activity: Arc<Activity>,
    stage: Repeated<Stage>,
    /// The HTTP/1 request in flight.
    request: Repeated<Option<u32>>,
}

/// A value, and how many checks have found it unchanged.
#[derive(Debug)]
struct Repeated<T> {
    value: Option<T>,
    checks: u32,
}

/// The entry of a connection in [`Connections`]. After this value was dropped, the next check removes the connection.
#[derive(Debug)]
pub(crate) struct Registration(Arc<Activity>);

impl Registration {
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.0
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.set_closed();
    }
}

impl Connections {
    pub(crate) fn add(&self) -> Registration {
        let activity = Arc::<Activity>::default();
        self.lock().push(Entry {
            activity: activity.clone(),
            stage: Repeated::default(),
            request: Repeated::default(),
        });
        Registration(activity)
    }

    /// Wakes the task of every connection, because the server's phase has changed.
    pub(crate) fn wake_all(&self) {
        self.lock().iter().for_each(|entry| entry.activity.wake());
    }

    /// Checks every connection, and wakes those whose timeout has expired.
    pub(crate) fn check(&self, limits: &Limits) {
        let mut entries = self.lock();
        entries.retain_mut(|entry| {
            entry.check(limits);
            !entry.activity.is_closed()
        });
        // Frees the memory that a peak of connections needed. The list would otherwise keep this memory until the
        // process ends.
        if entries.capacity() / 4 > entries.len().max(64) {
            entries.shrink_to_fit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // The list is always consistent, because no code that holds the lock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn check(&mut self, limits: &Limits) {
        self.activity.age();
        let (stage, limit) = self.activity.stage(limits);
        let time = self.stage.check(stage);
        if limit.is_some_and(|limit| time >= limit) {
            self.stage.checks = 0;
            self.activity.set_expired();
        }
        let request = self.activity.http1_request();
        let time = self.request.check(request);
        if let (Some(request), Some(timeout)) = (request, limits.request_timeout)
            && time >= timeout.saturating_add(OVERDUE)
        {
            self.activity.set_request_overdue(request);
        }
    }
}

impl<T: PartialEq> Repeated<T> {
    /// Returns for how long the value has been unchanged.
    fn check(&mut self, value: T) -> Duration {
        let value = Some(value);
        self.checks = match self.value == value {
            true => self.checks.saturating_add(1),
            false => 0,
        };
        self.value = value;
        CHECK_INTERVAL * self.checks
    }
}

impl<T> Default for Repeated<T> {
    fn default() -> Self {
        Self {
            value: None,
            checks: 0,
        }
    }
}

/// Starts a thread that calls `check` once a second until `server` is dropped.
///
/// # Errors
/// When the operating system cannot create a thread.
pub(crate) fn start<T>(server: Weak<T>, check: fn(&T)) -> io::Result<()>
where
    T: Send + Sync + 'static,
{
    let thread = std::thread::Builder::new().name("anyhost-timeouts".to_owned());
    thread.spawn(move || {
        loop {
            std::thread::sleep(CHECK_INTERVAL);
            match server.upgrade() {
                Some(server) => check(&server),
                None => return,
            }
        }
    })?;
    Ok(())
}
