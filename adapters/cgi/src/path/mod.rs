//! The path and the base path of a request.
//!
//! RFC 3875 passes the path decoded, as SCRIPT_NAME and PATH_INFO. `%2F` and `/` look the same there, and
//! servers also merge slashes and resolve dot segments. The raw target is in REQUEST_URI, a variable that
//! no RFC defines, and whose value the client chooses: it can differ from the path after a rewrite, be in
//! absolute form, or be decoded (busybox). So the raw path is used only if it decodes to what the server's
//! own variables say, and PATH_INFO is encoded otherwise.

mod encoded;

use anyhost_core::adapter::path::encode_path;

use crate::environment::Environment;
use encoded::{decodes_to, first_decoded, merge_slashes, resolve_dots};

/// The path below the base path, and the base path as clients see it. Both are percent-encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SplitPath {
    pub(crate) path: Vec<u8>,
    pub(crate) base_path: String,
}

impl SplitPath {
    pub(crate) fn of(environment: &Environment) -> Self {
        let script = script_prefix(environment.bytes("SCRIPT_NAME").unwrap_or_default());
        let info = environment.bytes("PATH_INFO").unwrap_or_default();
        let raw = environment.bytes("REQUEST_URI").map(raw_path);

        if raw == Some(b"*") {
            return Self {
                path: b"*".to_vec(),
                base_path: String::new(),
            };
        }
        let raw = raw.map(resolve_dots);
        let raw = raw.as_deref();
        let below = raw.and_then(|raw| strip_script(raw, script));
        let path = match (raw, below) {
            (Some(raw), Some(below)) if decodes_to(raw, &[script, info].concat()) => {
                with_plain_slash(below)
            }
            // A rewrite added the program's name in front of the path, and changed nothing else.
            (Some(raw), None) if decodes_to(raw, info) => raw.to_vec(),
            _ => encode_path(info).into_bytes(),
        };
        // After a rewrite, the client's URL does not contain SCRIPT_NAME, so links must not contain it.
        let base_path = if below.is_some() || raw.is_none() {
            encode_path(script)
        } else {
            String::new()
        };
        Self {
            path: if path.is_empty() { b"/".to_vec() } else { path },
            base_path,
        }
    }
}

/// SCRIPT_NAME as a prefix: without a slash at its end, and empty if it is not a path.
fn script_prefix(script: &[u8]) -> &[u8] {
    let script = script.strip_suffix(b"/").unwrap_or(script);
    if script.starts_with(b"/") {
        script
    } else {
        b""
    }
}

/// The path of a request target in origin form or absolute form, without query and fragment.
fn raw_path(target: &[u8]) -> &[u8] {
    let end = target
        .iter()
        .position(|&b| b == b'?' || b == b'#')
        .unwrap_or(target.len());
    let target = &target[..end];
    if target.starts_with(b"/") {
        return target;
    }
    match target.windows(3).position(|three| three == b"://") {
        Some(scheme) => {
            let rest = &target[scheme + 3..];
            let path = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
            &rest[path..]
        }
        None => target,
    }
}

/// Removes SCRIPT_NAME from the front of a raw path, if the path starts with it and a segment ends there.
///
/// The core's `strip_prefix` compares encoded with encoded; here, the path is encoded and may repeat
/// slashes, and SCRIPT_NAME is decoded.
fn strip_script<'a>(raw: &'a [u8], script: &[u8]) -> Option<&'a [u8]> {
    let (mut rest, mut previous) = (raw, 0);
    for expected in merge_slashes(script) {
        let byte = loop {
            let (byte, after) = first_decoded(rest)?;
            rest = after;
            if (byte, previous) != (b'/', b'/') {
                break byte;
            }
        };
        if byte != expected {
            return None;
        }
        previous = byte;
    }
    match first_decoded(rest) {
        None | Some((b'/', _)) => Some(rest),
        _ if script.is_empty() => Some(rest),
        Some(_) => None,
    }
}

