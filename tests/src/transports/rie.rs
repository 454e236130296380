//! A Lambda function under AWS's Runtime Interface Emulator, behind a simulated Function URL.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhost::lambda::Source::FunctionUrl;
use anyhost::lambda::front_door::Simulator;
use anyhost::{Body, Request, Response, async_trait};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::profile::Profile;
use crate::rie::Rie;
use crate::transport::Transport;

/// The address of the simulated client, from a network that is reserved for documentation (RFC 5737).
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The probe under the emulator. The emulator converts neither requests into events nor the returned JSON into
/// responses, so the simulator of this project does both.
#[derive(Debug)]
pub(super) struct UnderRie {
    rie: Rie,
    profile: Profile,
    streams: bool,
    /// A permit for each process. The emulator rejects an invocation if no process is free; Lambda would start another
    /// process.
    free: Semaphore,
}

/// Starts the emulator, and the probe with these environment variables.
///
/// # Errors
/// The emulator is not installed, or does not start.
pub(super) async fn under_rie(
    profile: &Profile,
    vars: &[(&str, &str)],
) -> Result<UnderRie, String> {
    let value = |name: &str| vars.iter().find(|var| var.0 == name).map(|var| var.1);
    let concurrency = value("AWS_LAMBDA_MAX_CONCURRENCY").and_then(|count| count.parse().ok());
    let streams = value("ANYHOST_LAMBDA_MODE") == Some("stream");
    let vars: Vec<_> = [&[("PROBE_LINT", "1")], vars].concat();
    Ok(UnderRie {
        rie: Rie::start(&vars).await?,
        profile: profile.clone(),
        streams,
        free: Semaphore::new(concurrency.unwrap_or(1)),
    })
}

#[async_trait]
impl Transport for UnderRie {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        let request = http::Request::from_parts(parts, body.to_bytes());
        let simulator = Simulator::new(FunctionUrl);
        let event = match simulator.event(&request, PEER) {
            Ok(event) => event,
            Err(status) => return Ok(rejection(status)),
        };
        let free = self.free.acquire().await;
        let mut response = self.rie.invoke(event.clone()).await?;
        // After a response, the process is free only when it asks for its next invocation, so try again until then.
        while error_type(&response) == Some("Runtime.Unavailable") {
            tokio::time::sleep(Duration::from_millis(10)).await;
            response = self.rie.invoke(event.clone()).await?;
        }
        drop(free);
        Ok(match failed(&response) {
            // A Function URL turns a failed invocation into a 502, as it does with an invalid response.
            true => simulator.response(b""),
            false if self.streams => {
                let body = Body::from(response.into_body());
                simulator.streamed_response(body).await
            }
            false => simulator.response(response.body()),
        })
    }
}

/// The reason of a failed invocation, on Managed Instances.
fn error_type(response: &http::Response<Bytes>) -> Option<&str> {
    response.headers().get("error-type")?.to_str().ok()
}

/// Whether the invocation failed. Without Managed Instances, only the JSON from the function shows the failure.
fn failed(response: &http::Response<Bytes>) -> bool {
    if error_type(response).is_some() {
        return true;
    }
    let json = serde_json::from_slice::<Value>(response.body()).unwrap_or_default();
    json.get("errorType").is_some()
}

fn rejection(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
