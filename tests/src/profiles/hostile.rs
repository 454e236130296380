//! Simulated web servers that combine the most difficult behavior of real web servers.

use super::cgi::CGI;
use super::outcome::*;
use crate::capability::Observed::Status;
use crate::capability::{Ability, Capabilities};
use crate::profile::Profile;

pub(crate) static HOSTILE_BUSYBOX: Profile = Profile::new(
    "hostile-busybox",
    "cgi",
    "/app",
    Capabilities {
        raw_path: DECODED_URI,
        encoded_slash: DECODED_URI,
        double_slash: Ability::lacking(
            MERGED_SLASHES,
            "The simulated server normalizes REQUEST_URI",
            SIMULATOR,
        ),
        repeated_headers: Ability::lacking(
            LAST_VALUE,
            "An environment variable has one value",
            SIMULATOR,
        ),
        repeated_cookies: Ability::lacking(
            LAST_VALUE,
            "An environment variable has one value",
            SIMULATOR,
        ),
        authorization: Ability::lacking(
            HEADER_DROPPED,
            "The simulated server does not pass it on",
            SIMULATOR,
        ),
        unknown_length: Ability::lacking(
            Status(411),
            "The simulated server passes chunks to the program without decoding them",
            SIMULATOR,
        ),
        ..SIMULATED
    },
);

pub(crate) static HOSTILE_FCGIWRAP: Profile =
    Profile::new("hostile-fcgiwrap", "cgi", "/app", SIMULATED);

pub(crate) static HOSTILE_CGID: Profile = Profile::new(
    "hostile-cgid",
    "cgi",
    "/app",
    Capabilities {
        repeated_cookies: Ability::lacking(
            JOINED_WITH_COMMAS,
            "The simulated server joins the values of every repeated header with commas",
            SIMULATOR,
        ),
        authorization: Ability::lacking(
            HEADER_DROPPED,
            "The simulated server does not pass it on",
            SIMULATOR,
        ),
        ..SIMULATED
    },
);

pub(crate) static HOSTILE_LIGHTTPD: Profile =
    Profile::new("hostile-lighttpd", "cgi", "/app", SIMULATED);

pub(crate) static HOSTILE_DUPLICATES: Profile =
    Profile::new("hostile-duplicates", "cgi", "/app", SIMULATED);

const SIMULATOR: &str = "the module hostile_host";

const DECODED_URI: Ability = Ability::lacking(
    DECODED_PATH,
    "The simulated server decodes REQUEST_URI",
    SIMULATOR,
);

const BUFFERED_BODY: Ability = Ability::lacking(
    ARRIVES_AT_END,
    "The simulated server returns the response when the program has exited",
    SIMULATOR,
);

const SIMULATED: Capabilities = Capabilities {
    absolute_target: Ability::lacking(HOST_HEADER_WINS, "REQUEST_URI has no authority", SIMULATOR),
    streaming: BUFFERED_BODY,
    early_head: BUFFERED_BODY,
    aborted_body: Ability::lacking(
        LOOKS_COMPLETE,
        "The simulated server treats the exit of the program as the end of the body",
        "RFC 3875 §6.4",
    ),
    excess_body: Ability::lacking(
        ENDS_AT_LENGTH,
        "The client stops reading at the declared length",
        "RFC 9112 §6.3",
    ),
    ..CGI
};
