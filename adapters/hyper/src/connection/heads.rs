//! Finds where the heads of HTTP/1 requests begin and end in the bytes of a connection.

/// The end of a head.
const END: &[u8; 4] = b"\r\n\r\n";

/// Finds the ends of heads, even if a head arrives in several parts.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// The bytes received so far end with this number of the first bytes of [`END`].
    matched: usize,
}

impl Heads {
    /// The number of bytes up to the end of the head, or `None` if the head does not end in `bytes`.
    ///
    /// The end of a head with bare line feeds (RFC 9112 §2.2) is not found. This is harmless, because the bytes after
    /// the head only wait in hyper's buffer.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let rest = &END[self.matched..];
        if bytes.starts_with(rest) {
            self.matched = 0;
            return Some(rest.len());
        }
        if rest.starts_with(bytes) {
            self.matched += bytes.len();
            return None;
        }
        let mut line_feeds = memchr::memchr_iter(b'\n', bytes);
        let end = line_feeds.find(|&at| bytes[..=at].ends_with(END));
        self.matched = match end {
            Some(_) => 0,
            None => (1..END.len())
                .rev()
                .find(|&length| bytes.ends_with(&END[..length]))
                .unwrap_or(0),
        };
        end.map(|at| at + 1)
    }
}

/// Whether no head has begun in these bytes. Empty lines before a request line are ignored (RFC 9112 §2.2).
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_if_the_head_arrives_in_several_parts() {
        let bytes = b"GET / HTTP/1.1\r\nA: \r\r\n\r\nGET";
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let mut heads = Heads::default();
                let (mut passed, mut end) = (0, None);
                for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    if end.is_none() {
                        end = heads.end(part).map(|length| passed + length);
                    }
                    passed += part.len();
                }
                assert_eq!(
                    end,
                    Some(bytes.len() - 3),
                    "the head was divided at {first} and {second}"
                );
            }
        }
    }

    #[test]
    fn no_end_is_found_in_an_incomplete_head() {
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nA: b\r\n", b"\r\n\r", b"\n\n"] {
            assert_eq!(Heads::default().end(bytes), None);
        }
    }
}
