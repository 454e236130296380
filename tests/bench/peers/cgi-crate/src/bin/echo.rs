//! Responds with the body of the request.

cgi::cgi_main! { |request: cgi::Request| -> cgi::Response {
    cgi::binary_response(200, "application/octet-stream", request.into_body())
} }
