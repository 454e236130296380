//! All transports that this machine can offer.

use std::pin::Pin;

use super::{CgiChild, CgiInProcess, InProcess, emulated, server};
use crate::profile::Profile;
use crate::profiles::*;
use crate::transport::Transport;
use crate::web_server::{Kind, WebServer};

type Starting = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, String>> + Send>>;

/// A transport that can be started.
#[derive(Debug)]
pub struct Start {
    /// What is known of its host.
    pub profile: Profile,
    start: fn() -> Starting,
}

impl Start {
    /// Starts it. It ends when it is dropped.
    ///
    /// # Errors
    /// When this machine has not what it takes.
    pub async fn start(&self) -> Result<Box<dyn Transport>, String> {
        (self.start)().await
    }
}

macro_rules! starts {
    ($($profile:ident => $start:expr;)+) => {
        vec![$(Start {
            profile: $profile.clone(),
            start: || Box::pin(async { Ok(Box::new($start) as Box<dyn Transport>) }),
        },)+]
    };
}

/// All of them, in the order of the table.
pub fn local() -> Vec<Start> {
    starts! {
        IN_PROCESS => InProcess::new();
        HTTP1 => server::http1().await;
        HTTP2 => server::http2().await;
        UNIX => server::unix().await?;
        LAMBDA_EMULATOR => emulated(&[]).await?;
        CGI_IN_PROCESS => CgiInProcess::new();
        CGI_CHILD => CgiChild::new();
        APACHE_CGID => WebServer::start(Kind::ApacheModCgid).await?;
        APACHE_CGI => WebServer::start(Kind::ApacheModCgi).await?;
        APACHE_HTACCESS => WebServer::start(Kind::ApacheHtaccess).await?;
        NGINX => WebServer::start(Kind::Nginx).await?;
        LIGHTTPD => WebServer::start(Kind::Lighttpd).await?;
        BUSYBOX => WebServer::start(Kind::Busybox).await?;
    }
}
