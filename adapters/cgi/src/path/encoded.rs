//! Comparing and resolving percent-encoded paths.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The first byte of a raw path, decoded, and the raw path after it.
pub(super) fn first_decoded(raw: &[u8]) -> Option<(u8, &[u8])> {
    let byte = percent_decode(raw).next()?;
    let length = if raw[0] == b'%' && byte != b'%' || raw.starts_with(b"%25") {
        3
    } else {
        1
    };
    Some((byte, &raw[length..]))
}

/// Whether a raw path decodes to this path, with repeated slashes merged. Apache with
/// `AllowEncodedSlashes NoDecode` decodes everything except slashes.
pub(super) fn decodes_to(raw: &[u8], decoded: &[u8]) -> bool {
    merge_slashes(&Cow::from(percent_decode(raw))).eq(merge_slashes(decoded))
        || merge_slashes(&decode_all_but_slashes(raw)).eq(merge_slashes(decoded))
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

/// The bytes of a path, with repeated slashes merged into one.
pub(super) fn merge_slashes(path: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let previous = [0].into_iter().chain(path.iter().copied());
    path.iter()
        .copied()
        .zip(previous)
        .filter(|pair| *pair != (b'/', b'/'))
        .map(|(byte, _)| byte)
}

/// Resolves `.` and `..` segments, plain or encoded, and merges slashes: the server did both before it
/// checked access, so a handler must see the path that was checked. A path without dot segments is not
/// changed.
pub(super) fn resolve_dots(raw: &[u8]) -> Cow<'_, [u8]> {
    let decoded = |segment| Cow::from(percent_decode(segment));
    let is_dot = |segment: &[u8]| matches!(segment, b"." | b"..");
    let mut segments = raw.split(|&b| b == b'/');
    if !segments.clone().any(|segment| is_dot(&decoded(segment))) {
        return Cow::Borrowed(raw);
    }
    let file = segments
        .next_back()
        .filter(|last| !last.is_empty() && !is_dot(&decoded(last)));
    let mut kept = Vec::new();
    for segment in raw[..raw.len() - file.map_or(0, <[u8]>::len)].split(|&b| b == b'/') {
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
    resolved.extend_from_slice(file.unwrap_or_default());
    Cow::Owned(resolved)
}
