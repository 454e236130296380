//! The path and the base path of a request.
//!
//! RFC 3875 passes the path decoded, as SCRIPT_NAME and PATH_INFO. `%2F` and `/` look the same there, and servers
//! also merge slashes and resolve dot segments. The raw target is in REQUEST_URI, a variable that no RFC defines. The
//! client chooses its value, which can differ from the path after a rewrite, be in absolute form, or be decoded
//! (busybox). So the raw path is used only if its end decodes to PATH_INFO, and PATH_INFO is encoded otherwise.
//!
//! The part of the raw path before PATH_INFO is the base path. It is SCRIPT_NAME, unless a rewrite adds the name of
//! the program. Then it is the folder that is rewritten, because links must not contain a name that clients never
//! see.

mod encoded;

use anyhost_core::adapter::path::encode_path;

use crate::environment::Environment;
use encoded::{decode, merge_slashes, resolve_dots, split_before};

/// The path below the base path, and the base path as clients see it. Both are percent-encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SplitPath {
    pub(crate) path: Vec<u8>,
    pub(crate) base_path: String,
}

impl SplitPath {
    pub(crate) fn of(environment: &Environment) -> Self {
        let raw = environment.bytes("REQUEST_URI").map(raw_path);
        if raw == Some(b"*") {
            return Self {
                path: b"*".to_vec(),
                base_path: String::new(),
            };
        }
        let script = script_prefix(environment.bytes("SCRIPT_NAME").unwrap_or_default());
        let info = with_slash(environment.bytes("PATH_INFO").unwrap_or_default());
        // A target that does not begin with a slash, such as `*`, contains no path.
        let raw = raw.filter(|raw| raw.starts_with(b"/")).map(resolve_dots);
        let Some(raw) = raw.as_deref() else {
            return Self::new(&encode_path(&info).into_bytes(), &script);
        };
        Self::of_raw_path(raw, &script, &info).unwrap_or_else(|| {
            let visible = [&script[..], folder(&script)];
            let base = visible
                .into_iter()
                .find(|base| strip_segments(&decode(raw), base).is_some());
            Self::new(&encode_path(&info).into_bytes(), base.unwrap_or_default())
        })
    }

    /// Splits the path that the client sent before the part that decodes to PATH_INFO. `None` if no part decodes to
    /// PATH_INFO, or if the part before PATH_INFO cannot be the base path.
    fn of_raw_path(raw: &[u8], script: &[u8], info: &[u8]) -> Option<Self> {
        let (front, path) = split_before(raw, info)?;
        let front = decode(front);
        if front == script {
            return Some(Self::new(path, script));
        }
        // Some servers pass the whole path in PATH_INFO, including SCRIPT_NAME. If SCRIPT_NAME and PATH_INFO are both
        // the whole path, as with `SCRIPT_NAME $fastcgi_script_name` and `PATH_INFO $uri`, SCRIPT_NAME is wrong.
        if front.is_empty()
            && let Some(below) = strip_segments(info, script)
            && !script.is_empty()
        {
            return match below {
                [] => Some(Self::new(path, b"")),
                below => Some(Self::new(split_before(raw, below)?.1, script)),
            };
        }
        // If a rule maps one URL to the root of the program, the folder of the program is unknown.
        let is_folder = info != b"/" || strip_segments(script, &front).is_some();
        is_folder.then(|| Self::new(path, &front))
    }

    /// `path` is raw, and `base_path` is decoded.
    fn new(path: &[u8], base_path: &[u8]) -> Self {
        Self {
            path: with_plain_slash(path),
            base_path: encode_path(base_path),
        }
    }
}

/// SCRIPT_NAME as a prefix: without a slash at its end, and empty if it is not a path.
fn script_prefix(script: &[u8]) -> Vec<u8> {
    let mut script = merge_slashes(script);
    if !script.starts_with(b"/") {
        return Vec::new();
    }
    if script.ends_with(b"/") {
        script.pop();
    }
    script
}

/// The folder of a program, without a slash at its end.
fn folder(script: &[u8]) -> &[u8] {
    let slash = script.iter().rposition(|&b| b == b'/');
    &script[..slash.unwrap_or_default()]
}

/// PATH_INFO with a slash at its start. The slash is missing if a pattern in the server's configuration captured
/// only the characters after the slash.
fn with_slash(info: &[u8]) -> Vec<u8> {
    match info {
        [b'/', ..] => info.to_vec(),
        _ => [b"/", info].concat(),
    }
}

/// Removes a prefix of whole segments. The caller must have percent-decoded both paths.
fn strip_segments<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
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

