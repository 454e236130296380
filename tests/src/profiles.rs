//! What is known of the hosts that the project serves.

use crate::capability::Capabilities;
use crate::profile::Profile;

pub(crate) static IN_PROCESS: Profile = Profile::new("in-process", "in-process", "", Capabilities::ALL);
pub(crate) static HTTP1: Profile = Profile::new("http1", "http", "", Capabilities::ALL);
pub(crate) static HTTP2: Profile = Profile::new("http2", "http", "", Capabilities::ALL);
pub(crate) static UNIX: Profile = Profile::new("unix", "http", "", Capabilities::ALL);
pub(crate) static LAMBDA_EMULATOR: Profile = Profile::new("lambda-emulator", "lambda", "", Capabilities::ALL);
pub(crate) static CGI_IN_PROCESS: Profile = cgi("cgi-in-process", "/app");
pub(crate) static CGI_CHILD: Profile = cgi("cgi-child", "/app");
pub(crate) static APACHE_CGID: Profile = cgi("apache-cgid", "/app");
pub(crate) static APACHE_CGI: Profile = cgi("apache-cgi", "/app");
pub(crate) static APACHE_HTACCESS: Profile = cgi("apache-htaccess", "");
pub(crate) static NGINX: Profile = cgi("nginx", "/app");
pub(crate) static LIGHTTPD: Profile = cgi("lighttpd", "/app");
pub(crate) static BUSYBOX: Profile = cgi("busybox", "/cgi-bin/app");

const fn cgi(name: &'static str, base_path: &'static str) -> Profile {
    Profile::new(name, "cgi", base_path, Capabilities::ALL)
}

/// Every profile, in the order of the table.
pub fn profiles() -> impl Iterator<Item = &'static Profile> {
    let all = [
        &IN_PROCESS,
        &HTTP1,
        &HTTP2,
        &UNIX,
        &LAMBDA_EMULATOR,
        &CGI_IN_PROCESS,
        &CGI_CHILD,
        &APACHE_CGID,
        &APACHE_CGI,
        &APACHE_HTACCESS,
        &NGINX,
        &LIGHTTPD,
        &BUSYBOX,
    ];
    all.into_iter()
}

/// The profile of this name.
pub fn profile(name: &str) -> Option<Profile> {
    profiles().find(|profile| profile.name == name).cloned()
}
