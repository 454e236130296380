//! A case: requests to the probe, what must come back, and what that needs of a host.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use anyhost::Request;

use crate::capability::Need;
use crate::profile::Profile;
use crate::received::Received;
use crate::transport::Transport;

/// What a check found wrong, if anything.
pub type Check = Result<(), String>;

/// Requests in an order of the case's own, judged as it goes.
pub type Story = for<'a> fn(&'a dyn Transport) -> Pin<Box<dyn Future<Output = Check> + Send + 'a>>;

/// Makes a request; a case is run many times.
pub type Make = fn() -> Request;

/// A request, or several, and what must come back.
pub struct Case {
    /// What it shows, as a sentence.
    pub name: &'static str,
    /// What it needs of a host. One that lacks something is held to what it declared instead.
    pub needs: &'static [Need],
    /// Whether its reply has to equal the in-process one.
    pub(crate) alike: bool,
    /// How long a reply may take.
    pub(crate) patience: Duration,
    pub(crate) act: Act,
}

pub(crate) enum Act {
    Exchange {
        before: &'static [Make],
        request: Make,
        check: fn(&Received, &Profile) -> Check,
    },
    Story(Story),
}

impl Case {
    /// A case that is sent and expects something, or tells a story.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            needs: &[],
            alike: true,
            // A deadlock ends here, as a failure.
            patience: Duration::from_secs(30),
            act: Act::Story(|_| Box::pin(async { Err("it does nothing".to_owned()) })),
        }
    }

    /// What a host has to carry for it.
    #[must_use]
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Sends a request, whose reply has to pass the check and to equal the in-process one.
    #[must_use]
    pub const fn sends(mut self, request: Make, check: fn(&Received, &Profile) -> Check) -> Self {
        self.act = Act::Exchange {
            before: &[],
            request,
            check,
        };
        self
    }

    /// Sends these before, each of which has to get a reply.
    #[must_use]
    pub const fn after(mut self, requests: &'static [Make]) -> Self {
        if let Act::Exchange { before, .. } = &mut self.act {
            *before = requests;
        }
        self
    }

    /// How long a reply or a story may take, if it is not 30 seconds.
    #[must_use]
    pub const fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Its reply is right on each host in its own way.
    #[must_use]
    pub const fn unlike(mut self) -> Self {
        self.alike = false;
        self
    }

    /// Judges as it goes, over as many requests as it takes.
    #[must_use]
    pub const fn tells(mut self, story: Story) -> Self {
        self.act = Act::Story(story);
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

/// Checks that two things are equal.
pub(crate) fn same<T, U>(got: &T, want: &U, what: &str) -> Check
where
    T: PartialEq<U> + fmt::Debug + ?Sized,
    U: fmt::Debug + ?Sized,
{
    if got == want {
        return Ok(());
    }
    Err(format!("{what}: got {}, want {}", shown(got), shown(want)))
}

/// A long value by its beginning.
fn shown<T: fmt::Debug + ?Sized>(value: &T) -> String {
    let mut text = format!("{value:?}");
    if let Some((end, _)) = text.char_indices().nth(300) {
        text.truncate(end);
        text.push('…');
    }
    text
}
