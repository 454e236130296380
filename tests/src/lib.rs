//! What every host must do alike, as a suite that any adapter can run.
//!
//! A [`Case`] is a request to the probe (`examples/probe.rs`), what must come back, and what that
//! [needs](Need) of a host; the cases are in [`TOPICS`]. A [`Transport`] carries the request to the probe
//! and its reply back, and has a [`Profile`] that declares what its host [lacks](Lack): what is seen
//! instead, why, and where that is written. A [`Suite`] runs the cases through a transport:
//!
//! - A case holds if its check does, and if the reply equals the one of a plain call, after the
//!   [one normalisation](Normal) that there is.
//! - Where the host lacks something that the case needs, the case is run all the same: what was declared
//!   must be seen, and a lack that turns out to be carried is a failure. Nothing is skipped.
//!
//! What comes of it is a [`Report`], whose table for this project's hosts is the page
//! `tests/CAPABILITIES.md`.
//!
//! # An adapter of your own
//! Serve [`app`] with it, write a transport that speaks as its host does, and declare what that host
//! cannot carry. Begin with [`Capabilities::ALL`]: the failures tell what is missing.
//!
//! ```
//! use anyhost::testing::Client;
//! use anyhost::{Context, Host, Request, Response, async_trait};
//! use anyhost_conformance::{Ability, Capabilities, Instead, Profile, Suite, Transport, app};
//!
//! struct Mine {
//!     client: Client,
//!     profile: Profile,
//! }
//!
//! #[async_trait]
//! impl Transport for Mine {
//!     fn profile(&self) -> &Profile {
//!         &self.profile
//!     }
//!
//!     async fn send(&self, request: Request) -> Result<Response, String> {
//!         // Yours writes the request as its host does, and reads what comes back.
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
//! # anyhost_conformance::hush();
//! let no_peer = Instead::Reply("the address is unknown", |_, reply| {
//!     match reply.json()?["peer"].is_null() {
//!         true => Ok(()),
//!         false => Err("there is one".to_owned()),
//!     }
//! });
//! let can = Capabilities {
//!     peer: Ability::lacking(no_peer, "There is no network", "the adapter's docs"),
//!     http1_bytes: Ability::lacking(Instead::Untried, "There is no HTTP", "the adapter's docs"),
//!     ..Capabilities::ALL
//! };
//! let context = Context::new(Host::new("mine").with_trailers());
//! let mine = Mine {
//!     client: Client::new(app()).with_context(context),
//!     profile: Profile::new("mine", "mine", "", can),
//! };
//! let column = Suite::new().await.run(&mine).await;
//! assert_eq!(column.failures(), Vec::<String>::new());
//! # }
//! ```
//!
//! # A deployment
//! Deploy the probe with `PROBE_LINT=1` in its environment, so that the contract between it and its host
//! is checked on both sides, and give its URL:
//!
//! ```sh
//! cargo run -p anyhost-conformance -- --as lambda-function-url https://example.lambda-url.eu-west-1.on.aws
//! ```
//!
//! Without a URL it runs every transport that this machine can offer; `--help` tells the rest.

mod capability;
mod case;
mod cases;
pub mod hostile_host;
mod lambda_api;
mod local;
mod normalise;
pub mod probe_app;
mod probe_process;
mod profile;
mod profiles;
mod received;
mod report;
mod story;
mod suite;
mod tls;
mod transport;
mod transports;
mod web_server;

pub use capability::{Ability, Capabilities, Instead, Lack, Need};
pub use case::{Case, Check, Make, Story};
pub use cases::{TOPICS, Topic};
pub use lambda_api::{Answer, LambdaApi};
pub use local::{hush, page, run_local};
pub use normalise::{FORWARDED_HEADERS, HOST_FIELDS, HOST_HEADERS, Normal};
pub use probe_app::app;
pub use probe_process::{Probe, free_port, probe_path, wait_for};
pub use profile::Profile;
pub use profiles::{profile, profiles};
pub use received::Received;
pub use report::{Cell, Column, Report};
pub use suite::Suite;
pub use transport::{Connection, Transport};
pub use transports::{CgiChild, CgiInProcess, Hostile, InProcess, Lambda, Start, Wire, local};
pub use web_server::{Kind, WebServer};
