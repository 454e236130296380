//! Runs the cases through a transport.

use std::time::Instant;

use http::Method;

use crate::capability::{Instead, Lack};
use crate::case::{Act, Case, Check, Story, same};
use crate::cases::TOPICS;
use crate::normalise::Normal;
use crate::profile::Profile;
use crate::received::Received;
use crate::report::{Cell, Column};
use crate::transport::Transport;
use crate::transports::InProcess;

/// The cases, and the in-process replies that all others have to equal.
#[derive(Debug)]
pub struct Suite {
    references: Vec<Option<Normal>>,
}

impl Suite {
    /// Has the probe called in-process, for the replies that others are held against.
    pub async fn new() -> Self {
        let transport = InProcess::new();
        let mut references = Vec::new();
        for case in all() {
            let received = match &case.act {
                Act::Exchange { .. } if case.alike => exchange(case, &transport).await.ok(),
                _ => None,
            };
            references.push(received.map(|received| Normal::of(&received)));
        }
        Self { references }
    }

    /// Runs every case, in order.
    pub async fn run(&self, transport: &dyn Transport) -> Column {
        let begun = Instant::now();
        let mut cells = Vec::new();
        for (case, reference) in all().zip(&self.references) {
            cells.push(cell(case, transport, reference.as_ref()).await);
        }
        Column {
            profile: transport.profile().clone(),
            cells,
            time: begun.elapsed(),
        }
    }
}

/// Every case of every topic.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    TOPICS.iter().flat_map(|topic| topic.cases)
}

async fn cell(case: &Case, transport: &dyn Transport, reference: Option<&Normal>) -> Cell {
    let profile = transport.profile();
    let lack = case
        .needs
        .iter()
        .find_map(|need| Some((*need, *profile.can.of(*need).lack()?)));
    let (full, received) = match &case.act {
        Act::Story(story) => (tell(case, *story, transport).await, None),
        Act::Exchange { check, request, .. } => {
            let received = exchange(case, transport).await;
            let full = match &received {
                Ok(received) => framed(received, request().method())
                    .and_then(|()| carried(received, profile, *check, reference)),
                Err(error) => Err(error.clone()),
            };
            (full, Some(received))
        }
    };
    let result = match (lack, full) {
        (None, full) => full,
        (Some((need, _)), Ok(())) => Err(format!(
            "declared as lacking, and carried: {}",
            need.title()
        )),
        // It failed, as it must; of an exchange there is a reply to look at as well.
        (Some((_, lack)), Err(_)) => match (&case.act, received) {
            (Act::Exchange { request, .. }, Some(received)) => {
                lacking(&lack, &request().map(drop), &received)
            }
            _ => Ok(()),
        },
    };
    match (result, lack) {
        (Ok(()), None) => Cell::Pass,
        (Ok(()), Some((need, lack))) => Cell::Declared(need, lack),
        (Err(why), _) => Cell::Failed(why),
    }
}

async fn tell(case: &Case, story: Story, transport: &dyn Transport) -> Check {
    let told = tokio::time::timeout(case.patience, story(transport)).await;
    told.unwrap_or_else(|_| Err(format!("not over in {:?}", case.patience)))
}

/// What a case sends, and what comes back.
async fn exchange(case: &Case, transport: &dyn Transport) -> Result<Received, String> {
    let Act::Exchange {
        before, request, ..
    } = &case.act
    else {
        return Err("it tells a story".to_owned());
    };
    let exchanged = async {
        for request in *before {
            Received::read(transport.send(request()).await?).await;
        }
        let received = Received::read(transport.send(request()).await?).await;
        transport.finish().await;
        Ok(received)
    };
    let exchanged = tokio::time::timeout(case.patience, exchanged).await;
    exchanged.unwrap_or_else(|_| Err(format!("no reply within {:?}", case.patience)))
}

fn carried(
    received: &Received,
    profile: &Profile,
    check: fn(&Received, &Profile) -> Check,
    reference: Option<&Normal>,
) -> Check {
    check(received, profile)?;
    match reference {
        Some(reference) => reference.equals(received, profile),
        None => Ok(()),
    }
}

/// Checks that a declared length is the body's (RFC 9110 §8.6), which comparing leaves out.
fn framed(received: &Received, method: &Method) -> Check {
    let declared = received.header("content-length");
    match declared {
        Some(length) if method != Method::HEAD && !received.cut => {
            same(&length, &received.body.len().to_string(), "content-length")
        }
        _ => Ok(()),
    }
}

/// Checks what was declared to be seen instead.
fn lacking(lack: &Lack, request: &http::Request<()>, received: &Result<Received, String>) -> Check {
    match (lack.instead, received) {
        (Instead::Story(_) | Instead::Untried, Err(_)) => Ok(()),
        (Instead::Story(_) | Instead::Untried, Ok(received)) => Err(format!(
            "{}, and yet it replied {}",
            lack.instead, received.status
        )),
        (_, Err(error)) => Err(format!("no reply: {error}")),
        (Instead::Status(status), Ok(received)) => received.has_status(status),
        (Instead::Reply(sentence, check), Ok(received)) => {
            check(request, received).map_err(|why| format!("not as declared ({sentence}): {why}"))
        }
    }
}
