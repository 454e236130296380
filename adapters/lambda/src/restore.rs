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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use lambda_http::{BoxFuture, Error as HookError};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::runtime::Endpoint;

    /// What happened, in order.
    type Log = Arc<Mutex<Vec<String>>>;

    fn note(log: &Log, what: &str) {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(what.to_owned());
    }

    struct Hook {
        name: &'static str,
        log: Log,
        fails: &'static str,
    }

    impl Hook {
        fn run(&self, when: &'static str) -> BoxFuture<'_, Result<(), HookError>> {
            note(&self.log, &format!("{when} {}", self.name));
            let result = if self.fails == when {
                Err("no".into())
            } else {
                Ok(())
            };
            Box::pin(std::future::ready(result))
        }
    }

    impl SnapStartResource for Hook {
        fn before_snapshot(&self) -> BoxFuture<'_, Result<(), HookError>> {
            self.run("before")
        }

        fn after_restore(&self) -> BoxFuture<'_, Result<(), HookError>> {
            self.run("after")
        }
    }

    /// Runs two hooks, the second of which fails when it is said to, against an API that agrees to all.
    async fn restored(fails: &'static str) -> io::Result<(bool, Vec<String>)> {
        let log = Log::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let noted = log.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let noted = noted.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut request).await {
                        let text = String::from_utf8_lossy(&request[..length]).into_owned();
                        if let Some(target) =
                            text.split(' ').nth(1).filter(|_| text.contains("HTTP/1.1"))
                        {
                            note(&noted, target.rsplit("runtime/").next().unwrap_or_default());
                            let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                            let _ = stream.write_all(ok).await;
                        }
                    }
                });
            }
        });
        let hook = |name, fails| -> Arc<dyn SnapStartResource> {
            let log = log.clone();
            Arc::new(Hook { name, log, fails })
        };
        let hooks = [hook("pool", ""), hook("cache", fails)];
        let mut client = Client::new(Endpoint::parse(&address)?);
        let result = around_snapshot(&mut client, &hooks).await;
        let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok((result.is_ok(), log))
    }

    #[tokio::test]
    async fn hooks_run_backwards_before_the_snapshot_and_forwards_after_it() -> io::Result<()> {
        let (ok, log) = restored("").await?;
        assert!(ok);
        let expected = [
            "before cache",
            "before pool",
            "restore/next",
            "after pool",
            "after cache",
        ];
        assert_eq!(log, expected);
        Ok(())
    }

    #[tokio::test]
    async fn a_hook_that_fails_is_reported_and_ends_the_start() -> io::Result<()> {
        let (ok, log) = restored("before").await?;
        assert!(!ok);
        assert_eq!(log, ["before cache", "init/error"]);
        let (ok, log) = restored("after").await?;
        assert!(!ok);
        assert_eq!(log.last().map(String::as_str), Some("restore/error"));
        Ok(())
    }
}
