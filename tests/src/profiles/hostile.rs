//! Simulated web servers, each with the worst of a real one.

use super::cgi::CGI;
use super::outcome::*;
use crate::capability::Instead::Status;
use crate::capability::{Ability, Capabilities};
use crate::profile::Profile;

pub(crate) static HOSTILE_BUSYBOX: Profile = Profile::new(
    "hostile-busybox",
    "cgi",
    "/app",
    Capabilities {
        raw_path: DECODED,
        encoded_slash: DECODED,
        double_slash: Ability::lacking(MERGED_SLASHES, "REQUEST_URI is normalised", SIMULATOR),
        repeated_headers: Ability::lacking(LAST_VALUE, "A variable has one value", SIMULATOR),
        repeated_cookies: Ability::lacking(LAST_VALUE, "A variable has one value", SIMULATOR),
        authorization: Ability::lacking(NOT_SEEN, "It is not passed on", SIMULATOR),
        unknown_length: Ability::lacking(
            Status(411),
            "The server hands the chunks over undecoded",
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
            "All headers are joined so",
            SIMULATOR,
        ),
        authorization: Ability::lacking(NOT_SEEN, "It is not passed on", SIMULATOR),
        ..SIMULATED
    },
);

pub(crate) static HOSTILE_LIGHTTPD: Profile =
    Profile::new("hostile-lighttpd", "cgi", "/app", SIMULATED);

pub(crate) static HOSTILE_DUPLICATES: Profile =
    Profile::new("hostile-duplicates", "cgi", "/app", SIMULATED);

const SIMULATOR: &str = "hostile_host";

const DECODED: Ability = Ability::lacking(DECODED_PATH, "REQUEST_URI is decoded", SIMULATOR);

const AT_ONCE: Ability = Ability::lacking(
    ALL_AT_ONCE,
    "The reply is read when the program has ended",
    SIMULATOR,
);

const SIMULATED: Capabilities = Capabilities {
    absolute_target: Ability::lacking(HOST_DECIDES, "REQUEST_URI has no authority", SIMULATOR),
    streaming: AT_ONCE,
    early_head: AT_ONCE,
    cut: Ability::lacking(
        SEEMS_WHOLE,
        "A program that ends early has ended",
        "RFC 3875 §6.4",
    ),
    cut_at_length: Ability::lacking(
        ENDS_AT_LENGTH,
        "The client stops reading where the declared length ends",
        "RFC 9112 §6.3",
    ),
    ..CGI
};