/// Replaces an encoded slash at the start of the path, because a path must start with a slash:
/// `/app%2Fx` below `/app` is `/x`.
fn with_plain_slash(below: &[u8]) -> Vec<u8> {
    match first_decoded(below) {
        Some((b'/', rest)) => [b"/", rest].concat(),
        _ => below.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(vars: &[(&str, &str)]) -> (String, String) {
        let split = SplitPath::of(&Environment::new(vars.iter().copied()));
        (
            String::from_utf8_lossy(&split.path).into_owned(),
            split.base_path,
        )
    }

    fn uri(uri: &str, script: &str, info: &str) -> (String, String) {
        split(&[
            ("REQUEST_URI", uri),
            ("SCRIPT_NAME", script),
            ("PATH_INFO", info),
        ])
    }

    fn pair(path: &str, base_path: &str) -> (String, String) {
        (path.to_owned(), base_path.to_owned())
    }

    #[test]
    fn a_raw_path_that_matches_the_decoded_path_is_kept() {
        assert_eq!(
            uri("/app/a%2cb%252cc?x", "/app", "/a,b%2cc"),
            pair("/a%2cb%252cc", "/app")
        );
        assert_eq!(uri("/app/a%2Fb", "/app", "/a/b"), pair("/a%2Fb", "/app"));
        assert_eq!(uri("/app//d//e", "/app", "/d/e"), pair("//d//e", "/app"));
        assert_eq!(uri("//app//d", "/app", "/d"), pair("//d", "/app"));
        assert_eq!(uri("/x;p=1", "", "/x;p=1"), pair("/x;p=1", ""));
        assert_eq!(
            uri("http://evil.example/app/x?y", "/app", "/x"),
            pair("/x", "/app")
        );
        assert_eq!(uri("/app/x#frag", "/app", "/x"), pair("/x", "/app"));
    }

    #[test]
    fn dot_segments_are_resolved_because_the_server_checked_the_resolved_path() {
        assert_eq!(uri("/app/d/../e", "/app", "/e"), pair("/e", "/app"));
        assert_eq!(uri("/app/d/%2e%2E/e", "/app", "/e"), pair("/e", "/app"));
        assert_eq!(uri("/app/a//../b/.", "/app", "/b/"), pair("/b/", "/app"));
        assert_eq!(uri("/../../app/x", "/app", "/x"), pair("/x", "/app"));
        // A server that does not resolve dot segments.
        assert_eq!(
            uri("/app/d/%2e%2E/e", "/app", "/d/../e"),
            pair("/d/../e", "/app")
        );
        // With `AllowEncodedSlashes NoDecode`.
        assert_eq!(
            uri("/app/x/../a%2Fb", "/app", "/a%2Fb"),
            pair("/a%2Fb", "/app")
        );
    }

    #[test]
    fn script_name_is_removed_from_a_path_with_encoded_or_repeated_slashes() {
        assert_eq!(
            uri("/app%2Fadmin", "/app", "/admin"),
            pair("/admin", "/app")
        );
        assert_eq!(uri("/%61pp/x", "/app", "/x"), pair("/x", "/app"));
        assert_eq!(uri("/a%25b/x", "/a%b", "/x"), pair("/x", "/a%25b"));
        let slashes = "/".repeat(8000);
        let raw = format!("{slashes}app{slashes}x");
        assert_eq!(
            uri(&raw, "/app", "/x"),
            pair(&format!("{slashes}x"), "/app")
        );
    }

    #[test]
    fn after_a_rewrite_the_path_is_path_info_and_the_base_path_is_empty() {
        assert_eq!(
            uri("/rw/env/a%20b", "/cgi-bin/app", "/env/a b"),
            pair("/env/a%20b", "")
        );
    }

    #[test]
    fn a_rewrite_that_only_adds_the_program_name_keeps_the_raw_path() {
        assert_eq!(
            uri("/env/a%2Fb//c%252c", "/app.cgi", "/env/a/b/c%2c"),
            pair("/env/a%2Fb//c%252c", "")
        );
        assert_eq!(uri("/x/../y", "/app.cgi", "/y"), pair("/y", ""));
    }

    #[test]
    fn a_request_uri_that_the_server_decoded_is_not_decoded_again() {
        assert_eq!(
            uri("/app/a%20b", "/app", "/a%20b"),
            pair("/a%2520b", "/app")
        );
        assert_eq!(uri("/app/?x", "/app", "/?x"), pair("/%3Fx", "/app"));
    }

    #[test]
    fn script_name_is_removed_only_as_whole_segments() {
        assert_eq!(uri("/application/x", "/app", "/x"), pair("/x", ""));
        assert_eq!(uri("/app", "/app", ""), pair("/", "/app"));
        assert_eq!(uri("/app/", "/app", "/"), pair("/", "/app"));
        assert_eq!(uri("/", "/", "/"), pair("/", ""));
    }

    #[test]
    fn without_request_uri_the_path_is_the_encoded_path_info() {
        assert_eq!(
            split(&[("SCRIPT_NAME", "/app"), ("PATH_INFO", "/a b%")]),
            pair("/a%20b%25", "/app")
        );
        assert_eq!(split(&[]), pair("/", ""));
    }

    #[test]
    fn a_request_uri_without_a_leading_slash_cannot_change_the_host() {
        assert_eq!(uri("@evil.example", "", "/x"), pair("/x", ""));
        assert_eq!(uri("*", "", ""), pair("*", ""));
    }

    #[test]
    fn path_bytes_that_are_not_utf_8_are_kept() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let raw = ("REQUEST_URI", OsStr::new("/%FF"));
        let decoded = ("PATH_INFO", OsStr::from_bytes(b"/\xFF"));
        assert_eq!(
            SplitPath::of(&Environment::new([raw, decoded])).path,
            b"/%FF"
        );
        assert_eq!(SplitPath::of(&Environment::new([decoded])).path, b"/%FF");
    }
}
