//! The configuration of a server, and of hyper.

use std::path::PathBuf;

use anyhost_core::Proxies;
use anyhost_core::adapter::settings::InvalidSetting;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::options::ServerOptions;
use crate::listen::Address;
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
    /// Makes a configuration from options, and loads the certificates that the options name.
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
        config.load_certificates()?;
        config.check_metrics()?;
        Ok(config)
    }

    fn load_certificates(&mut self) -> Result<(), InvalidSetting> {
        let (certificates, keys) = (&self.options.tls_cert, &self.options.tls_key);
        let expected = |count: usize, what: &str| match count {
            0 => format!("{what} as well"),
            count => format!("as many files as in {what}, which has {count}"),
        };
        if certificates.len() > keys.len() {
            let expected = expected(keys.len(), KEY);
            return Err(invalid_files(CERTIFICATE, certificates, expected));
        }
        if keys.len() > certificates.len() {
            let expected = expected(certificates.len(), CERTIFICATE);
            return Err(invalid_files(KEY, keys, expected));
        }
        #[cfg(feature = "tls")]
        for (certificate, key) in certificates.iter().zip(keys) {
            let loaded = match self.tls.take() {
                None => Tls::from_pem_files(certificate, key),
                Some(tls) => tls.and_pem_files(certificate, key),
            };
            let tls = loaded.map_err(|error| {
                let expected = format!("a certificate and its key as PEM files ({error})");
                invalid_files(CERTIFICATE, std::slice::from_ref(certificate), expected)
            })?;
            self.tls = Some(tls);
        }
        #[cfg(not(feature = "tls"))]
        if !certificates.is_empty() {
            let expected = "no certificate: the program was built without the feature `tls`";
            return Err(invalid_files(CERTIFICATE, certificates, expected));
        }
        Ok(())
    }

    fn check_metrics(&self) -> Result<(), InvalidSetting> {
        match &self.options.metrics {
            Some(address) if !cfg!(feature = "prometheus") => {
                let expected = "no address: the program was built without the feature `prometheus`";
                Err(InvalidSetting::new(METRICS, address.to_string(), expected))
            }
            Some(address @ Address::Tls(..)) => {
                let expected = "an address without TLS, such as 127.0.0.1:9090";
                Err(InvalidSetting::new(METRICS, address.to_string(), expected))
            }
            _ => Ok(()),
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

const CERTIFICATE: &str = "ANYHOST_HTTP_TLS_CERT";
const KEY: &str = "ANYHOST_HTTP_TLS_KEY";
const METRICS: &str = "ANYHOST_HTTP_METRICS";

fn invalid_files(name: &str, files: &[PathBuf], expected: impl Into<String>) -> InvalidSetting {
    let files: Vec<_> = files.iter().map(|path| path.to_string_lossy()).collect();
    InvalidSetting::new(name, files.join(","), expected)
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
    fn different_numbers_of_certificates_and_keys_are_an_error_that_names_both_settings() {
        let error = |certificates: &'static str, keys: &'static str| {
            let options = ServerOptions::from_vars(|name| match name {
                CERTIFICATE => Some(certificates.into()),
                KEY => Some(keys.into()),
                _ => None,
            });
            let error = options.and_then(Config::new).err();
            error.map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(
            error("/a.pem,/b.pem", "/a.key"),
            r#"ANYHOST_HTTP_TLS_CERT: invalid value "/a.pem,/b.pem", expected as many files as in ANYHOST_HTTP_TLS_KEY, which has 1"#
        );
        assert_eq!(
            error("", "/a.key,/b.key"),
            r#"ANYHOST_HTTP_TLS_KEY: invalid value "/a.key,/b.key", expected ANYHOST_HTTP_TLS_CERT as well"#
        );
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
