//! A conformance suite for hosts of `anyhost` applications. The suite checks that the same request gets the same
//! response on every host, as far as the host supports the request. Adapters of other projects can run the suite, too.
//!
//! | part | what it is |
//! |---|---|
//! | [`probe_app`] | The probe: the application that the suite sends requests to. Its routes exercise everything that an adapter can get wrong. |
//! | [`Case`] | One behavior: a request to the probe, the expected response, and the capabilities that the case [needs](Need). All cases are in [`TOPICS`]. |
//! | [`Transport`] | Sends a request to the probe through a host, and returns the response. |
//! | [`Profile`] | Describes a host for the suite, above all the [`Capabilities`] that the host lacks. |
//! | [`Suite`] | Runs every case through a transport. The result is a [`Column`] of a [`Report`]. |
//!
//! A case passes if the response is the expected one and equals the response of an in-process call (after
//! [normalization](Normalized)). No case is skipped. If a host lacks a capability, its profile declares the behavior
//! that the client observes instead, the reason, and the source of this claim ([`Lack`]). The suite checks the
//! declaration, and fails if the host has a capability that the profile declares as lacking.
//!
//! The results for the hosts of this project are in `tests/CAPABILITIES.md`.
//!
//! # Test an adapter of your own
//!
//! 1. Add `anyhost-conformance` to the dev-dependencies of the adapter.
//! 2. Serve [`app()`] with the adapter, or deploy the program `probe`, which serves it.
//! 3. Implement [`Transport`]: write the request in the protocol of your host, and read the response.
//! 4. Begin with [`Capabilities::ALL`] as the profile and run the suite. For each failure, either fix the adapter or
//!    declare with [`Ability::lacking`] what the host does not support.
//!
//! This example tests an "adapter" that only calls the handler. The test `tests/third_party/main.rs` of this
//! crate does the same for a complete adapter with a protocol that no adapter of this project uses.
//!
//! ```
//! use anyhost::testing::Client;
//! use anyhost::{Context, Host, Request, Response, async_trait};
//! use anyhost_conformance::{
//!     Ability, Capabilities, Observed, Profile, Suite, Transport, app, silence_probe_panics,
//! };
//!
//! struct MyHost {
//!     client: Client,
//!     profile: Profile,
//! }
//!
//! #[async_trait]
//! impl Transport for MyHost {
//!     fn profile(&self) -> &Profile {
//!         &self.profile
//!     }
//!
//!     async fn send(&self, request: Request) -> Result<Response, String> {
//!         // A real transport encodes the request, sends it to the adapter, and decodes the response.
//!         Ok(self.client.send(request).await.into_response())
//!     }
//!
//!     async fn finish(&self) {
//!         self.client.finish().await;
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! silence_probe_panics();
//! // The route `/echo` of the probe describes the request as JSON.
//! let no_peer = Observed::Response("the address is unknown", |_, response| {
//!     match response.json()?["peer"].is_null() {
//!         true => Ok(()),
//!         false => Err("the address is known".to_owned()),
//!     }
//! });
//! let profile = Profile::new("my-host", "mine", "", Capabilities {
//!     peer: Ability::lacking(no_peer, "There is no network", "the documentation of MyHost"),
//!     http1_bytes: Ability::lacking(
//!         Observed::Untestable,
//!         "There is no HTTP connection",
//!         "the documentation of MyHost",
//!     ),
//!     ..Capabilities::ALL
//! });
//! let context = Context::new(Host::new("mine").with_trailers());
//! let client = Client::new(app()).with_context(context);
//! let column = Suite::new().await.run(&MyHost { client, profile }).await;
//! assert_eq!(column.failures(), Vec::<String>::new());
//! # }
//! ```
//!
//! # Test a deployment
//!
//! Build the program `probe` (`cargo build --release --example probe`) and deploy it with the environment variable
//! `PROBE_LINT=1`, with which the probe checks the contract between handler and host for each request. Run the suite
//! with the URL of the deployment and the name of its profile:
//!
//! ```sh
//! cargo run -p anyhost-conformance -- --as lambda-function-url https://example.lambda-url.eu-west-1.on.aws
//! ```
//!
//! Without a URL, the command runs every transport that this machine can start. `--help` lists all options.

mod capability;
mod case;
mod cases;
pub mod hostile_host;
mod lambda_api;
mod local;
mod normalize;
pub mod probe_app;
mod probe_process;
mod process;
mod profile;
mod profiles;
mod received;
mod report;
mod rie;
mod scenario;
mod suite;
mod tls;
mod transport;
mod transports;
mod web_server;

pub use capability::{Ability, Capabilities, Lack, Need, Observed};
pub use case::{Case, Check, Make, Scenario};
pub use cases::{TOPICS, Topic};
pub use lambda_api::{Answer, LambdaApi};
pub use local::{
    check_capabilities_page, check_readme, run_local, silence_probe_panics, write_pages,
};
pub use normalize::{FORWARDED_HEADERS, HOST_FIELDS, HOST_HEADERS, Normalized};
pub use probe_app::app;
pub use probe_process::{Probe, free_port, probe_path, wait_for};
pub use profile::Profile;
pub use profiles::{profile, profiles};
pub use received::Received;
pub use report::{Cell, Column, Report, readme_table};
pub use rie::Rie;
pub use suite::Suite;
pub use transport::{Connection, Transport};
pub use transports::{
    CgiChild, CgiInProcess, Emulator, HostileCgi, HttpTransport, InProcess, Lambda, LocalTransport,
    local_hosts, local_transports,
};
pub use web_server::{WebServer, WebServerKind};
