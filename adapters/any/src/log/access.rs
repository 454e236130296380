//! Formats the access log of the standalone server.
//!
//! An access record could reach the log as a `tracing` event, like everything else. But the log of a request would then
//! cost more than the request: `tracing` passes each field to the formatter as an opaque value, and the machinery of
//! `std::fmt` formats it. Therefore the server passes its records to this module, unless the program has set its own
//! subscriber.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhost_core::adapter::json_log::JsonLine;
use anyhost_hyper::{AccessRecord, Server};
use tracing::Level;

use super::background::{Background, push};
use super::format::{is_plain, push_digits, timestamp};
use super::line::OneLine;
use super::setting::Format;
use super::{FORMAT, IS_INSTALLED};

const TARGET: &str = "anyhost::access";

thread_local! {
    /// The allocation of the last line, which the next line reuses.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes the access log of the server, unless the program has set a subscriber, or the filter disables the access log.
pub(crate) fn with_access_log(server: Server) -> Server {
    let is_enabled =
        IS_INSTALLED.load(Ordering::Relaxed) && tracing::enabled!(target: TARGET, Level::INFO);
    match (is_enabled, FORMAT.get()) {
        (true, Some(Format::Json)) => server.with_access_log(|record| {
            let _ = Background.write_all(json(record).as_bytes());
        }),
        // The records become events, which have the format of all other events.
        (true, Some(Format::Pretty)) => server,
        (true, _) => server.with_access_log(write_text),
        (false, _) => server,
    }
}

fn write_text(record: &AccessRecord<'_>) {
    let mut line = LINE.take();
    line.clear();
    timestamp(&mut line);
    match text(&mut line, record) {
        true => push(line.as_bytes()),
        false => drop(OneLine::new(Background).write_all(line.as_bytes())),
    }
    LINE.set(line);
}

/// Appends a line without the time. It has the form of a line for a `tracing` event with the same fields. Returns whether
/// the line contains only printable ASCII characters.
fn text(line: &mut String, record: &AccessRecord<'_>) -> bool {
    line.push_str("  INFO method=");
    line.push_str(&record.method);
    line.push_str(" path=");
    let mut is_plain = push_quoted(line, &record.path);
    if let Some(status) = record.status {
        line.push_str(" status=");
        line.push_str(status.as_str());
    }
    line.push_str(" bytes=");
    push_number(line, record.bytes);
    line.push_str(" ms=");
    push_milliseconds(line, record);
    if let Some(peer) = record.peer {
        line.push_str(" peer=");
        push_address(line, peer);
    }
    if let Some(id) = record.request_id {
        line.push_str(" request_id=");
        is_plain &= push_quoted(line, id);
    }
    if let Some(route) = &record.route {
        line.push_str(" route=");
        is_plain &= push_quoted(line, route);
    }
    if record.aborted {
        line.push_str(" aborted=true");
    }
    line.push('\n');
    is_plain
}

fn json(record: &AccessRecord<'_>) -> String {
    let mut line = JsonLine::new(timestamp, &Level::INFO, TARGET);
    line.string("method", &record.method)
        .string("path", &record.path);
    if let Some(status) = record.status {
        line.value("status", status.as_u16());
    }
    let mut milliseconds = String::new();
    push_milliseconds(&mut milliseconds, record);
    line.value("bytes", record.bytes).value("ms", milliseconds);
    if let Some(peer) = record.peer {
        line.string("peer", &peer.to_string());
    }
    if let Some(id) = record.request_id {
        line.string("request_id", id);
    }
    if let Some(route) = &record.route {
        line.string("route", route);
    }
    if record.aborted {
        line.value("aborted", true);
    }
    line.finish()
}

/// Appends a value with quotes. Returns whether it contains only printable ASCII characters.
fn push_quoted(line: &mut String, text: &str) -> bool {
    let is_plain = is_plain(text);
    if is_plain {
        line.push('"');
        line.push_str(text);
        line.push('"');
    } else {
        // Writing to a string does not fail.
        let _ = write!(line, "{text:?}");
    }
    is_plain
}

fn push_number(line: &mut String, number: impl itoa::Integer) {
    line.push_str(itoa::Buffer::new().format(number));
}

/// Milliseconds with three digits after the point.
fn push_milliseconds(line: &mut String, record: &AccessRecord<'_>) {
    let rounded = record.duration.saturating_add(Duration::from_nanos(500));
    let micros = rounded.subsec_micros();
    push_number(
        line,
        rounded.as_secs().saturating_mul(1000) + u64::from(micros / 1000),
    );
    line.push('.');
    push_digits(line, micros % 1000, 1000);
}

/// The addresses of nearly all clients are IPv4 addresses. `Display` of an address takes six times as long.
fn push_address(line: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        let _ = write!(line, "{address}");
        return;
    };
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            line.push('.');
        }
        push_number(line, octet);
    }
}
