//! The program. It runs the application on the host that started it: as a server, on AWS Lambda, or as CGI.

use std::process::ExitCode;

fn main() -> ExitCode {
    anyhost::run(app::app())
}
