//! Simulated web servers that combine the most difficult behaviour of real ones.

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
        raw_path: DECODED,
        encoded_slash: DECODED,
        double_slash: Ability::lacking(
            MERGED_SLASHES,
            "The simulated server normalises REQUEST_URI",
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
            NOT_SEEN,
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
            NOT_SEEN,
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

const DECODED: Ability = Ability::lacking(
    DECODED_PATH,
    "The simulated server decodes REQUEST_URI",
    SIMULATOR,
);

const AT_ONCE: Ability = Ability::lacking(
    ALL_AT_ONCE,
    "The simulated server returns the response when the program has exited",
    SIMULATOR,
);

const SIMULATED: Capabilities = Capabilities {
    absolute_target: Ability::lacking(HOST_DECIDES, "REQUEST_URI has no authority", SIMULATOR),
    streaming: AT_ONCE,
    early_head: AT_ONCE,
    aborted_body: Ability::lacking(
        SEEMS_WHOLE,
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
