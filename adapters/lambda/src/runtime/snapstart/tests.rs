use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::runtime::Endpoint;

/// The hooks and the Runtime API calls, in order.
type Log = Arc<Mutex<Vec<String>>>;

fn log(log: &Log, entry: &str) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.push(entry.to_owned());
}

struct Hook {
    name: &'static str,
    log: Log,
    fails: &'static str,
}

impl Hook {
    fn run(&self, when: &'static str) -> BoxFuture<'_, Result<(), BoxError>> {
        log(&self.log, &format!("{when} {}", self.name));
        if self.fails == when {
            return Box::pin(ready(Err("no".into())));
        }
        let panics = self.fails.strip_prefix("panic ") == Some(when);
        Box::pin(async move {
            assert!(!panics, "panicked on purpose");
            Ok(())
        })
    }
}

impl SnapStartResource for Hook {
    fn before_snapshot(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        self.run("before")
    }

    fn after_restore(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        self.run("after")
    }
}

/// Responds to every call with 200.
async fn serve_runtime_api(mut stream: TcpStream, calls: Log) {
    let mut request = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut request).await {
        let text = String::from_utf8_lossy(&request[..length]).into_owned();
        if let Some((_, kind)) = text.split_once("lambda-runtime-function-error-type: ") {
            log(&calls, kind.split("\r\n").next().unwrap_or_default());
        }
        let target = text.split(' ').nth(1);
        if let Some(target) = target.filter(|_| text.contains("HTTP/1.1")) {
            log(&calls, target.rsplit("runtime/").next().unwrap_or_default());
            let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(ok).await;
        }
    }
}

/// Runs two hooks, the second of which fails at `fails`. Returns whether the start succeeded, and the log.
async fn run(fails: &'static str) -> io::Result<(bool, Vec<String>)> {
    let entries = Log::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let calls = entries.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_runtime_api(stream, calls.clone()));
        }
    });
    let hook = |name, fails| -> Arc<dyn SnapStartResource> {
        let log = entries.clone();
        Arc::new(Hook { name, log, fails })
    };
    let hooks = [hook("pool", ""), hook("cache", fails)];
    let mut client = Client::new(Endpoint::parse(&address)?);
    let result = run_hooks(&mut client, &hooks).await;
    let log = entries.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((result.is_ok(), log.clone()))
}

#[tokio::test]
async fn snapstart_hooks_run_in_reverse_before_the_snapshot_and_in_order_after_the_restore()
-> io::Result<()> {
    let (ok, log) = run("").await?;
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

#[test]
fn registered_hooks_are_kept_in_their_order() {
    let log = Log::default();
    let hook = |name| -> Arc<dyn SnapStartResource> {
        let log = log.clone();
        Arc::new(Hook {
            name,
            log,
            fails: "",
        })
    };
    let hooks = [hook("pool"), hook("cache")];
    hooks
        .iter()
        .for_each(|hook| register_resource(hook.clone()));
    let registered = registered();
    assert_eq!(registered.len(), 2);
    assert!(
        registered
            .iter()
            .zip(&hooks)
            .all(|(found, hook)| Arc::ptr_eq(found, hook))
    );
}

#[tokio::test]
async fn a_snapstart_hook_that_fails_or_panics_is_reported_and_fails_the_start() -> io::Result<()> {
    for fails in ["before", "panic before"] {
        let (ok, log) = run(fails).await?;
        assert!(!ok);
        let expected = ["before cache", "Runtime.BeforeSnapshotError", "init/error"];
        assert_eq!(log, expected, "{fails}");
    }
    for fails in ["after", "panic after"] {
        let (ok, log) = run(fails).await?;
        assert!(!ok);
        let expected = ["after cache", "Runtime.AfterRestoreError", "restore/error"];
        assert!(
            log.iter()
                .map(String::as_str)
                .rev()
                .eq(expected.into_iter().rev().chain([
                    "after pool",
                    "restore/next",
                    "before pool",
                    "before cache"
                ])),
            "{fails}: {log:?}"
        );
    }
    Ok(())
}
