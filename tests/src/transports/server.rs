//! The probe as the standalone server.

use super::HttpTransport;
use crate::probe_process::Probe;
use crate::profiles::{HTTP1, HTTP2, UNIX};

const VARS: &[(&str, &str)] = &[("PROBE_LINT", "1")];

pub(super) async fn http1() -> HttpTransport {
    let mut probe = Probe::start(&["--listen", "tcp://127.0.0.1:0"], VARS);
    HttpTransport::tcp(probe.address().await, HTTP1.clone()).with_host(probe)
}

pub(super) async fn http2() -> HttpTransport {
    let mut probe = Probe::start(&["--listen", "tcp://127.0.0.1:0"], VARS);
    HttpTransport::tcp(probe.address().await, HTTP2.clone())
        .with_http2()
        .with_host(probe)
}

pub(super) async fn unix() -> Result<HttpTransport, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("probe.sock");
    let mut probe = Probe::start(&[&format!("--listen=unix:{}", path.display())], VARS);
    probe.log_line("listening on unix:").await;
    Ok(HttpTransport::unix(path, UNIX.clone()).with_host((probe, folder)))
}
