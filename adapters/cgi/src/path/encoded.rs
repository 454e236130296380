//! Comparing and resolving percent-encoded paths.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Splits a raw path before the part that decodes to `suffix`. Repeated slashes equal one slash, and belong to
/// the second part.
///
/// Apache with `AllowEncodedSlashes NoDecode` decodes everything except slashes, so both ways of decoding are tried.
pub(super) fn split_before<'a>(raw: &'a [u8], suffix: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let front = without_suffix(raw, suffix, true).or_else(|| without_suffix(raw, suffix, false))?;
    Some((front, &raw[front.len()..]))
}

/// Compares from the end, so that the time is linear in the length of the path. The client chooses that length.
fn without_suffix<'a>(raw: &'a [u8], suffix: &[u8], decode_slashes: bool) -> Option<&'a [u8]> {
    let mut rest = raw;
    for &expected in merge_slashes(suffix).iter().rev() {
        let (before, byte) = last_decoded(rest, decode_slashes)?;
        if byte != expected {
            return None;
        }
        rest = before;
        while let (b'/', Some((before, b'/'))) = (byte, last_decoded(rest, decode_slashes)) {
            rest = before;
        }
    }
    Some(rest)
}

/// Removes the last byte of a raw path. Returns the rest of the raw path, and the removed byte after decoding.
/// Escapes cannot overlap, because `%` is not a hexadecimal digit, so decoding from the end gives the same bytes as
/// decoding from the start.
fn last_decoded(raw: &[u8], decode_slashes: bool) -> Option<(&[u8], u8)> {
    if let [before @ .., b'%', _, _] = raw {
        let mut decoded = percent_decode(&raw[before.len()..]);
        match (decoded.next()?, decoded.next()) {
            (byte, None) if byte != b'/' || decode_slashes => return Some((before, byte)),
            _ => {}
        }
    }
    raw.split_last().map(|(byte, before)| (before, *byte))
}

/// A raw path, decoded, with repeated slashes merged into one.
pub(super) fn decode(raw: &[u8]) -> Vec<u8> {
    merge_slashes(&Cow::from(percent_decode(raw)))
}

/// The bytes of a path, with repeated slashes merged into one.
pub(super) fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|byte, previous| (*byte, *previous) == (b'/', b'/'));
    merged
}

/// Resolves `.` and `..` segments, plain or encoded, and merges slashes. The server did both before it checked
/// access, so a handler must see the path that was checked. A path without dot segments is not changed.
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
