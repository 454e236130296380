//! CGI programs, and the web servers that run them.

use super::outcome::*;
use crate::capability::Instead::{Status, Story, Untried};
use crate::capability::{Ability, Capabilities};
use crate::profile::Profile;

pub(crate) static CGI_IN_PROCESS: Profile = Profile::new(
    "cgi-in-process",
    "cgi",
    "/app",
    Capabilities {
        memory: Ability::Carried,
        disconnect: Ability::Carried,
        ..CGI
    },
);

pub(crate) static CGI_CHILD: Profile = Profile::new("cgi-child", "cgi", "/app", CGI);

pub(crate) static APACHE_CGID: Profile = Profile::new("apache-cgid", "cgi", "/app", APACHE);

pub(crate) static APACHE_CGI: Profile = Profile::new("apache-cgi", "cgi", "/app", APACHE);

pub(crate) static APACHE_HTACCESS: Profile = Profile::new(
    "apache-htaccess",
    "cgi",
    "",
    Capabilities {
        encoded_slash: Ability::lacking(
            Status(404),
            "AllowEncodedSlashes cannot be set in an .htaccess",
            "Apache, \"AllowEncodedSlashes\"",
        ),
        ..APACHE
    },
);

pub(crate) static NGINX: Profile = Profile::new(
    "nginx",
    "cgi",
    "/app",
    Capabilities {
        method_case: Ability::lacking(
            Status(400),
            "A method has capitals only",
            "seen with nginx 1.22",
        ),
        absolute_target: Ability::lacking(
            HOST_DECIDES,
            "The header is what the server passes on",
            "seen with nginx 1.22",
        ),
        asterisk_target: Ability::lacking(
            Status(400),
            "A target is a path",
            "seen with nginx 1.22",
        ),
        underscore_headers: Ability::lacking(
            NOT_SEEN,
            "underscores_in_headers is off",
            "nginx, ngx_http_core_module",
        ),
        streaming: Ability::lacking(
            ALL_AT_ONCE,
            "fcgiwrap holds 8 KB back",
            "gnosek/fcgiwrap#36",
        ),
        early_head: Ability::lacking(
            ALL_AT_ONCE,
            "fcgiwrap holds 8 KB back",
            "gnosek/fcgiwrap#36",
        ),
        ..SERVED
    },
);

pub(crate) static LIGHTTPD: Profile = Profile::new(
    "lighttpd",
    "cgi",
    "/app",
    Capabilities {
        any_method: Ability::lacking(
            Status(501),
            "The server knows its methods",
            "seen with lighttpd 1.4",
        ),
        path_bytes: Ability::lacking(
            Status(400),
            "A path is UTF-8",
            "lighttpd, server.http-parseopts",
        ),
        control_in_path: Ability::lacking(
            Status(400),
            "A path has no control characters",
            "lighttpd, server.http-parseopts",
        ),
        long_path: Ability::lacking(
            Status(404),
            "The path is looked for as a file name",
            "seen with lighttpd 1.4",
        ),
        lone_percent: Ability::lacking(
            MENDED_PERCENT,
            "The query is normalised",
            "lighttpd, server.http-parseopts",
        ),
        absolute_target: Ability::lacking(
            Status(400),
            "The authority has to be the Host",
            "seen with lighttpd 1.4",
        ),
        asterisk_target: Ability::lacking(Status(200), "The server answers it", "RFC 9110 §9.3.7"),
        empty_headers: Ability::lacking(NOT_SEEN, "They are dropped", "seen with lighttpd 1.4"),
        get_body: Ability::lacking(
            Status(400),
            "A GET has no body",
            "lighttpd, server.http-parseopts",
        ),
        bodiless_post: Ability::lacking(
            Status(411),
            "A POST has a length",
            "seen with lighttpd 1.4",
        ),
        empty_reply_headers: Ability::lacking(
            NO_EMPTY_HEADER,
            "They are dropped",
            "seen with lighttpd 1.4",
        ),
        ..SERVED
    },
)
.adding(&[("accept-ranges", "lighttpd offers ranges of what it serves")]);

