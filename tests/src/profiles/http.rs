//! The in-process call and the standalone server.

use super::outcome::*;
use crate::capability::Observed::Untestable;
use crate::capability::{Ability, Capabilities};
use crate::profile::Profile;

pub(crate) static IN_PROCESS: Profile = Profile::new(
    "in-process",
    "in-process",
    "",
    Capabilities {
        peer: Ability::lacking(NO_PEER, "A function call has no peer", "Context::peer"),
        http1_bytes: Ability::lacking(
            Untestable,
            "A function call transfers a request, not bytes",
            "testing::Client",
        ),
        ..Capabilities::ALL
    },
);

pub(crate) static HTTP1: Profile = Profile::new("http1", "http", "", HTTP);

pub(crate) static HTTP2: Profile = Profile::new(
    "http2",
    "http",
    "",
    Capabilities {
        http1_bytes: Ability::lacking(Untestable, "HTTP/2 has binary frames", "RFC 9113 §4.1"),
        ..Capabilities::ALL
    },
);

pub(crate) static UNIX: Profile = Profile::new(
    "unix",
    "http",
    "",
    Capabilities {
        peer: Ability::lacking(NO_PEER, "A Unix socket has no IP address", "unix(7)"),
        ..HTTP
    },
);

const HTTP: Capabilities = Capabilities {
    excess_body: Ability::lacking(
        ENDS_AT_LENGTH,
        "The client stops reading at the declared length",
        "RFC 9112 §6.3",
    ),
    ..Capabilities::ALL
};
