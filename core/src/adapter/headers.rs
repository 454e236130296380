//! Header rules that several parts of an adapter share: the list of hop-by-hop headers, and the parser of
//! Content-Length.

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};

macro_rules! hop_by_hop {
    ($($name:literal)*) => {
        /// The hop-by-hop header fields, which describe one connection and are never forwarded
        /// (RFC 9110 §7.6.1). `Trailer` and `Expect` are not in the list, because other rules remove
        /// these two fields.
        pub const HOP_BY_HOP: &[&str] = &[$($name),*];

        /// Whether a header field, given by its lower-case name, is hop-by-hop.
        pub fn is_hop_by_hop(name: &str) -> bool {
            matches!(name, $($name)|*)
        }
    };
}

hop_by_hop! {
    "connection"
    "keep-alive"
    "proxy-connection"
    "transfer-encoding"
    "te"
    "upgrade"
    "http2-settings"
}

/// The length that the Content-Length fields declare.
///
/// `None` if there is no Content-Length field, if a value is not a number, or if two values differ. RFC 9110 §8.6
/// lets a recipient trust a repeated length only if all values are equal.
///
/// ```
/// use anyhost_core::adapter::headers::content_length;
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.append("content-length", "5".parse().unwrap());
/// headers.append("content-length", "5".parse().unwrap());
/// assert_eq!(content_length(&headers), Some(5));
/// headers.append("content-length", "6".parse().unwrap());
/// assert_eq!(content_length(&headers), None);
/// ```
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let first = values.next()?;
    match values.all(|other| other == first) {
        true => parse_content_length(first.as_bytes()),
        false => None,
    }
}

/// The value of a Content-Length field. A length below 1,000 needs no allocation.
pub(crate) fn content_length_value(length: u64) -> HeaderValue {
    if let Some(digits) = short_decimal(length) {
        return HeaderValue::from_static(digits);
    }
    // `HeaderValue::from(u64)` would allocate twice. Digits are always a valid header value.
    let mut digits = itoa::Buffer::new();
    HeaderValue::from_str(digits.format(length)).unwrap_or_else(|_| length.into())
}

/// The decimal form of a number below 1,000, as a part of a constant string.
fn short_decimal(number: u64) -> Option<&'static str> {
    /// The numbers from 0 to 999, each with three digits.
    const DIGITS: [u8; 3000] = {
        let mut digits = [b'0'; 3000];
        let mut number = 0;
        while number < 1000 {
            digits[3 * number] += (number / 100) as u8;
            digits[3 * number + 1] += (number / 10 % 10) as u8;
            digits[3 * number + 2] += (number % 10) as u8;
            number += 1;
        }
        digits
    };
    const TEXT: &str = match std::str::from_utf8(&DIGITS) {
        Ok(text) => text,
        Err(_) => "",
    };
    let length = match number {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => return None,
    };
    let end = 3 * usize::try_from(number).ok()? + 3;
    TEXT.get(end - length..end)
}

/// Parses one Content-Length value. Only digits are valid (RFC 9110 §8.6): a sign or white space is not.
///
/// ```
/// use anyhost_core::adapter::headers::parse_content_length;
///
/// assert_eq!(parse_content_length(b"42"), Some(42));
/// assert_eq!(parse_content_length(b"+42"), None);
/// assert_eq!(parse_content_length(b""), None);
/// ```
pub fn parse_content_length(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?;
    match digits.bytes().all(|b| b.is_ascii_digit()) {
        true => digits.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_LENGTH, HeaderValue::from_str(value).unwrap());
        }
        content_length(&headers)
    }

    #[test]
    fn repeated_content_length_values_are_used_only_if_they_are_equal() {
        assert_eq!(length(&[]), None);
        assert_eq!(length(&["5"]), Some(5));
        assert_eq!(length(&["5", "5"]), Some(5));
        assert_eq!(length(&["5", "6"]), None);
        assert_eq!(length(&["5", "5", "6"]), None);
    }

    #[test]
    fn a_content_length_value_consists_of_digits_only() {
        assert_eq!(
            parse_content_length(b"18446744073709551615"),
            Some(u64::MAX)
        );
        for invalid in ["", "+5", "-5", " 5", "5,5", "0x5", "18446744073709551616"] {
            assert_eq!(
                parse_content_length(invalid.as_bytes()),
                None,
                "{invalid:?}"
            );
        }
    }

    #[test]
    fn hop_by_hop_headers_are_recognized_by_their_lower_case_names() {
        assert!(HOP_BY_HOP.iter().all(|name| is_hop_by_hop(name)));
        assert!(!is_hop_by_hop("trailer") && !is_hop_by_hop("host"));
    }

    #[test]
    fn the_value_of_a_content_length_field_is_the_length_in_decimal_form() {
        for length in (0..=1001).chain([u64::MAX]) {
            assert_eq!(content_length_value(length), length.to_string());
        }
    }
}
