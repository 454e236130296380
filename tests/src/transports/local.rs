//! The transports to the hosts of this project.

use std::pin::Pin;

use anyhost::lambda::Mode::{Buffer, Stream};
use anyhost::lambda::Source::{Alb, AlbMultiValue, FunctionUrl, HttpApi, Lattice, RestApi};

use super::{CgiChild, CgiInProcess, HostileCgi, InProcess, Lambda, emulated, server, under_rie};
use crate::hostile_host;
use crate::profile::Profile;
use crate::profiles::*;
use crate::transport::Transport;
use crate::web_server::{WebServer, WebServerKind};

const STREAM: (&str, &str) = ("ANYHOST_LAMBDA_MODE", "stream");
/// Lambda Managed Instances: one process handles several invocations concurrently.
const MANAGED: (&str, &str) = ("AWS_LAMBDA_MAX_CONCURRENCY", "8");

type Starting = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, String>> + Send>>;

/// A transport to a host of this project, which has not been started yet.
#[derive(Debug)]
#[non_exhaustive]
pub struct LocalTransport {
    /// The description of the host.
    pub profile: Profile,
    start: fn() -> Starting,
}

impl LocalTransport {
    /// Starts the host. Dropping the transport ends it.
    ///
    /// # Errors
    /// A program that the host needs is not installed, or does not start.
    pub async fn start(&self) -> Result<Box<dyn Transport>, String> {
        (self.start)().await
    }
}

macro_rules! starts {
    ($($profile:ident => $start:expr;)+) => {
        vec![$(LocalTransport {
            profile: $profile.clone(),
            start: || Box::pin(async { Ok(Box::new($start) as Box<dyn Transport>) }),
        },)+]
    };
}

/// Every transport, in the order of the table.
pub fn local_transports() -> Vec<LocalTransport> {
    starts! {
        IN_PROCESS => InProcess::new();
        HTTP1 => server::http1().await;
        HTTP2 => server::http2().await;
        UNIX => server::unix().await?;
        REST_API => Lambda::behind(RestApi, Buffer, REST_API.clone());
        REST_API_STREAM => Lambda::behind(RestApi, Stream, REST_API_STREAM.clone());
        HTTP_API => Lambda::behind(HttpApi, Buffer, HTTP_API.clone());
        FUNCTION_URL => Lambda::behind(FunctionUrl, Buffer, FUNCTION_URL.clone());
        FUNCTION_URL_STREAM => Lambda::behind(FunctionUrl, Stream, FUNCTION_URL_STREAM.clone());
        ALB => Lambda::behind(Alb, Buffer, ALB.clone());
        ALB_MULTI => Lambda::behind(AlbMultiValue, Buffer, ALB_MULTI.clone());
        LATTICE => Lambda::behind(Lattice, Buffer, LATTICE.clone());
        EMULATOR => emulated(&EMULATOR, &[]).await?;
        EMULATOR_STREAM => emulated(&EMULATOR_STREAM, &[STREAM]).await?;
        RIE => under_rie(&RIE, &[]).await?;
        RIE_STREAM => under_rie(&RIE_STREAM, &[STREAM]).await?;
        RIE_MANAGED => under_rie(&RIE_MANAGED, &[STREAM, MANAGED]).await?;
        CGI_IN_PROCESS => CgiInProcess::new();
        CGI_CHILD => CgiChild::new();
        HOSTILE_BUSYBOX => HostileCgi::new(hostile_host::BUSYBOX, HOSTILE_BUSYBOX.clone());
        HOSTILE_FCGIWRAP => HostileCgi::new(hostile_host::FCGIWRAP, HOSTILE_FCGIWRAP.clone());
        HOSTILE_CGID => HostileCgi::new(hostile_host::CGID, HOSTILE_CGID.clone());
        HOSTILE_LIGHTTPD => HostileCgi::new(hostile_host::LIGHTTPD, HOSTILE_LIGHTTPD.clone());
        HOSTILE_DUPLICATES => HostileCgi::new(hostile_host::DUPLICATES, HOSTILE_DUPLICATES.clone());
        APACHE_CGID => WebServer::start(WebServerKind::ApacheModCgid).await?;
        APACHE_CGI => WebServer::start(WebServerKind::ApacheModCgi).await?;
        APACHE_HTACCESS => WebServer::start(WebServerKind::ApacheHtaccess).await?;
        NGINX => WebServer::start(WebServerKind::Nginx).await?;
        LIGHTTPD => WebServer::start(WebServerKind::Lighttpd).await?;
        BUSYBOX => WebServer::start(WebServerKind::Busybox).await?;
    }
}
