//! The configuration of a server, and of hyper.

use anyhost_core::Proxies;
use anyhost_core::adapter::settings::InvalidSetting;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::options::ServerOptions;
#[cfg(feature = "tls")]
use crate::listen::Tls;
use crate::request::AccessLog;

/// The configuration of a [`Server`](crate::Server).
#[derive(Default)]
pub(crate) struct Config {
    pub(crate) options: ServerOptions,
    /// `None` if `tracing` gets the access log.
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) configure_http1: Vec<Configure<http1::Builder>>,
    pub(crate) configure_http2: Vec<Configure<http2::Builder<TokioExecutor>>>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

/// A change that the application makes to a builder of hyper.
type Configure<B> = Box<dyn Fn(&mut B) + Send + Sync>;

impl Config {
    /// Makes a configuration from options, and loads the certificate if the options contain one.
    pub(crate) fn new(mut options: ServerOptions) -> Result<Self, InvalidSetting> {
        if options.forwarded {
            options.proxies = options.proxies.map(Proxies::with_standard_header);
        }
        let mut config = Self {
            options,
            access_log: None,
            configure_http1: Vec::new(),
            configure_http2: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        };
        config.load_certificate()?;
        Ok(config)
    }

    fn load_certificate(&mut self) -> Result<(), InvalidSetting> {
        const CERTIFICATE: &str = "ANYHOST_HTTP_TLS_CERT";
        const KEY: &str = "ANYHOST_HTTP_TLS_KEY";
        let invalid = |name, path: &std::path::Path, expected: String| {
            InvalidSetting::new(name, path.to_string_lossy(), expected)
        };
        match (&self.options.tls_cert, &self.options.tls_key) {
            (None, None) => Ok(()),
            (Some(path), None) => Err(invalid(CERTIFICATE, path, format!("{KEY} as well"))),
            (None, Some(path)) => Err(invalid(KEY, path, format!("{CERTIFICATE} as well"))),
            #[cfg(feature = "tls")]
            (Some(certificate), Some(key)) => {
                let tls = Tls::from_pem_files(certificate, key).map_err(|error| {
                    let expected = format!("a certificate and its key as PEM files ({error})");
                    invalid(CERTIFICATE, certificate, expected)
                })?;
                self.tls = Some(tls);
                Ok(())
            }
            #[cfg(not(feature = "tls"))]
            (Some(path), Some(_)) => {
                let expected = "no certificate: the program was built without the feature `tls`";
                Err(invalid(CERTIFICATE, path, expected.to_owned()))
            }
        }
    }

    /// Whether listeners can speak TLS.
    pub(crate) fn has_certificate(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// The limit on the connections of one client. With trusted proxies there is no limit, because all connections are
    /// those of the proxies.
    pub(crate) fn connections_per_client(&self) -> Option<usize> {
        match self.options.proxies {
            Some(_) => None,
            None => self.options.connections_per_client,
        }
    }

    /// Makes hyper's builder for HTTP/1: applies the limits, and then the changes of the application.
    pub(crate) fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        // hyper panics if a timeout is set and there is no timer.
        builder.timer(TokioTimer::new());
        // hyper's own head timeout is off. The timeouts of this crate replace it, cost less, and cover more than heads.
        builder.header_read_timeout(None);
        builder.max_header_size(self.max_head_bytes());
        builder.max_buf_size(self.max_head_bytes().max(MAX_BUFFERED_BYTES));
        if self.options.limits.max_headers != HYPER_DEFAULT_MAX_HEADERS {
            builder.max_headers(self.options.limits.max_headers);
        }
        self.configure_http1
            .iter()
            .for_each(|configure| configure(&mut builder));
        builder
    }

    /// Makes hyper's builder for HTTP/2: applies the limits, and then the changes of the application.
    pub(crate) fn http2(&self) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        builder.max_header_list_size(u32::try_from(self.max_head_bytes()).unwrap_or(u32::MAX));
        builder.max_concurrent_streams(self.options.limits.max_http2_streams);
        builder.max_pending_accept_reset_streams(self.options.limits.max_http2_resets);
        builder.max_send_buf_size(MAX_BUFFERED_BYTES);
        self.configure_http2
            .iter()
            .for_each(|configure| configure(&mut builder));
        builder
    }

    /// The maximum size of a head, but at least 8 KiB, because hyper panics if its buffer is smaller.
    fn max_head_bytes(&self) -> usize {
        self.options.limits.max_head_bytes.max(8 * 1024)
    }
}

/// If the limit has hyper's default value, hyper parses headers into a buffer on the stack. With any other value, hyper
/// allocates.
const HYPER_DEFAULT_MAX_HEADERS: usize = 100;

/// The size of the buffers for a client that does not read its response, and for a handler that does not read its
/// request body.
const MAX_BUFFERED_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_anyhost_http_forwarded_selects_the_forwarded_header()
    -> Result<(), InvalidSetting> {
        let options = ServerOptions::from_vars(|name| match name {
            "ANYHOST_HTTP_PROXIES" => Some("2".into()),
            "ANYHOST_HTTP_FORWARDED" => Some("1".into()),
            _ => None,
        })?;
        let expected = Proxies::hops(2).with_standard_header();
        assert_eq!(Config::new(options)?.options.proxies, Some(expected));
        Ok(())
    }

    #[test]
    fn a_certificate_that_cannot_be_loaded_is_an_error_that_names_the_setting() {
        for set in [
            &["ANYHOST_HTTP_TLS_CERT"][..],
            &["ANYHOST_HTTP_TLS_KEY"],
            &["ANYHOST_HTTP_TLS_CERT", "ANYHOST_HTTP_TLS_KEY"],
        ] {
            let options =
                ServerOptions::from_vars(|name| set.contains(&name).then(|| "/missing.pem".into()));
            let error = options.and_then(Config::new).err();
            assert_eq!(error.map(|error| error.name() == set[0]), Some(true));
        }
    }
}
