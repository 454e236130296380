cgi::cgi_main! { |_: cgi::Request| -> cgi::Response {
    cgi::text_response(200, "Hello, world!")
} }
