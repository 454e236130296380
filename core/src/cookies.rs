//! The cookies of a request and of a response (RFC 6265).

use cookie::{Cookie, CookieJar};
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};

use crate::{Error, IntoResponse, Response, Result};

/// Reads all valid cookies.
pub(crate) fn of_request(headers: &HeaderMap) -> CookieJar {
    let mut jar = CookieJar::new();
    let fields = headers.get_all(COOKIE).iter();
    // Split before decoding, so that an invalid cookie does not hide the others.
    for pair in fields.flat_map(|field| field.as_bytes().split(|&byte| byte == b';')) {
        let pair = std::str::from_utf8(pair).ok();
        let cookie = pair.and_then(|pair| Cookie::parse_encoded(pair.trim().to_owned()).ok());
        if let Some(cookie) = cookie
            && jar.get(cookie.name()).is_none()
        {
            jar.add_original(cookie);
        }
    }
    jar
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
/// 500 if the path or the domain would add attributes to the cookie, or headers to the response.
fn set_cookie(cookie: &Cookie<'_>) -> Result<HeaderValue> {
    let attributes = [cookie.path(), cookie.domain()];
    let breaks_out = |text: &str| text.contains(|c: char| c == ';' || c.is_control());
    if attributes.into_iter().flatten().any(breaks_out) {
        let source = format!(
            "the path or domain of the cookie {:?} is invalid",
            cookie.name()
        );
        return Err(Error::from_status(http::StatusCode::INTERNAL_SERVER_ERROR).with_source(source));
    }
    Ok(HeaderValue::try_from(cookie.encoded().to_string())?)
}
