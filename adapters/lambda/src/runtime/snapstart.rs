//! SnapStart: Lambda snapshots the memory of the started process, and later restores many copies of it ("Lambda
//! SnapStart runtime hooks").

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use anyhost_core::adapter::panic::catch_panic;
use anyhost_core::{BoxError, Error};

use super::client::Client;
use super::failure::Failure;

/// The future of a [`SnapStartResource`] hook.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A resource that must be prepared for a SnapStart snapshot or renewed after it: a connection pool, cached
/// credentials, a random number generator.
///
/// The trait has the methods of `lambda_http::SnapStartResource`. With the feature `lambda_http`, each type that
/// implements `lambda_http::SnapStartResource` also implements this trait.
///
/// ```
/// use anyhost_core::BoxError;
/// use anyhost_lambda::{BoxFuture, SnapStartResource};
///
/// struct Pool;
///
/// impl SnapStartResource for Pool {
///     fn after_restore(&self) -> BoxFuture<'_, Result<(), BoxError>> {
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait SnapStartResource: Send + Sync {
    /// Runs before Lambda takes the snapshot. An error fails the start.
    fn before_snapshot(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(ready(Ok(())))
    }

    /// Runs after Lambda restored the process, before its first invocation. An error ends the process.
    fn after_restore(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(ready(Ok(())))
    }
}

#[cfg(feature = "lambda_http")]
impl<T: lambda_http::SnapStartResource> SnapStartResource for T {
    fn before_snapshot(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        lambda_http::SnapStartResource::before_snapshot(self)
    }

    fn after_restore(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        lambda_http::SnapStartResource::after_restore(self)
    }
}

static REGISTERED: Mutex<Vec<Arc<dyn SnapStartResource>>> = Mutex::new(Vec::new());

/// Adds hooks around a SnapStart snapshot to the function of this process, as
/// [`Function::with_resource`](crate::Function::with_resource) does. It is for programs that do not build a `Function`,
/// because `anyhost::run` does. The hooks must be registered before the function serves its first invocation.
///
/// ```no_run
/// use std::sync::Arc;
///
/// # struct Pool;
/// # impl anyhost_lambda::SnapStartResource for Pool {}
/// // In `main`, or in the function that `anyhost::run_with` calls:
/// anyhost_lambda::register_resource(Arc::new(Pool));
/// ```
pub fn register_resource(resource: Arc<dyn SnapStartResource>) {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    registered.push(resource);
}

/// The hooks of [`register_resource`], in the order in which they were registered.
pub(crate) fn registered() -> Vec<Arc<dyn SnapStartResource>> {
    let registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    registered.clone()
}

/// Runs the hooks before the snapshot, waits until the process is restored, and runs the hooks after it.
///
/// # Errors
/// Returns an error if a hook failed. The failure was reported to Lambda.
pub(crate) async fn run_hooks(
    client: &mut Client,
    resources: &[Arc<dyn SnapStartResource>],
) -> io::Result<()> {
    for resource in resources.iter().rev() {
        if let Err(error) = run_hook(|| resource.before_snapshot()).await {
            let failure = Failure::new("Runtime.BeforeSnapshotError", error);
            client.report_init_error(&failure).await;
            return Err(io::Error::other(format!("{:?}", failure.error)));
        }
    }
    if let Err(error) = client.restore_next().await {
        let copy = io::Error::new(error.kind(), error.to_string());
        let failure = Failure::new("Runtime.RestoreError", copy.into());
        client.report_init_error(&failure).await;
        return Err(error);
    }
    for resource in resources {
        if let Err(error) = run_hook(|| resource.after_restore()).await {
            let failure = Failure::new("Runtime.AfterRestoreError", error);
            client.report_restore_error(&failure).await;
            return Err(io::Error::other(format!("{:?}", failure.error)));
        }
    }
    Ok(())
}

/// Runs a hook. A panic is returned as an error, so that it is reported.
async fn run_hook<'a>(
    hook: impl FnOnce() -> BoxFuture<'a, Result<(), BoxError>>,
) -> Result<(), Error> {
    match catch_panic(async { hook().await }).await {
        Ok(result) => result.map_err(Error::from_boxed),
        Err(panic) => Err(Error::from(panic)),
    }
}

#[cfg(test)]
mod tests;
