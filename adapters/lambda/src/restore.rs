//! SnapStart: a process whose memory is kept, and that goes on in many copies ("Lambda SnapStart
//! runtime hooks").

use std::io;
use std::sync::Arc;

use anyhost_core::Error;
use lambda_http::SnapStartResource;

use crate::runtime::Client;

/// Runs the hooks before the snapshot, waits until the process is restored from it, and runs those after.
///
/// # Errors
/// When one of them failed; Lambda was told.
pub(crate) async fn around_snapshot(
    client: &mut Client,
    resources: &[Arc<dyn SnapStartResource>],
) -> io::Result<()> {
    for resource in resources.iter().rev() {
        if let Err(error) = resource.before_snapshot().await {
            let error = Error::from_boxed(error);
            report(client.init_error(&error).await);
            return Err(io::Error::other(format!("{error:?}")));
        }
    }
    if let Err(error) = client.restore_next().await {
        let why = io::Error::new(error.kind(), error.to_string());
        report(client.init_error(&error.into()).await);
        return Err(why);
    }
    for resource in resources {
        if let Err(error) = resource.after_restore().await {
            let error = Error::from_boxed(error);
            report(client.restore_error(&error).await);
            return Err(io::Error::other(format!("{error:?}")));
        }
    }
    Ok(())
}

fn report(reported: io::Result<()>) {
    if let Err(error) = reported {
        tracing::error!(%error, "the failed start could not be reported");
    }
}
