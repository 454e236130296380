//! The profiles of the hosts of this project.

mod cgi;
mod hostile;
mod http;
mod lambda;
mod outcome;

use crate::profile::Profile;

pub(crate) use cgi::*;
pub(crate) use hostile::*;
pub(crate) use http::*;
pub(crate) use lambda::*;

/// Every profile, in the order of the table.
pub fn profiles() -> impl Iterator<Item = &'static Profile> {
    let all = [
        &IN_PROCESS,
        &HTTP1,
        &HTTP2,
        &UNIX,
        &REST_API,
        &REST_API_STREAM,
        &HTTP_API,
        &FUNCTION_URL,
        &FUNCTION_URL_STREAM,
        &ALB,
        &ALB_MULTI,
        &LATTICE,
        &EMULATOR,
        &EMULATOR_STREAM,
        &RIE,
        &RIE_STREAM,
        &RIE_MANAGED,
        &CGI_IN_PROCESS,
        &CGI_CHILD,
        &HOSTILE_BUSYBOX,
        &HOSTILE_FCGIWRAP,
        &HOSTILE_CGID,
        &HOSTILE_LIGHTTPD,
        &HOSTILE_DUPLICATES,
        &APACHE_CGID,
        &APACHE_CGI,
        &APACHE_HTACCESS,
        &NGINX,
        &LIGHTTPD,
        &BUSYBOX,
    ];
    all.into_iter()
}

/// The profile with this name.
pub fn profile(name: &str) -> Option<Profile> {
    profiles().find(|profile| profile.name == name).cloned()
}
