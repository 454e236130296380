#![no_main]
//! Cookies: the header of a request, and the headers that set and remove cookies. The first line is the value of a cookie
//! that is set, its path and its domain, separated by tabs. The rest is the `Cookie` header.

use anyhost_core::cookie::{Cookie, CookieJar, Key};
use anyhost_core::{IntoResponse, Request, RequestExt};
use http::HeaderValue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (line, header) = match input.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &b""[..]),
    };
    if let Ok(header) = HeaderValue::from_bytes(header) {
        read(&header);
    }
    if let Ok(line) = std::str::from_utf8(line) {
        let mut words = line.split('\t').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        set(word(), word(), word());
    }
});

fn jar(header: &HeaderValue) -> CookieJar {
    let mut request = Request::default();
    request.headers_mut().insert("cookie", header.clone());
    request.cookies()
}

/// A cookie that is read has a name of the header, and a signed or private cookie needs the key.
fn read(header: &HeaderValue) {
    let jar = jar(header);
    let key = Key::from(&[7; 64]);
    for cookie in jar.iter() {
        let name = cookie.name().as_bytes();
        let pairs = header.as_bytes().split(|&byte| byte == b';');
        let mut names = pairs.filter_map(|pair| pair.split(|&byte| byte == b'=').next());
        assert!(names.any(|found| {
            std::str::from_utf8(found).is_ok_and(|found| found.trim().as_bytes() == name)
        }));
        assert!(jar.signed(&key).get(cookie.name()).is_none());
        assert!(jar.private(&key).get(cookie.name()).is_none());
    }
    assert_eq!(jar.delta().count(), 0);
}

/// The header sets the cookie with this path and domain, and no other attribute. A client that sends the cookie sends the same
/// value.
fn set(value: String, path: String, domain: String) {
    let mut jar = CookieJar::new();
    jar.add(
        Cookie::build(("name", value.clone()))
            .path(path)
            .domain(domain),
    );
    let Ok(response) = (jar, "").into_response() else {
        return;
    };
    let set: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(set.len(), 1);
    let set = std::str::from_utf8(set[0].as_bytes()).unwrap();
    let mut fields = set.split(';');
    let pair = HeaderValue::from_str(fields.next().unwrap()).unwrap();
    for field in fields {
        let attribute = field.trim_start();
        assert!(
            attribute.starts_with("Path=") || attribute.starts_with("Domain="),
            "{set}"
        );
    }
    let sent = self::jar(&pair);
    assert_eq!(sent.get("name").map(Cookie::value), Some(value.as_str()));
}
