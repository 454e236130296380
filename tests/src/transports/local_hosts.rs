//! The hosts that run inside a test process, for applications other than the probe.

use std::io;
use std::sync::Arc;

use anyhost::lambda::Mode::{Buffer, Stream};
use anyhost::lambda::Source::{Alb, AlbMultiValue, FunctionUrl, HttpApi, Lattice, RestApi};
use anyhost::server::Server;
use anyhost::{Handler, IntoHandler};
use tokio::task::JoinHandle;

use super::{CgiInProcess, HttpTransport, InProcess, Lambda};
use crate::profiles::*;
use crate::transport::Transport;

/// Runs an application on every host that can run inside this process: as a function call, as a server for HTTP/1.1 and
/// HTTP/2, behind each event source of AWS Lambda, and as a CGI program. Examples and applications use it to test that
/// they behave the same everywhere.
///
/// ```
/// use anyhost::{Body, Request};
/// use anyhost_conformance::local_hosts;
///
/// # #[tokio::main]
/// # async fn main() {
/// for host in local_hosts(|| async { "Hello, world!" }).await {
///     let response = host.send(Request::new(Body::empty())).await.unwrap();
///     assert_eq!(response.status(), 200, "{}", host.profile().name);
/// }
/// # }
/// ```
///
/// # Panics
/// If no port of the loopback interface is free.
pub async fn local_hosts<K>(app: impl IntoHandler<K>) -> Vec<Box<dyn Transport>> {
    let app: Arc<dyn Handler> = Arc::new(app.into_handler());
    let server = Server::bind("127.0.0.1:0").await;
    let server = server.expect("expected a free port on the loopback interface");
    let url = server.url();
    let address = url.trim_start_matches("http://").to_owned();
    let running = Arc::new(Running(tokio::spawn(server.serve(app.clone()))));
    let http1 = HttpTransport::tcp(&address, HTTP1.clone()).with_host(running.clone());
    let http2 = HttpTransport::tcp(&address, HTTP2.clone()).with_http2();
    let mut hosts: Vec<Box<dyn Transport>> = vec![
        Box::new(InProcess::of(app.clone())),
        Box::new(http1),
        Box::new(http2.with_host(running)),
    ];
    for (source, mode, profile) in [
        (RestApi, Buffer, &REST_API),
        (RestApi, Stream, &REST_API_STREAM),
        (HttpApi, Buffer, &HTTP_API),
        (FunctionUrl, Buffer, &FUNCTION_URL),
        (FunctionUrl, Stream, &FUNCTION_URL_STREAM),
        (Alb, Buffer, &ALB),
        (AlbMultiValue, Buffer, &ALB_MULTI),
        (Lattice, Buffer, &LATTICE),
    ] {
        hosts.push(Box::new(Lambda::of(
            app.clone(),
            source,
            mode,
            profile.clone(),
        )));
    }
    hosts.push(Box::new(CgiInProcess::of(app)));
    hosts
}

/// A server that stops when it is dropped.
struct Running(JoinHandle<io::Result<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
