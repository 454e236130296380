//! Rebuilds and restarts an anyhost program on each change, without refusing a connection.
//!
//! ```text
//!             files ──► watch ──► build (cargo) ──► start ──► ready ──► stop the old process
//! ```
//!
//! This process owns the listening socket, and each process of the program inherits it. Connections that arrive while
//! no process serves wait in the queue of the socket.

mod build;
mod environment;
mod listen;
mod options;
mod program;
mod ready;
mod supervisor;
mod watch;

use std::process::ExitCode;

use options::Options;

/// Any error, which is printed.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = Options::parse();
    match supervisor::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line. stdout belongs to the program.
fn say(line: std::fmt::Arguments<'_>) {
    eprintln!("anyhost-dev: {line}");
}
