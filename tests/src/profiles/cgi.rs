//! CGI programs and the web servers that run them.

use super::outcome::*;
use crate::capability::Observed::{Scenario, Status, Untestable};
use crate::capability::{Ability, Capabilities};
use crate::profile::Profile;

pub(crate) static CGI_IN_PROCESS: Profile = Profile::new(
    "cgi-in-process",
    "cgi",
    "/app",
    Capabilities {
        memory: Ability::Supported,
        disconnect: Ability::Supported,
        block_in_place: Ability::Supported,
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
            "AllowEncodedSlashes cannot be set in an .htaccess file",
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
            "The server accepts only upper-case methods",
            "observed with nginx 1.22",
        ),
        absolute_target: Ability::lacking(
            HOST_HEADER_WINS,
            "The server passes on the Host header",
            "observed with nginx 1.22",
        ),
        asterisk_target: Ability::lacking(
            Status(400),
            "The server accepts only paths as targets",
            "observed with nginx 1.22",
        ),
        underscore_headers: Ability::lacking(
            HEADER_DROPPED,
            "The directive underscores_in_headers is off by default",
            "nginx, ngx_http_core_module",
        ),
        streaming: Ability::lacking(
            ARRIVES_AT_END,
            "fcgiwrap buffers 8 KB",
            "gnosek/fcgiwrap#36",
        ),
        early_head: Ability::lacking(
            ARRIVES_AT_END,
            "fcgiwrap buffers 8 KB",
            "gnosek/fcgiwrap#36",
        ),
        ..WEB_SERVER
    },
);

pub(crate) static LIGHTTPD: Profile = Profile::new(
    "lighttpd",
    "cgi",
    "/app",
    Capabilities {
        any_method: Ability::lacking(
            Status(501),
            "The server accepts only methods that it knows",
            "observed with lighttpd 1.4",
        ),
        path_bytes: Ability::lacking(
            Status(400),
            "The server accepts only UTF-8 in paths",
            "lighttpd, server.http-parseopts",
        ),
        control_in_path: Ability::lacking(
            Status(400),
            "The server rejects control characters in paths",
            "lighttpd, server.http-parseopts",
        ),
        long_path: Ability::lacking(
            Status(404),
            "The server looks for a file with this name",
            "observed with lighttpd 1.4",
        ),
        lone_percent: Ability::lacking(
            ENCODED_PERCENT,
            "The server normalizes the query",
            "lighttpd, server.http-parseopts",
        ),
        absolute_target: Ability::lacking(
            Status(400),
            "The server requires that the authority equals the Host header",
            "observed with lighttpd 1.4",
        ),
        asterisk_target: Ability::lacking(
            Status(200),
            "The server answers OPTIONS * itself",
            "RFC 9110 §9.3.7",
        ),
        empty_headers: Ability::lacking(
            HEADER_DROPPED,
            "The server drops headers with an empty value",
            "observed with lighttpd 1.4",
        ),
        get_body: Ability::lacking(
            Status(400),
            "The server rejects a GET request with a body",
            "lighttpd, server.http-parseopts",
        ),
        bodiless_post: Ability::lacking(
            Status(411),
            "The server requires a Content-Length for POST",
            "observed with lighttpd 1.4",
        ),
        empty_response_headers: Ability::lacking(
            NO_EMPTY_HEADER,
            "The server drops headers with an empty value",
            "observed with lighttpd 1.4",
        ),
        ..WEB_SERVER
    },
)
.adding(&[("accept-ranges", "lighttpd announces range requests")]);

