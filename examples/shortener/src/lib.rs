//! A URL shortener that runs as a server, on AWS Lambda, and as a CGI program: HTML pages with sessions, a JSON API,
//! static files, and a SQLite database. Visits are counted after the response.

mod api;
mod app;
mod pages;
mod sessions;
mod store;

pub use app::app;
