use std::process::ExitCode;

use anyhost::{Request, RequestExt, Result};
use bytes::Bytes;

fn main() -> ExitCode {
    anyhost::run(echo)
}

async fn echo(mut request: Request) -> Result<Bytes> {
    request.buffer_limit("6mb").await
}
