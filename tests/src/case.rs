//! A case: the requests that the case sends to the probe, the expected response, and the capabilities that the host
//! must have.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use anyhost::Request;

use crate::capability::Need;
use crate::profile::Profile;
use crate::received::Received;
use crate::transport::Transport;

/// The result of a check. The error says what differs from the expectation.
pub type Check = Result<(), String>;

/// A function that sends any number of requests and checks the responses itself.
pub type Scenario =
    for<'a> fn(&'a dyn Transport) -> Pin<Box<dyn Future<Output = Check> + Send + 'a>>;

/// A function that makes the request of a case. The suite calls it once for each transport.
pub type Make = fn() -> Request;

/// One behavior that every host must show.
pub struct Case {
    /// The behavior, as a complete sentence.
    pub name: &'static str,
    /// The capabilities that the case needs. On a host that lacks any of these, the suite checks the declared
    /// limitation instead.
    pub needs: &'static [Need],
    /// Whether the response must equal the in-process response.
    pub(crate) compared: bool,
    /// The time limit for the whole case.
    pub(crate) timeout: Duration,
    pub(crate) act: Act,
}

pub(crate) enum Act {
    Exchange {
        before: &'static [Make],
        request: Make,
        check: fn(&Received, &Profile) -> Check,
    },
    Scenario(Scenario),
}

impl Case {
    /// A case without an action, which fails. Follow with [`sends`](Self::sends) or [`scenario`](Self::scenario).
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            needs: &[],
            compared: true,
            // This timeout turns a deadlock between the host and the program into a failure.
            timeout: Duration::from_secs(30),
            act: Act::Scenario(|_| Box::pin(async { Err("the case has no action".to_owned()) })),
        }
    }

    /// Sets the capabilities that the case needs.
    #[must_use]
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Sends one request. The response must pass the check and equal the in-process response.
    #[must_use]
    pub const fn sends(mut self, request: Make, check: fn(&Received, &Profile) -> Check) -> Self {
        self.act = Act::Exchange {
            before: &[],
            request,
            check,
        };
        self
    }

    /// Sends other requests first. Each of these requests must get a response, but the response is not checked.
    #[must_use]
    pub const fn after(mut self, requests: &'static [Make]) -> Self {
        if let Act::Exchange { before, .. } = &mut self.act {
            *before = requests;
        }
        self
    }

    /// Sets the time limit for the case. The default is 30 seconds.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Skips the comparison with the in-process response, because hosts may differ in this behavior.
    #[must_use]
    pub const fn host_specific(mut self) -> Self {
        self.compared = false;
        self
    }

    /// Runs a scenario, which sends any number of requests and checks the responses itself.
    #[must_use]
    pub const fn scenario(mut self, scenario: Scenario) -> Self {
        self.act = Act::Scenario(scenario);
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

/// Checks that two values are equal.
pub(crate) fn same<T, U>(got: &T, want: &U, what: &str) -> Check
where
    T: PartialEq<U> + fmt::Debug + ?Sized,
    U: fmt::Debug + ?Sized,
{
    if got == want {
        return Ok(());
    }
    Err(format!(
        "{what}: got {}, want {}",
        abbreviated(got),
        abbreviated(want)
    ))
}

/// The first 300 characters of a value.
fn abbreviated<T: fmt::Debug + ?Sized>(value: &T) -> String {
    let mut text = format!("{value:?}");
    if let Some((end, _)) = text.char_indices().nth(300) {
        text.truncate(end);
        text.push('…');
    }
    text
}