/// Replaces an encoded slash at the start of the path, because a path must start with a slash:
/// `/app%2Fx` below `/app` is `/x`.
fn with_plain_slash(path: &[u8]) -> Vec<u8> {
    match path {
        [b'%', b'2', b'f' | b'F', rest @ ..] => [b"/", rest].concat(),
        _ => path.to_vec(),
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
        assert_eq!(
            uri("http://a.example/app/a%2Fb", "/app", "/a/b"),
            pair("/a%2Fb", "/app")
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
    fn a_rewrite_that_adds_the_program_name_keeps_the_raw_path_and_the_folder_as_base_path() {
        assert_eq!(
            uri("/env/a%2Fb//c%252c", "/app.cgi", "/env/a/b/c%2c"),
            pair("/env/a%2Fb//c%252c", "")
        );
        assert_eq!(uri("/x/../y", "/app.cgi", "/y"), pair("/y", ""));
        assert_eq!(
            uri("/shop/echo/a%2Cb//c", "/shop/app.cgi", "/echo/a,b/c"),
            pair("/echo/a%2Cb//c", "/shop")
        );
        let shop = |path| uri(path, "/shop/app.cgi", "/");
        assert_eq!(shop("/shop/"), pair("/", "/shop"));
        assert_eq!(shop("//shop//"), pair("//", "/shop"));
        assert_eq!(uri("/shop/", "/shop/app.cgi", ""), pair("/", "/shop"));
        assert_eq!(uri("/%73hop/x", "/shop/app.cgi", "/x"), pair("/x", "/shop"));
        assert_eq!(
            uri("/a%20b/x", "/a b/cgi/app.cgi", "/x"),
            pair("/x", "/a%20b")
        );
        assert_eq!(
            uri("/rw/env/a%20b", "/cgi-bin/app", "/env/a b"),
            pair("/env/a%20b", "/rw")
        );
    }

    #[test]
    fn a_rewrite_of_the_path_itself_keeps_the_visible_folder_as_base_path() {
        assert_eq!(
            uri("/shop/blog/x", "/shop/app.cgi", "/posts/x"),
            pair("/posts/x", "/shop")
        );
        assert_eq!(uri("/app/old", "/app", "/new"), pair("/new", "/app"));
        assert_eq!(uri("/blog/x", "/app.cgi", "/posts/x"), pair("/posts/x", ""));
        // One URL of the site is the root of the program, so the folder of the program is unknown.
        assert_eq!(uri("/start/", "/app.cgi", "/"), pair("/", ""));
    }

    #[test]
    fn script_name_is_removed_from_a_path_info_that_contains_the_whole_path() {
        assert_eq!(
            uri("/repos/echo%2Fx", "/repos", "/repos/echo/x"),
            pair("/echo%2Fx", "/repos")
        );
        assert_eq!(uri("/repos/", "/repos", "/repos/"), pair("/", "/repos"));
        // nginx with SCRIPT_NAME $fastcgi_script_name and PATH_INFO $uri.
        assert_eq!(uri("/a/b", "/a/b", "/a/b"), pair("/a/b", ""));
        assert_eq!(
            uri("/reposit/x", "/repos", "/reposit/x"),
            pair("/reposit/x", "")
        );
        // The path below the program repeats its name.
        assert_eq!(uri("/a/a/x", "/a", "/a/x"), pair("/a/x", "/a"));
        assert_eq!(
            split(&[("SCRIPT_NAME", "/a"), ("PATH_INFO", "/a/x")]),
            pair("/a/x", "/a")
        );
    }

    #[test]
    fn path_info_without_a_leading_slash_gets_a_leading_slash() {
        assert_eq!(
            uri("/app/echo/x%2Cy", "/app", "echo/x,y"),
            pair("/echo/x%2Cy", "/app")
        );
        assert_eq!(uri("/app/", "/app", ""), pair("/", "/app"));
        assert_eq!(
            split(&[("SCRIPT_NAME", "/app"), ("PATH_INFO", "echo/x")]),
            pair("/echo/x", "/app")
        );
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
        assert_eq!(
            uri("/application/x", "/app", "/x"),
            pair("/x", "/application")
        );
        assert_eq!(uri("/application/", "/app", "/"), pair("/", ""));
        assert_eq!(uri("/app", "/app", ""), pair("/", "/app"));
        assert_eq!(uri("/app/", "/app", "/"), pair("/", "/app"));
        assert_eq!(uri("/", "/", "/"), pair("/", ""));
        for script in ["//", "/app/", "/app//"] {
            let base_path = script.trim_end_matches('/');
            let expected = pair("/x", base_path);
            assert_eq!(
                split(&[("SCRIPT_NAME", script), ("PATH_INFO", "/x")]),
                expected
            );
        }
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
    fn a_request_uri_without_a_leading_slash_cannot_change_the_host_name() {
        assert_eq!(uri("@evil.example", "", "/x"), pair("/x", ""));
        assert_eq!(uri("@evil.example/x", "/app", "/x"), pair("/x", "/app"));
        assert_eq!(
            uri("//evil.example/x", "", "/x"),
            pair("/x", "/evil.example")
        );
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
