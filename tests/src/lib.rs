//! What every host must do alike.

mod capability;
mod case;
mod cases;
pub mod hostile_host;
mod lambda_api;
mod list;
mod local;
mod normalise;
mod probe;
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

#[allow(dead_code)]
#[path = "../../examples/probe.rs"]
mod app;

pub use capability::{Ability, Capabilities, Instead, Lack, Need};
pub use case::{Case, Check, Make, Story};
pub use cases::{TOPICS, Topic};
pub use lambda_api::{Answer, LambdaApi};
pub use list::{ELSEWHERE, Elsewhere, LIST, uncovered};
pub use local::{page, run_local};
pub use normalise::{FORWARDED_HEADERS, HOST_FIELDS, HOST_HEADERS, Normal};
pub use probe::{Probe, free_port, probe_path, wait_for};
pub use profile::Profile;
pub use profiles::{profile, profiles};
pub use received::Received;
pub use report::{Cell, Column, Report};
pub use suite::Suite;
pub use transport::{Connection, Transport};
pub use transports::{CgiChild, CgiInProcess, Hostile, InProcess, Lambda, Start, Wire, local};
pub use web_server::{Kind, WebServer};

/// The probe: the application whose replies the suite knows, with the contract between it and its host
/// checked on both sides.
pub fn app() -> anyhost::Router {
    app::linted()
}
