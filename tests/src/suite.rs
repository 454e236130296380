//! Runs the cases through a transport.

use std::time::Instant;

use http::Method;

use crate::capability::{Lack, Observed};
use crate::case::{Act, Case, Check, Scenario, same};
use crate::cases::TOPICS;
use crate::normalize::Normalized;
use crate::profile::Profile;
use crate::received::Received;
use crate::report::{Cell, Column};
use crate::transport::Transport;
use crate::transports::InProcess;

/// The cases, each with its in-process response. The response of every other host must equal this response.
#[derive(Debug)]
pub struct Suite {
    references: Vec<Option<Normalized>>,
}

impl Suite {
    /// Runs the cases in-process once to record the responses for the comparison.
    pub async fn new() -> Self {
        let transport = InProcess::new();
        let mut references = Vec::new();
        for case in all() {
            let received = match &case.act {
                Act::Exchange { .. } if case.compared => exchange(case, &transport).await.ok(),
                _ => None,
            };
            references.push(received.map(|received| Normalized::of(&received)));
        }
        Self { references }
    }

    /// Runs every case through a transport, one after the other.
    pub async fn run(&self, transport: &dyn Transport) -> Column {
        let started = Instant::now();
        let mut cells = Vec::new();
        for (case, reference) in all().zip(&self.references) {
            cells.push(run_case(case, transport, reference.as_ref()).await);
        }
        Column {
            profile: transport.profile().clone(),
            cells,
            duration: started.elapsed(),
        }
    }
}

/// Every case of every topic.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    TOPICS.iter().flat_map(|topic| topic.cases)
}

async fn run_case(case: &Case, transport: &dyn Transport, reference: Option<&Normalized>) -> Cell {
    let profile = transport.profile();
    let lack = Cell::expected(case, profile).lack();
    let (result, received) = match &case.act {
        Act::Scenario(scenario) => (run_scenario(case, *scenario, transport).await, None),
        Act::Exchange { check, request, .. } => {
            let received = exchange(case, transport).await;
            let result = match &received {
                Ok(received) => check_content_length(received, request().method())
                    .and_then(|()| check_response(received, profile, *check, reference)),
                Err(error) => Err(error.clone()),
            };
            (result, Some(received))
        }
    };
    let result = match (lack, result) {
        (None, result) => result,
        (Some((need, _)), Ok(())) => Err(format!(
            "the profile declares that the host lacks this, but the case passes: {}",
            need.title()
        )),
        // The case failed, as declared. After an exchange, also check that the response is the declared response.
        (Some((_, lack)), Err(_)) => match (&case.act, received) {
            (Act::Exchange { request, .. }, Some(received)) => {
                check_observed(&lack, &request().map(drop), &received)
            }
            _ => Ok(()),
        },
    };
    match result {
        Ok(()) => Cell::expected(case, profile),
        Err(why) => Cell::Failed(why),
    }
}

async fn run_scenario(case: &Case, scenario: Scenario, transport: &dyn Transport) -> Check {
    let result = tokio::time::timeout(case.timeout, scenario(transport)).await;
    result.unwrap_or_else(|_| Err(format!("timed out after {:?}", case.timeout)))
}

/// Sends the requests of a case and returns the last response.
async fn exchange(case: &Case, transport: &dyn Transport) -> Result<Received, String> {
    let Act::Exchange {
        before, request, ..
    } = &case.act
    else {
        return Err("internal error: a scenario has no request to send".to_owned());
    };
    let exchanged = async {
        for request in *before {
            Received::read(transport.send(request()).await?).await;
        }
        let sent = Instant::now();
        let response = transport.send(request()).await?;
        let head_time = sent.elapsed();
        let mut received = Received::read(response).await;
        received.head_time = Some(head_time);
        transport.finish().await;
        Ok(received)
    };
    let exchanged = tokio::time::timeout(case.timeout, exchanged).await;
    exchanged.unwrap_or_else(|_| Err(format!("timed out after {:?}", case.timeout)))
}

fn check_response(
    received: &Received,
    profile: &Profile,
    check: fn(&Received, &Profile) -> Check,
    reference: Option<&Normalized>,
) -> Check {
    check(received, profile)?;
    match reference {
        Some(reference) => reference.equals(received, profile),
        None => Ok(()),
    }
}

/// Checks that Content-Length is the length of the body (RFC 9110 §8.6). The comparison of responses ignores
/// this header, because some hosts send a Content-Length for a response that other hosts send in chunks.
fn check_content_length(received: &Received, method: &Method) -> Check {
    match received.header("content-length") {
        Some(length) if method != Method::HEAD && !received.aborted => {
            same(&length, &received.body.len().to_string(), "content-length")
        }
        _ => Ok(()),
    }
}

/// Checks that the client observes the behavior that the profile declares.
fn check_observed(
    lack: &Lack,
    request: &http::Request<()>,
    received: &Result<Received, String>,
) -> Check {
    match (lack.observed, received) {
        (Observed::Scenario(_) | Observed::Untestable, Err(_)) => Ok(()),
        (Observed::Scenario(_) | Observed::Untestable, Ok(received)) => Err(format!(
            "the profile declares \"{}\", but there is a response with status {}",
            lack.observed, received.status
        )),
        (_, Err(error)) => Err(format!("no response: {error}")),
        (Observed::Status(status), Ok(received)) => received.has_status(status),
        (Observed::Response(sentence, check), Ok(received)) => check(request, received)
            .map_err(|why| format!("the profile declares \"{sentence}\", but: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_unique_name() {
        let mut names = BTreeSet::new();
        for case in all() {
            assert!(
                names.insert(case.name),
                "two cases have the name {:?}",
                case.name
            );
        }
    }
}
