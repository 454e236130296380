//! What every host must do alike.
//!
//! [`contract`] is a list of cases, as data: a request to the probe and what must come back. A
//! [`Transport`] carries them: [`InProcess`] calls the handler, [`Wire`] speaks HTTP to whatever
//! listens, a server, an emulator, or a web server with a CGI program behind it. What a transport
//! cannot carry it says in its [`Can`]; any other difference is a failure.

pub mod contract;
pub mod hostile_host;
mod lambda_api;
mod probe;
mod transport;
mod web_server;

pub use lambda_api::{Answer, LambdaApi};
pub use probe::{Probe, free_port, probe_path, wait_for};
pub use transport::{Can, Cut, InProcess, Received, Transport, Wire};
pub use web_server::{Kind, WebServer};
