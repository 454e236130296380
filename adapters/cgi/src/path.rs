//! The path of a request, from what the server says of it.
//!
//! RFC 3875 gives it decoded, as SCRIPT_NAME and PATH_INFO, so `%2F` and `/` look alike, and servers
//! merge slashes and resolve dots besides. The raw target is in REQUEST_URI, which no RFC knows, and
//! which is the client's own word: before a rewrite, absolute if the client liked, decoded on busybox.
//! So the raw path is taken only where the server's own variables bear it out.

use std::borrow::Cow;

use anyhost_core::encode_path;
use percent_encoding::percent_decode;

use crate::environment::Environment;

/// The path below the mount, and the mount as clients see it. Both are percent-encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: Vec<u8>,
    pub(crate) base_path: String,
}

pub(crate) fn of(environment: &Environment) -> Place {
    let script = mount(environment.bytes("SCRIPT_NAME").unwrap_or_default());
    let info = environment.bytes("PATH_INFO").unwrap_or_default();
    let raw = environment.bytes("REQUEST_URI").map(raw_path);

    if raw == Some(b"*") {
        return Place {
            path: b"*".to_vec(),
            base_path: String::new(),
        };
    }
    let raw = raw.map(without_dots);
    let raw = raw.as_deref();
    let below = raw.and_then(|raw| below_mount(raw, script));
    let path = match (raw, below) {
        (Some(raw), Some(below)) if same(raw, &[script, info].concat()) => absolute(below),
        // A rewrite that only put the program's name in front.
        (Some(raw), None) if same(raw, info) => raw.to_vec(),
        _ => encode_path(info).into_bytes(),
    };
    // Behind a rewrite the mount is not in the client's URL, and links must not contain it.
    let base_path = if below.is_some() || raw.is_none() {
        encode_path(script)
    } else {
        String::new()
    };
    Place {
        path: if path.is_empty() { b"/".to_vec() } else { path },
        base_path,
    }
}

/// SCRIPT_NAME as a prefix: no slash at its end, and nothing that is no path.
fn mount(script: &[u8]) -> &[u8] {
    let script = script.strip_suffix(b"/").unwrap_or(script);
    if script.starts_with(b"/") {
        script
    } else {
        b""
    }
}

/// The path of a request target in origin or absolute form, without query and fragment.
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

