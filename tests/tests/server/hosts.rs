//! The contracts of hosting platforms: where the server listens, and how the platform stops it.

use anyhost_conformance::{Probe, free_port};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use super::{TIMEOUT, assert_responds, connect, exchange};

/// Starts the probe with a free port in `port_variable`, and checks that it listens there.
async fn start_on(vars: &[(&str, &str)], port_variable: &str) -> (Probe, std::net::SocketAddr) {
    let port = free_port().to_string();
    let mut vars = vars.to_vec();
    vars.push((port_variable, &port));
    let mut probe = Probe::start(&[], &vars);
    let address = probe.address().await;
    assert_eq!(address.port().to_string(), port);
    (probe, address)
}

/// Stops the server with this signal, and returns its drain timeout from the log.
async fn drain_timeout(mut probe: Probe, signal: Signal) -> String {
    probe.signal(signal);
    let line = probe.log_line("draining connections").await;
    assert!(probe.exit().await.success());
    // The drain timeout is the last field of the line.
    line.rsplit('=').next().unwrap_or_default().to_owned()
}

/// Container runtime contract: `PORT` on all interfaces, HTTP/1 and HTTP/2 without TLS, SIGTERM ten seconds
/// before SIGKILL.
#[tokio::test]
async fn cloud_run_and_knative_get_http_2_without_tls_and_a_drain_timeout_of_9_s() {
    let (probe, address) = start_on(&[("K_SERVICE", "probe"), ("K_REVISION", "1")], "PORT").await;
    assert_responds(address).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut stream = connect(address).await;
    stream.write_all(preface).await.unwrap();
    let mut frame_head = [0; 9];
    stream.read_exact(&mut frame_head).await.unwrap();
    assert_eq!(frame_head[3], 4, "expected a SETTINGS frame");
    drop(stream);
    assert_eq!(drain_timeout(probe, Signal::TERM).await, "9s");
}

/// Custom handlers: `FUNCTIONS_CUSTOMHANDLER_PORT` takes precedence over `PORT`.
#[tokio::test]
async fn azure_functions_custom_handler_listens_on_functions_customhandler_port() {
    let (_probe, address) = start_on(&[("PORT", "1")], "FUNCTIONS_CUSTOMHANDLER_PORT").await;
    assert_responds(address).await;
}

/// `fly.toml`: the default of `kill_signal` is SIGINT, and the default of `kill_timeout` is five seconds.
#[tokio::test]
async fn fly_stops_the_server_with_sigint_and_a_drain_timeout_of_4_s() {
    let (probe, address) = start_on(&[("FLY_APP_NAME", "probe")], "PORT").await;
    assert_responds(address).await;
    assert_eq!(drain_timeout(probe, Signal::INT).await, "4s");
}

/// HTTP/1.0 and HTTP/1.1 on `PORT`, behind a load balancer that terminates TLS.
#[tokio::test]
async fn app_runner_gets_http_1_0_and_http_1_1_responses_on_port() {
    let (_probe, address) = start_on(&[], "PORT").await;
    let response = exchange(address, b"GET /hello HTTP/1.0\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.0 200 OK\r\n"), "{response}");
    assert!(response.ends_with("Hello, world!"), "{response}");
    assert_responds(address).await;
}

/// Heroku and similar platforms: `PORT` on all interfaces, SIGTERM 30 seconds before SIGKILL.
#[tokio::test]
async fn heroku_stops_the_server_with_sigterm_and_the_default_drain_timeout_of_10_s() {
    let (probe, address) = start_on(&[("DYNO", "web.1")], "PORT").await;
    assert_responds(address).await;
    assert_eq!(drain_timeout(probe, Signal::TERM).await, "10s");
}

/// `sd_notify(3)`, for services with `Type=notify`.
#[tokio::test]
async fn systemd_is_notified_when_the_server_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let vars = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let probe = Probe::start(&["-l", "tcp://127.0.0.1:0"], &vars);
    let mut message = [0; 256];
    let mut next = async || {
        let length = timeout(TIMEOUT, socket.recv(&mut message))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8_lossy(&message[..length])
            .trim()
            .to_owned()
    };
    assert_eq!(next().await, "READY=1");
    probe.terminate();
    assert_eq!(next().await, "STOPPING=1");
    assert!(probe.exit().await.success());
}
