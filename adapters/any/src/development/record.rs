//! One request and its response, as an event of the log.

use std::fmt::Display;
use std::time::Instant;

use anyhost_core::http::{HeaderMap, Method, StatusCode, Uri};
use anyhost_core::{Error, Request, Response};

use super::body::SharedSeen;
use super::style::Style;
use super::text;
use crate::log;

/// The target of the events, for filters such as `RUST_LOG=info,anyhost::request=off`.
pub(crate) const REQUEST_TARGET: &str = "anyhost::request";

/// One request and its response. Dropping this value logs both.
pub(super) struct Record {
    started: Instant,
    method: Method,
    uri: Uri,
    request_headers: HeaderMap,
    pub(super) request_body: SharedSeen,
    status: Option<StatusCode>,
    response_headers: HeaderMap,
    pub(super) response_body: SharedSeen,
    /// Text that replaces the body of the response.
    note: Option<String>,
}

impl Record {
    /// Returns `None` if the request log is off.
    pub(super) fn new(request: &Request) -> Option<Self> {
        tracing::enabled!(target: REQUEST_TARGET, tracing::Level::INFO).then(|| Self {
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            request_headers: request.headers().clone(),
            request_body: SharedSeen::default(),
            status: None,
            response_headers: HeaderMap::new(),
            response_body: SharedSeen::default(),
            note: None,
        })
    }

    pub(super) fn set_response(&mut self, response: &Response) {
        self.status = Some(response.status());
        self.response_headers = response.headers().clone();
    }

    pub(super) fn set_error(&mut self, error: &Error) {
        self.status = Some(error.status());
        self.response_headers = error.headers().clone();
        // An error with a status of 500 or more is logged as a separate event, with its sources.
        self.note = match error.status().as_u16() {
            500.. => None,
            _ => Some(format!("{error:#?}")),
        };
    }

    pub(super) fn set_note(&mut self, note: String) {
        self.note = Some(note);
    }

    fn text(&self) -> String {
        let mut lines = vec![self.first_line()];
        let body = text::body(&self.request_headers, &self.request_body.lock());
        push(&mut lines, '>', text::headers(&self.request_headers), body);
        if self.status.is_some() {
            let body = match &self.note {
                Some(note) => text::plain(note),
                None => text::body(&self.response_headers, &self.response_body.lock()),
            };
            push(&mut lines, '<', text::headers(&self.response_headers), body);
        }
        lines.join("\n")
    }

    /// For example `POST /users 201 Created 3.1 ms`.
    fn first_line(&self) -> String {
        let result = match self.status {
            Some(status) => {
                let style = match status.as_u16() {
                    500.. => Style::RED,
                    400.. => Style::YELLOW,
                    300.. => Style::CYAN,
                    _ => Style::GREEN,
                };
                paint(style, status)
            }
            None if std::thread::panicking() => paint(Style::RED, "panicked"),
            None => paint(Style::RED, "canceled before the response"),
        };
        let method = paint(Style::BOLD, &self.method);
        let ms = self.started.elapsed().as_secs_f64() * 1000.0;
        let time = paint(Style::DIM, format_args!("{ms:.1} ms"));
        format!("{method} {} {result} {time}", self.uri)
    }
}

fn push(lines: &mut Vec<String>, sign: char, headers: Vec<String>, body: Vec<String>) {
    let sign = paint(Style::DIM, sign);
    let headers = headers.iter().map(|line| paint(Style::DIM, line));
    lines.extend(headers.map(|line| format!("  {sign} {line}")));
    if !body.is_empty() {
        lines.push(format!("  {sign}"));
    }
    lines.extend(body.iter().map(|line| format!("  {sign} {line}")));
}

/// Only the log of this crate gets colors: the subscriber of a program would escape them or store them.
fn paint(style: Style, text: impl Display) -> String {
    match log::is_pretty() {
        true => style.paint(text),
        false => text.to_string(),
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(target: REQUEST_TARGET, "{}", self.text());
    }
}
