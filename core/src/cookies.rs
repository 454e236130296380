//! The cookies of a request and of a response (RFC 6265).

use cookie::{Cookie, CookieJar};
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use percent_encoding::percent_decode_str;

use crate::{Error, IntoResponse, Response, Result};

/// Reads all valid cookies.
pub(crate) fn of_request(headers: &HeaderMap) -> CookieJar {
    let mut jar = CookieJar::new();
    let fields = headers.get_all(COOKIE).iter();
    // Split before decoding, so that an invalid cookie does not hide the others.
    for pair in fields.flat_map(|field| field.as_bytes().split(|&byte| byte == b';')) {
        if let Some(cookie) = std::str::from_utf8(pair).ok().and_then(parse)
            && jar.get(cookie.name()).is_none()
        {
            jar.add_original(cookie);
        }
    }
    jar
}

/// Decodes the value and not the name: browsers protect cookies whose names begin with `__Host-` or `__Secure-`, but would
/// accept the name `__Host%2Dsession` from any site of the domain.
fn parse(pair: &str) -> Option<Cookie<'static>> {
    let (name, value) = pair.split_once('=')?;
    let name = name.trim();
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    (!name.is_empty()).then(|| Cookie::new(name.to_owned(), value.into_owned()))
}

/// Adds a `Set-Cookie` header for each cookie that was added to the jar or removed from it.
impl<T: IntoResponse> IntoResponse for (CookieJar, T) {
    fn into_response(self) -> Result<Response> {
        let mut response = self.1.into_response()?;
        let mut changed: Vec<_> = self.0.delta().collect();
        // The jar has no order. Sorted, so that every host sends the same response.
        changed.sort_by_key(|cookie| cookie.name());
        for cookie in changed {
            response
                .headers_mut()
                .append(SET_COOKIE, set_cookie(cookie)?);
        }
        Ok(response)
    }
}

/// # Errors
/// 500 if the name would have to be encoded, or if the path or the domain would add attributes to the cookie, or headers
/// to the response.
fn set_cookie(cookie: &Cookie<'_>) -> Result<HeaderValue> {
    let encoded = cookie.encoded().to_string();
    let name = cookie.name();
    let keeps_name = encoded
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('='));
    if name.is_empty() || !keeps_name {
        return Err(invalid(format!(
            "the name of the cookie {name:?} is invalid"
        )));
    }
    let attributes = [cookie.path(), cookie.domain()];
    let breaks_out = |text: &str| text.contains(|c: char| c == ';' || c.is_control());
    if attributes.into_iter().flatten().any(breaks_out) {
        return Err(invalid(format!(
            "the path or domain of the cookie {name:?} is invalid"
        )));
    }
    Ok(HeaderValue::try_from(encoded)?)
}

fn invalid(source: String) -> Error {
    Error::from_status(http::StatusCode::INTERNAL_SERVER_ERROR).with_source(source)
}
