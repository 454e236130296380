//! Each host's contract, by its name: how it tells where to listen, and how it stops a process.

use anyhost_conformance::{Probe, free_port};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use super::{PATIENCE, connect, raw, serves};

/// The probe where a host says that it should listen.
async fn on(vars: &[(&str, &str)], port_variable: &str) -> (Probe, std::net::SocketAddr) {
    let port = free_port().to_string();
    let mut vars = vars.to_vec();
    vars.push((port_variable, &port));
    let mut probe = Probe::start(&[], &vars);
    let address = probe.address().await;
    assert_eq!(address.port().to_string(), port);
    (probe, address)
}

/// Lets the host stop the process; how long requests in flight may take then.
async fn time_to_drain(mut probe: Probe, signal: Signal) -> String {
    probe.signal(signal);
    let line = probe.log_line("draining").await;
    assert!(probe.exit().await.success());
    line.rsplit_once("within=")
        .map_or(line.clone(), |(_, time)| time.to_owned())
}

/// Container runtime contract: `PORT` on all interfaces, HTTP/1 and HTTP/2 without TLS, SIGTERM and
/// ten seconds.
#[tokio::test]
async fn cloud_run_and_knative() {
    let (probe, address) = on(&[("K_SERVICE", "probe"), ("K_REVISION", "1")], "PORT").await;
    serves(address).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut stream = connect(address).await;
    stream.write_all(preface).await.unwrap();
    let mut settings = [0; 9];
    stream.read_exact(&mut settings).await.unwrap();
    assert_eq!(settings[3], 4, "HTTP/2 by prior knowledge");
    drop(stream);
    assert_eq!(time_to_drain(probe, Signal::TERM).await, "9s");
}

/// Custom handlers: `FUNCTIONS_CUSTOMHANDLER_PORT`, whatever `PORT` says.
#[tokio::test]
async fn azure_functions_custom_handler() {
    let (_probe, address) = on(&[("PORT", "1")], "FUNCTIONS_CUSTOMHANDLER_PORT").await;
    serves(address).await;
}

/// `fly.toml`: `kill_signal` is SIGINT and `kill_timeout` five seconds if it says nothing.
#[tokio::test]
async fn fly() {
    let (probe, address) = on(&[("FLY_APP_NAME", "probe")], "PORT").await;
    serves(address).await;
    assert_eq!(time_to_drain(probe, Signal::INT).await, "4s");
}

/// HTTP/1.0 and HTTP/1.1 on `PORT`, behind a balancer that ends TLS.
#[tokio::test]
async fn app_runner() {
    let (_probe, address) = on(&[], "PORT").await;
    let reply = raw(address, b"GET /hello HTTP/1.0\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.0 200 OK\r\n"), "{reply}");
    assert!(reply.ends_with("Hello, world!"), "{reply}");
    serves(address).await;
}

/// `PORT`, on all interfaces; SIGTERM, and 30 seconds.
#[tokio::test]
async fn heroku_and_its_like() {
    let (probe, address) = on(&[("DYNO", "web.1")], "PORT").await;
    serves(address).await;
    assert_eq!(time_to_drain(probe, Signal::TERM).await, "10s");
}

/// A listening socket that is left open for the process, with its number in `$FD`.
fn inherited() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&listener).to_string();
    (listener, number)
}

/// `systemd.socket(5)` and `sd_listen_fds(3)`.
#[tokio::test]
async fn systemd_socket_activation() {
    let (listener, number) = inherited();
    let address = listener.local_addr().unwrap();
    let script = format!("exec 3<&{number} && export LISTEN_PID=$$ LISTEN_FDS=1");
    let _probe = Probe::start_after(&script, &[], &[("PORT", "1")]);
    serves(address).await;
}

#[tokio::test]
async fn a_socket_that_was_passed_is_listened_on_by_its_number() {
    let (listener, number) = inherited();
    let address = listener.local_addr().unwrap();
    let listen = format!("fd:{number}");
    let args = ["-l", listen.as_str(), "-l", "tcp://127.0.0.1:0"];
    let mut probe = Probe::start(&args, &[]);
    assert_eq!(probe.address().await, address);
    serves(address).await;
    serves(probe.address().await).await;

    // What is no listening socket, or is taken twice, or stands for the program itself.
    for args in [
        &["-l", "fd:1"][..],
        &["-l", "fd:999"],
        &["-l", &listen, "-l", &listen],
    ] {
        let mut probe = Probe::start(args, &[]);
        probe.log_line("cannot bind fd:").await;
        assert_eq!(probe.exit().await.code(), Some(1), "{args:?}");
    }
}

/// `sd_notify(3)`, for services of `Type=notify`.
#[tokio::test]
async fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let vars = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let probe = Probe::start(&["-l", "tcp://127.0.0.1:0"], &vars);
    let mut message = [0; 256];
    let mut next = async || {
        let length = timeout(PATIENCE, socket.recv(&mut message))
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

#[tokio::test]
async fn a_unix_socket_has_its_permissions_from_the_beginning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (mode, expected) in [("?mode=600", 0o600), ("?mode=666", 0o666)] {
        let path = folder.path().join("probe.sock");
        let listen = format!("unix:{}{mode}", path.display());
        let mut probe = Probe::start(&["-l", &listen], &[]);
        probe.log_line("listening on unix:").await;
        let found = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, expected, "{found:o}");
        probe.terminate();
        assert!(probe.exit().await.success());
        assert!(!path.exists(), "the socket file is left behind");
    }
}
