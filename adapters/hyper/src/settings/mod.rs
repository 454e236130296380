//! Settings of a server: definitions for the command line and the environment, and the resulting configuration.

mod config;
mod drain_timeout;
mod limits;
mod listen_options;
mod options;
mod parser;
#[cfg(test)]
mod tests;

pub(crate) use config::Config;
pub use limits::Limits;
pub use listen_options::ListenOptions;
pub use options::ServerOptions;
pub use parser::invalid_setting;
