//! A response of a Function URL: see ../../../README.md.

use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlResponse;
use http::header::{CONTENT_TYPE, HeaderValue};

/// A response with this body, which is in base64 if `is_base64` is true.
pub fn response(
    content_type: HeaderValue,
    body: String,
    is_base64: bool,
) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = 200;
    response.headers.insert(CONTENT_TYPE, content_type);
    response.body = Some(body);
    response.is_base64_encoded = is_base64;
    response
}
