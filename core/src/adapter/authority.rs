//! Validation of the Host header.

/// Whether the value of a Host header is a name or address with an optional port (RFC 9110 §7.2, RFC 3986
/// §3.2.2).
///
/// Characters that would change the meaning of a URL with this value are invalid: `user@`, `/path`,
/// `?query`. An empty value is valid, because HTTP/1.1 clients send it for a target without an authority.
pub(crate) fn is_host(host: &[u8]) -> bool {
    let name = host.iter().take_while(|&&b| is_name_byte(b)).count();
    let port = match host.split_at(name) {
        (_, []) => return true,
        (b"", [b'[', literal @ ..]) => match literal.iter().position(|&b| b == b']') {
            Some(end) if is_ip_literal(&literal[..end]) => &literal[end + 1..],
            _ => return false,
        },
        (b"", _) => return false,
        (_, port) => port,
    };
    match port {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

fn is_ip_literal(literal: &[u8]) -> bool {
    std::str::from_utf8(literal).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0u32, |number, b| match b {
        b'0'..=b'9' => Some(number * 10 + u32::from(b - b'0')).filter(|number| *number <= 65_535),
        _ => None,
    });
    number.is_some()
}

/// A byte of `reg-name` (RFC 3986 §3.2.2): unreserved, percent-encoded, or sub-delims.
fn is_name_byte(b: u8) -> bool {
    const NAME: [bool; 256] = {
        let mut name = [false; 256];
        let mut b = 0;
        while b < name.len() {
            name[b] = matches!(b as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
                || matches!(
                    b as u8,
                    b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\''
                )
                || matches!(b as u8, b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
            b += 1;
        }
        name
    };
    NAME[usize::from(b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_that_is_a_name_or_address_with_an_optional_port_is_valid() {
        for host in [
            "",
            "a",
            "example.com",
            "example.com:8080",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:3000",
            "a_b",
            "x:",
        ] {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
    }

    #[test]
    fn a_host_header_that_is_not_a_name_or_address_with_an_optional_port_is_invalid() {
        for host in [
            "a.com/foo?",
            "user@a.com",
            "a:99999",
            "a:b",
            "a:1:2",
            "[x",
            "[::1",
            "[::1]x",
            "[]",
            ":80",
            "a b",
            "a\\b",
            "a#b",
            "a,b/",
            "é",
            "a:-1",
            "a:+1",
            "::1",
        ] {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
    }
}
