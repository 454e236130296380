use std::process::ExitCode;

fn main() -> ExitCode {
    anyhost::run(|| async { "Hello, world!" })
}