pub(crate) static BUSYBOX: Profile = Profile::new(
    "busybox",
    "cgi",
    "/cgi-bin/app",
    Capabilities {
        raw_path: Ability::lacking(
            DECODED_PATH,
            "The server decodes REQUEST_URI",
            SEEN_WITH_BUSYBOX,
        ),
        encoded_slash: Ability::lacking(
            Status(404),
            "The server rejects encoded slashes",
            SEEN_WITH_BUSYBOX,
        ),
        double_slash: Ability::lacking(
            MERGED_SLASHES,
            "The server normalizes REQUEST_URI",
            SEEN_WITH_BUSYBOX,
        ),
        absolute_target: Ability::lacking(
            Status(400),
            "The server accepts only paths as targets",
            SEEN_WITH_BUSYBOX,
        ),
        asterisk_target: Ability::lacking(
            Status(400),
            "The server accepts only paths as targets",
            SEEN_WITH_BUSYBOX,
        ),
        repeated_headers: Ability::lacking(
            LAST_VALUE,
            "An environment variable has one value",
            SEEN_WITH_BUSYBOX,
        ),
        repeated_cookies: Ability::lacking(
            LAST_VALUE,
            "An environment variable has one value",
            SEEN_WITH_BUSYBOX,
        ),
        accept_encoding: Ability::lacking(
            HEADER_DROPPED,
            "The server does not pass it on",
            SEEN_WITH_BUSYBOX,
        ),
        authorization: Ability::lacking(
            HEADER_DROPPED,
            "The server does not pass it on",
            SEEN_WITH_BUSYBOX,
        ),
        unknown_length: Ability::lacking(
            Status(411),
            "The server passes chunks to the program without decoding them",
            SEEN_WITH_BUSYBOX,
        ),
        ..WEB_SERVER
    },
);

const SEEN_WITH_BUSYBOX: &str = "observed with busybox 1.35";

/// The capabilities of every CGI program (RFC 3875).
pub(super) const CGI: Capabilities = Capabilities {
    dot_segments: Ability::lacking(
        RESOLVED_DOTS,
        "The access rules of the server apply to the resolved path",
        "RFC 3986 §5.2.4",
    ),
    abort_before_body: Ability::lacking(
        INTERNAL_ERROR_OF_PROGRAM,
        "Most servers detect a failure only by the status",
        "RFC 3875 §6.1",
    ),
    proxy_header: Ability::lacking(
        HEADER_DROPPED,
        "Many HTTP clients read the variable HTTP_PROXY as their configuration",
        "CVE-2016-5385",
    ),
    location_with_200: Ability::lacking(
        NO_LOCATION,
        "Servers treat a Location header as a redirect",
        "RFC 3875 §6.2.2",
    ),
    request_trailers: Ability::lacking(
        NO_TRAILERS,
        "Standard input has no format for trailers",
        "RFC 3875 §4.2",
    ),
    response_trailers: Ability::lacking(
        NO_TRAILERS,
        "Standard output has no format for trailers",
        "RFC 3875 §6.4",
    ),
    memory: Ability::lacking(
        Scenario("every request reaches a new process"),
        "Each request starts a new process",
        "RFC 3875 §3.4",
    ),
    disconnect: Ability::lacking(
        Scenario("a later request cannot see what happened in the process"),
        "Each request starts a new process",
        "RFC 3875 §3.4",
    ),
    block_in_place: Ability::lacking(
        PANIC,
        "The program has a runtime with one thread, because hosting providers limit threads",
        "Tokio, \"block_in_place\"",
    ),
    http1_bytes: Ability::lacking(Untestable, "The web server parses HTTP", "RFC 3875 §3.1"),
    ..Capabilities::ALL
};

/// The capabilities that the web servers of Debian have in common.
const WEB_SERVER: Capabilities = Capabilities {
    aborted_body: Ability::lacking(
        LOOKS_COMPLETE,
        "The server treats the exit of the program as the end of the body",
        "RFC 3875 §6.4",
    ),
    excess_body: Ability::lacking(
        ENDS_AT_LENGTH,
        "The client stops reading at the declared length",
        "RFC 9112 §6.3",
    ),
    ..CGI
};

const APACHE: Capabilities = Capabilities {
    asterisk_target: Ability::lacking(
        Status(200),
        "The server answers OPTIONS * itself",
        "RFC 9110 §9.3.7",
    ),
    long_path: Ability::lacking(
        Status(403),
        "The server looks for a file with this name",
        "observed with Apache 2.4",
    ),
    repeated_cookies: Ability::lacking(
        JOINED_WITH_COMMAS,
        "The server joins the values of every repeated header with commas",
        "observed with Apache 2.4",
    ),
    underscore_headers: Ability::lacking(
        HEADER_DROPPED,
        "The server drops them, because their variables could be mistaken for the variables of headers with a dash",
        "\"Environment Variables in Apache\"",
    ),
    head_length: Ability::lacking(
        NO_LENGTH,
        "The server drops the Content-Length of a program",
        "CVE-2024-24795",
    ),
    abort_within_length: Ability::lacking(
        LOOKS_COMPLETE,
        "The server drops the Content-Length of a program",
        "CVE-2024-24795",
    ),
    ..WEB_SERVER
};