/// What follows the mount in a raw path, if it begins with it and a segment ends there.
fn below_mount<'a>(raw: &'a [u8], script: &[u8]) -> Option<&'a [u8]> {
    let (mut rest, mut previous) = (raw, 0);
    for expected in merged(script) {
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

/// The first byte of a raw path, and what is behind it.
fn first_decoded(raw: &[u8]) -> Option<(u8, &[u8])> {
    let byte = percent_decode(raw).next()?;
    let length = if raw[0] == b'%' && byte != b'%' || raw.starts_with(b"%25") {
        3
    } else {
        1
    };
    Some((byte, &raw[length..]))
}

/// A path that begins with a slash: that behind the mount may have been an encoded one.
fn absolute(below: &[u8]) -> Vec<u8> {
    match first_decoded(below) {
        Some((b'/', rest)) => [b"/", rest].concat(),
        _ => below.to_vec(),
    }
}

/// Whether a raw path is this decoded one, slashes merged. Apache with `AllowEncodedSlashes NoDecode`
/// decodes all but the slashes.
fn same(raw: &[u8], decoded: &[u8]) -> bool {
    merged(&Cow::from(percent_decode(raw))).eq(merged(decoded))
        || merged(&decode_all_but_slashes(raw)).eq(merged(decoded))
}

fn decode_all_but_slashes(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(slash) = rest
        .windows(3)
        .position(|three| three.eq_ignore_ascii_case(b"%2f"))
    {
        decoded.extend(percent_decode(&rest[..slash]));
        decoded.extend_from_slice(&rest[slash..slash + 3]);
        rest = &rest[slash + 3..];
    }
    decoded.extend(percent_decode(rest));
    decoded
}

/// The bytes of a path in which several slashes count as one.
fn merged(path: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let previous = [0].into_iter().chain(path.iter().copied());
    path.iter()
        .copied()
        .zip(previous)
        .filter(|pair| *pair != (b'/', b'/'))
        .map(|(byte, _)| byte)
}

/// A path whose `.` and `..` segments are resolved, however they are written: the server resolved
/// them, and merged slashes, before it checked access. One that has none stays as it is.
fn without_dots(raw: &[u8]) -> Cow<'_, [u8]> {
    let decoded = |segment| Cow::from(percent_decode(segment));
    let is_dot = |segment: &[u8]| matches!(segment, b"." | b"..");
    let mut segments = raw.split(|&b| b == b'/');
    if !segments.clone().any(|segment| is_dot(&decoded(segment))) {
        return Cow::Borrowed(raw);
    }
    let folder = segments
        .next_back()
        .filter(|last| !last.is_empty() && !is_dot(&decoded(last)));
    let mut kept = Vec::new();
    for segment in raw[..raw.len() - folder.map_or(0, <[u8]>::len)].split(|&b| b == b'/') {
        match &*decoded(segment) {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let mut resolved = Vec::with_capacity(raw.len());
    for segment in kept {
        resolved.push(b'/');
        resolved.extend_from_slice(segment);
    }
    resolved.push(b'/');
    resolved.extend_from_slice(folder.unwrap_or_default());
    Cow::Owned(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(vars: &[(&str, &str)]) -> (String, String) {
        let place = of(&Environment::new(vars.iter().copied()));
        (
            String::from_utf8_lossy(&place.path).into_owned(),
            place.base_path,
        )
    }

    fn uri(uri: &str, script: &str, info: &str) -> (String, String) {
        place(&[
            ("REQUEST_URI", uri),
            ("SCRIPT_NAME", script),
            ("PATH_INFO", info),
        ])
    }

    fn pair(path: &str, base_path: &str) -> (String, String) {
        (path.to_owned(), base_path.to_owned())
    }

    #[test]
    fn the_raw_path_is_kept_where_the_server_bears_it_out() {
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
    fn a_path_with_dots_is_the_one_that_the_server_checked() {
        assert_eq!(uri("/app/d/../e", "/app", "/e"), pair("/e", "/app"));
        assert_eq!(uri("/app/d/%2e%2E/e", "/app", "/e"), pair("/e", "/app"));
        assert_eq!(uri("/app/a//../b/.", "/app", "/b/"), pair("/b/", "/app"));
        assert_eq!(uri("/../../app/x", "/app", "/x"), pair("/x", "/app"));
        // A server that did not resolve them is believed as well.
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
    fn a_mount_may_end_in_an_encoded_slash_and_is_found_in_one_pass() {
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
    fn a_rewritten_path_is_path_info_and_has_no_visible_mount() {
        assert_eq!(
            uri("/rw/env/a%20b", "/cgi-bin/app", "/env/a b"),
            pair("/env/a%20b", "")
        );
    }

    #[test]
    fn a_front_controller_keeps_the_raw_path() {
        assert_eq!(
            uri("/env/a%2Fb//c%252c", "/app.cgi", "/env/a/b/c%2c"),
            pair("/env/a%2Fb//c%252c", "")
        );
        assert_eq!(uri("/x/../y", "/app.cgi", "/y"), pair("/y", ""));
    }

    #[test]
    fn a_decoded_request_uri_does_not_decode_twice() {
        assert_eq!(
            uri("/app/a%20b", "/app", "/a%20b"),
            pair("/a%2520b", "/app")
        );
        assert_eq!(uri("/app/?x", "/app", "/?x"), pair("/%3Fx", "/app"));
    }

    #[test]
    fn the_mount_ends_where_a_segment_ends() {
        assert_eq!(uri("/application/x", "/app", "/x"), pair("/x", ""));
        assert_eq!(uri("/app", "/app", ""), pair("/", "/app"));
        assert_eq!(uri("/app/", "/app", "/"), pair("/", "/app"));
        assert_eq!(uri("/", "/", "/"), pair("/", ""));
    }

    #[test]
    fn without_request_uri_path_info_is_encoded() {
        assert_eq!(
            place(&[("SCRIPT_NAME", "/app"), ("PATH_INFO", "/a b%")]),
            pair("/a%20b%25", "/app")
        );
        assert_eq!(place(&[]), pair("/", ""));
    }

    #[test]
    fn a_target_that_is_no_path_cannot_become_a_host() {
        assert_eq!(uri("@evil.example", "", "/x"), pair("/x", ""));
        assert_eq!(uri("*", "", ""), pair("*", ""));
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_kept() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let raw = ("REQUEST_URI", OsStr::new("/%FF"));
        let decoded = ("PATH_INFO", OsStr::from_bytes(b"/\xFF"));
        assert_eq!(of(&Environment::new([raw, decoded])).path, b"/%FF");
        assert_eq!(of(&Environment::new([decoded])).path, b"/%FF");
    }
}
