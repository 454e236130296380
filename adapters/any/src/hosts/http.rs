//! The standalone server.

use std::io;
use std::process::ExitCode;

use anyhost_core::{Error, IntoHandler};
use anyhost_hyper::Inherited;
use tokio::runtime::Builder;

use super::{block_on, build_handler};
use crate::args::Args;
use crate::detect::Detected;

pub(crate) fn run<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    detected: &Detected,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    let args = match Args::parse_from_args(std::env::args_os())? {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    detected.log();
    let inherited = args.take_inherited()?;
    block_on(Builder::new_multi_thread(), async {
        let handler = build_handler(build).await?;
        args.bind(inherited).await?.serve(handler).await?;
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let server = Args::from_env()?.bind(Inherited::take()?).await?;
    server.serve(handler).await
}
