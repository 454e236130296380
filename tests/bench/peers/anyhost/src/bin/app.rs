use std::process::ExitCode;

fn main() -> ExitCode {
    anyhost::run(peer_anyhost::app())
}
