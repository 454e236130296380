//! Shutdown: requests that have arrived are completed, and no client can delay the exit beyond the drain
//! timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhost_conformance::Probe;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{
    QUIET, TIMEOUT, assert_responds, connect, exchange, get, read_response, read_to_end, start,
};

/// Clients send requests without a pause, half of them on keep-alive connections and half on new ones. Each
/// request on an accepted connection must get its complete response.
#[tokio::test]
async fn no_request_on_an_accepted_connection_is_lost_when_the_server_stops_under_load() {
    let (probe, address) = start(QUIET).await;
    let responses = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..64)
        .map(|n| {
            let responses = responses.clone();
            tokio::spawn(async move {
                let path = [
                    "/hello",
                    "/sleep/5",
                    "/large/100000",
                    "/stream?chunks=3&delay_ms=2",
                ][n % 4];
                let keep_alive = n % 8 < 4;
                // Ends when the listener is closed.
                while let Ok(mut stream) = TcpStream::connect(address).await {
                    loop {
                        let sent = stream.write_all(&get(path)).await;
                        let response = read_response(&mut stream).await;
                        let response = response
                            .unwrap_or_else(|| panic!("no complete response to {path}: {sent:?}"));
                        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
                        responses.fetch_add(1, Ordering::Relaxed);
                        if !keep_alive || response.contains("\r\nconnection: close\r\n") {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    let under_load = async {
        while responses.load(Ordering::Relaxed) < 2000 {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, under_load)
        .await
        .expect("expected the server to handle 2000 requests");
    let before = responses.load(Ordering::Relaxed);
    probe.terminate();
    for client in clients {
        timeout(TIMEOUT, client)
            .await
            .expect("expected each client to end")
            .unwrap();
    }
    assert!(probe.exit().await.success());
    let while_draining = responses.load(Ordering::Relaxed) - before;
    assert!(
        while_draining >= 16,
        "only {while_draining} responses after SIGTERM: the test did not stop the server under load"
    );
}

#[tokio::test]
async fn sigterm_and_sigint_let_a_response_in_progress_finish_and_refuse_new_connections() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut probe, address) = start(&[]).await;
        let mut stream = connect(address).await;
        stream
            .write_all(&get("/stream?chunks=4&delay_ms=100"))
            .await
            .unwrap();
        // The first bytes of the response show that the handler has begun.
        stream.read_exact(&mut [0; 16]).await.unwrap();
        probe.signal(signal);
        probe.log_line("draining connections").await;
        let rest = read_to_end(&mut stream).await;
        assert_eq!(rest.matches("zzzzz").count(), 4, "{rest}");
        assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
        assert!(TcpStream::connect(address).await.is_err());
        assert!(probe.exit().await.success());
    }
}

#[tokio::test]
async fn requests_in_the_accept_queue_at_sigterm_get_a_response() {
    let (mut probe, address) = start(&[]).await;
    // While the process is stopped, the kernel accepts connections into the queue of the listener.
    probe.signal(Signal::STOP);
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(address).await;
        stream.write_all(&get("/hello")).await.unwrap();
        streams.push(stream);
    }
    probe.terminate();
    probe.signal(Signal::CONT);
    probe.log_line("draining connections").await;
    for mut stream in streams {
        let response = read_to_end(&mut stream).await;
        assert!(response.ends_with("Hello, world!"), "{response:?}");
    }
    assert!(probe.exit().await.success());
}

/// A client that has sent a part of a request cannot know that the server stops.
#[tokio::test]
async fn request_whose_head_is_incomplete_at_sigterm_gets_a_response_that_closes_the_connection() {
    let (mut probe, address) = start(&[]).await;
    let mut silent = connect(address).await;
    let mut kept_alive = connect(address).await;
    kept_alive.write_all(&get("/hello")).await.unwrap();
    read_response(&mut kept_alive).await.unwrap();
    let mut new = connect(address).await;
    let request = get("/hello");
    for stream in [&mut kept_alive, &mut new] {
        stream.write_all(&request[..20]).await.unwrap();
    }
    // After the response to a later request, the server has read these bytes, too.
    assert_responds(address).await;
    probe.terminate();
    probe.log_line("draining connections").await;
    // The server waits a second for a connection that has sent nothing, and then closes it. The incomplete
    // heads are completed only after that.
    assert_eq!(read_to_end(&mut silent).await, "");
    for stream in [&mut kept_alive, &mut new] {
        stream.write_all(&request[20..]).await.unwrap();
        let response = read_response(stream).await.expect("expected a response");
        assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    }
    assert!(probe.exit().await.success());
}

/// The drain sends GOAWAY and a PING; this client does not even respond to the PING.
#[tokio::test]
async fn idle_http_2_connection_does_not_delay_the_shutdown() {
    let (mut probe, address) = start(&[("ANYHOST_HTTP_DRAIN", "600")]).await;
    let mut stream = connect(address).await;
    let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(settings).await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    probe.terminate();
    probe.log_line("server stopped").await;
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn idle_keep_alive_connection_is_closed_and_does_not_delay_the_shutdown() {
    let (mut probe, address) = start(&[("ANYHOST_HTTP_DRAIN", "600")]).await;
    let mut idle = connect(address).await;
    idle.write_all(&get("/hello")).await.unwrap();
    read_response(&mut idle).await.unwrap();
    probe.terminate();
    assert_eq!(read_to_end(&mut idle).await, "");
    probe.log_line("server stopped").await;
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn response_in_progress_is_aborted_and_logged_at_the_drain_timeout() {
    let (mut probe, address) = start(&[("ANYHOST_HTTP_DRAIN", "1")]).await;
    let mut stream = connect(address).await;
    stream
        .write_all(&get("/stream?chunks=2&delay_ms=600000"))
        .await
        .unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    probe.terminate();
    let line = probe.log_line("drain timeout expired").await;
    assert!(line.contains("tasks="), "{line}");
    let rest = read_to_end(&mut stream).await;
    assert!(
        !rest.ends_with("0\r\n\r\n"),
        "the response looks complete: {rest:?}"
    );
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn second_signal_aborts_the_response_in_progress_at_once() {
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::INT)] {
        let (mut probe, address) = start(&[("ANYHOST_HTTP_DRAIN", "600")]).await;
        let mut stream = connect(address).await;
        stream
            .write_all(&get("/stream?chunks=2&delay_ms=600000"))
            .await
            .unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        probe.signal(first);
        probe.log_line("draining connections").await;
        probe.signal(second);
        probe.log_line("second shutdown request").await;
        assert!(probe.exit().await.success());
    }
}

#[tokio::test]
async fn shutdown_waits_for_wait_until_work() {
    let (mut probe, address) = start(&[]).await;
    let request = b"POST /after/1000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let response = exchange(address, request).await;
    assert!(response.ends_with("scheduled"), "{response}");
    let stopped = Instant::now();
    probe.terminate();
    let line = probe.log_line("draining connections").await;
    // The closed connection may still be counted as well.
    assert!(!line.contains("tasks=0"), "{line}");
    assert!(probe.exit().await.success());
    let elapsed = stopped.elapsed();
    assert!(
        elapsed > Duration::from_millis(800),
        "exited after {elapsed:?}, before the work was finished"
    );
}

#[tokio::test]
async fn handler_that_blocks_its_thread_does_not_prevent_the_exit_at_the_drain_timeout() {
    let (mut probe, address) = start(&[("ANYHOST_HTTP_DRAIN", "1")]).await;
    let mut stream = connect(address).await;
    stream.write_all(&get("/block/600000")).await.unwrap();
    probe.log_line("blocking").await;
    probe.terminate();
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn handlers_that_block_all_threads_do_not_delay_the_drain_timeout_or_a_second_signal() {
    for drain in ["1", "600"] {
        let vars = [("ANYHOST_HTTP_DRAIN", drain), ("TOKIO_WORKER_THREADS", "1")];
        let (mut probe, address) = start(&vars).await;
        let mut stream = connect(address).await;
        stream.write_all(&get("/block/600000")).await.unwrap();
        probe.log_line("blocking").await;
        let stopped = Instant::now();
        probe.terminate();
        probe.log_line("draining").await;
        if drain == "600" {
            probe.terminate();
        }
        assert!(probe.exit().await.success());
        let elapsed = stopped.elapsed();
        assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    }
}

/// For process 1, as in a container, the kernel would discard the signal.
#[tokio::test]
async fn sigterm_during_the_start_ends_the_program() {
    for start in ["wait", "block"] {
        let vars = [("PROBE_START", start), ("ANYHOST_HTTP_DRAIN", "1")];
        let mut probe = Probe::start(&["--listen", "tcp://127.0.0.1:0"], &vars);
        probe.log_line("no variable of another host is set").await;
        // The signal handlers are installed right after this line.
        tokio::time::sleep(Duration::from_millis(500)).await;
        probe.terminate();
        let exit = timeout(TIMEOUT, probe.exit()).await;
        let exit = exit.expect("expected the program to end");
        assert!(exit.success(), "{start}: {exit}");
    }
}