pub(crate) static BUSYBOX: Profile = Profile::new(
    "busybox",
    "cgi",
    "/cgi-bin/app",
    Capabilities {
        raw_path: Ability::lacking(DECODED_PATH, "REQUEST_URI is decoded", SEEN_WITH_BUSYBOX),
        encoded_slash: Ability::lacking(Status(404), "A file name has no slash", SEEN_WITH_BUSYBOX),
        double_slash: Ability::lacking(
            MERGED_SLASHES,
            "REQUEST_URI is normalised",
            SEEN_WITH_BUSYBOX,
        ),
        absolute_target: Ability::lacking(Status(400), "A target is a path", SEEN_WITH_BUSYBOX),
        asterisk_target: Ability::lacking(Status(400), "A target is a path", SEEN_WITH_BUSYBOX),
        repeated_headers: Ability::lacking(
            LAST_VALUE,
            "A variable has one value",
            SEEN_WITH_BUSYBOX,
        ),
        repeated_cookies: Ability::lacking(
            LAST_VALUE,
            "A variable has one value",
            SEEN_WITH_BUSYBOX,
        ),
        accept_encoding: Ability::lacking(
            NOT_SEEN,
            "The server keeps it for itself",
            SEEN_WITH_BUSYBOX,
        ),
        authorization: Ability::lacking(
            NOT_SEEN,
            "The server keeps it for itself",
            SEEN_WITH_BUSYBOX,
        ),
        unknown_length: Ability::lacking(
            Status(411),
            "The server hands the chunks over undecoded",
            SEEN_WITH_BUSYBOX,
        ),
        ..SERVED
    },
);

const SEEN_WITH_BUSYBOX: &str = "seen with busybox 1.35";

/// RFC 3875, whoever runs the program.
pub(super) const CGI: Capabilities = Capabilities {
    dot_segments: Ability::lacking(
        RESOLVED_DOTS,
        "The server's access rules hold for the resolved path",
        "RFC 3986 §5.2.4",
    ),
    cut_at_once: Ability::lacking(
        FAILED_EARLY,
        "Most servers have no other way to see that something went wrong",
        "RFC 3875 §6.1",
    ),
    proxy_header: Ability::lacking(
        NOT_SEEN,
        "HTTP_PROXY is a variable that HTTP clients obey",
        "CVE-2016-5385",
    ),
    location_with_200: Ability::lacking(
        NO_LOCATION,
        "Servers make a redirect of it",
        "RFC 3875 §6.2.2",
    ),
    request_trailers: Ability::lacking(NO_TRAILERS, "stdin has none", "RFC 3875 §4.2"),
    reply_trailers: Ability::lacking(NO_TRAILERS, "stdout has none", "RFC 3875 §6.4"),
    memory: Ability::lacking(
        Story("every request finds a new process"),
        "Each request has a process of its own",
        "RFC 3875 §3.4",
    ),
    disconnect: Ability::lacking(
        Story("what becomes of the process is not seen"),
        "Each request has a process of its own",
        "RFC 3875 §3.4",
    ),
    http1_bytes: Ability::lacking(Untried, "The bytes are the server's", "RFC 3875 §3.1"),
    ..Capabilities::ALL
};

/// What Debian's servers have in common.
const SERVED: Capabilities = Capabilities {
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

const APACHE: Capabilities = Capabilities {
    asterisk_target: Ability::lacking(Status(200), "The server answers it", "RFC 9110 §9.3.7"),
    long_path: Ability::lacking(
        Status(403),
        "The path is looked for as a file name",
        "seen with Apache 2.4",
    ),
    repeated_cookies: Ability::lacking(
        JOINED_WITH_COMMAS,
        "All headers are joined so",
        "seen with Apache 2.4",
    ),
    underscore_headers: Ability::lacking(
        NOT_SEEN,
        "They could pose as headers with a dash",
        "\"Environment Variables in Apache\"",
    ),
    head_length: Ability::lacking(
        NO_LENGTH,
        "The length that a program declares is dropped",
        "CVE-2024-24795",
    ),
    cut_of_known_length: Ability::lacking(
        SEEMS_WHOLE,
        "The length that a program declares is dropped",
        "CVE-2024-24795",
    ),
    ..SERVED
};
