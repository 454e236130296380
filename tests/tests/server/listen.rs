//! Addresses: TCP, Unix sockets, and sockets that the process inherits.

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use anyhost_conformance::{Probe, free_port};
use tokio::net::UnixStream;

use super::{assert_responds, exchange_on, get_and_close};

#[tokio::test]
async fn the_variables_host_and_port_set_the_address() {
    let port = free_port().to_string();
    let mut probe = Probe::start(&[], &[("PORT", &port), ("HOST", "127.0.0.1")]);
    let address = probe.address().await.to_string();
    assert_eq!(address, format!("127.0.0.1:{port}"));
}

#[tokio::test]
async fn server_listens_on_tcp_and_a_unix_socket_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.sock");
    let listen = format!("--listen=unix:{}", path.display());
    let mut probe = Probe::start(&["-l", "tcp://127.0.0.1:0", &listen], &[]);
    let address = probe.address().await;
    let stream = UnixStream::connect(&path).await.unwrap();
    let response = exchange_on(stream, &get_and_close("/hello")).await;
    assert!(response.ends_with("Hello, world!"), "{response}");
    assert_responds(address).await;
}

#[tokio::test]
async fn unix_socket_has_its_mode_at_the_first_connection_and_is_removed_at_shutdown() {
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
        assert!(!path.exists(), "the socket file was not removed");
    }
}

#[tokio::test]
async fn stale_socket_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stale.sock");
    drop(UnixListener::bind(&path).unwrap());
    let mut probe = Probe::start(&["-l", &format!("unix:{}", path.display())], &[]);
    probe.log_line("listening on unix:").await;
    let stream = UnixStream::connect(&path).await.unwrap();
    let response = exchange_on(stream, &get_and_close("/hello")).await;
    assert!(response.ends_with("Hello, world!"), "{response}");
}

#[tokio::test]
async fn socket_file_of_a_running_server_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.sock");
    let listen = format!("unix:{}", path.display());
    let mut first = Probe::start(&["-l", &listen], &[]);
    first.log_line("listening on unix:").await;

    let mut second = Probe::start(&["-l", &listen], &[]);
    second.log_line("bind unix:").await;
    assert_eq!(second.exit().await.code(), Some(1));
    let stream = UnixStream::connect(&path).await.unwrap();
    let response = exchange_on(stream, &get_and_close("/hello")).await;
    assert!(response.ends_with("Hello, world!"), "{response}");
}

#[tokio::test]
async fn file_that_is_not_a_socket_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious.txt");
    std::fs::write(&path, "precious").unwrap();
    let probe = Probe::start(&["-l", &format!("unix:{}", path.display())], &[]);
    assert_eq!(probe.exit().await.code(), Some(1));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious");
}

/// A listening socket that child processes inherit, and its descriptor.
fn inherited() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let descriptor = listener.as_raw_fd().to_string();
    (listener, descriptor)
}

/// `systemd.socket(5)` and `sd_listen_fds(3)`.
#[tokio::test]
async fn sockets_passed_by_systemd_take_precedence_over_port() {
    let (listener, descriptor) = inherited();
    let address = listener.local_addr().unwrap();
    let script = format!("exec 3<&{descriptor} && export LISTEN_PID=$$ LISTEN_FDS=1");
    let _probe = Probe::start_after(&script, &[], &[("PORT", "1")]);
    assert_responds(address).await;
}

#[tokio::test]
async fn socket_passed_by_systemd_that_does_not_listen_exits_with_1() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (connected, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    for fd in [std::os::fd::OwnedFd::from(socket), connected.into()] {
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty()).unwrap();
        let descriptor = fd.as_raw_fd();
        let script = format!("exec 3<&{descriptor} && export LISTEN_PID=$$ LISTEN_FDS=1");
        let mut probe = Probe::start_after(&script, &[], &[]);
        probe.log_line("failed to start or run the program").await;
        assert_eq!(probe.exit().await.code(), Some(1));
    }
}

#[tokio::test]
async fn inherited_socket_can_be_given_by_its_descriptor() {
    let (listener, descriptor) = inherited();
    let address = listener.local_addr().unwrap();
    let listen = format!("fd:{descriptor}");
    let args = ["-l", listen.as_str(), "-l", "tcp://127.0.0.1:0"];
    let mut probe = Probe::start(&args, &[]);
    assert_eq!(probe.address().await, address);
    assert_responds(address).await;
    assert_responds(probe.address().await).await;
}

#[tokio::test]
async fn server_exits_with_1_if_a_descriptor_is_not_a_socket_or_is_given_twice() {
    let (_listener, descriptor) = inherited();
    let listen = format!("fd:{descriptor}");
    for args in [
        &["-l", "fd:1"][..],
        &["-l", "fd:999"],
        &["-l", &listen, "-l", &listen],
    ] {
        let mut probe = Probe::start(args, &[]);
        probe.log_line("bind fd:").await;
        assert_eq!(probe.exit().await.code(), Some(1), "{args:?}");
    }
}
