//! The errors for data that does not fit the type that the application expects. The message names the field.
//!
//! The data is parsed without a record of the path, because the record costs time. Only after an error, the data is
//! parsed again to find the path of the field.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::Error;
use crate::error::bad_request;

/// The maximum lengths of the parts of a message, in characters. Field names and values can come from the client.
const MAX_PATH: usize = 100;
const MAX_DETAIL: usize = 200;

/// The error for JSON that cannot be parsed into `T`: 400 if it is not JSON, and 422 if it does not fit the type
/// (RFC 9110 §15.5.21: the syntax of the content is correct, but it cannot be processed).
pub(super) fn json<T: DeserializeOwned>(text: &[u8], error: serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return bad_request("Invalid JSON").with_source(error);
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(_) => String::new(),
        Err(tracked) => tracked.path().to_string(),
    };
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    let message = describe(&path, message);
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, message).with_source(error)
}

/// The error for a form or a query that does not fit the type `T`.
pub(super) fn form<T: DeserializeOwned>(
    status: StatusCode,
    form: &[u8],
    error: serde_html_form::de::Error,
) -> Error {
    let deserializer = serde_html_form::Deserializer::from_bytes(form);
    let path = match serde_path_to_error::deserialize::<_, T>(deserializer) {
        Ok(_) => String::new(),
        Err(tracked) => tracked.path().to_string(),
    };
    let message = describe(&path, &error.to_string());
    Error::new(status, message).with_source(error)
}

/// The error for a path parameter that cannot be parsed into `T`.
pub(super) fn param<T>(name: &str) -> Error {
    // `core::num::NonZero<u32>` becomes `NonZero`: a client does not need the path of a Rust type.
    let full = std::any::type_name::<T>();
    let full = full.split('<').next().unwrap_or(full);
    let expected = full.rsplit("::").next().unwrap_or(full);
    bad_request(format!(
        "Invalid path parameter {name}: expected {expected}"
    ))
}

/// Makes the message for the client from the path of a field and the text of serde's error. The message contains what
/// was expected, but not the value, which can be a password.
fn describe(path: &str, error: &str) -> String {
    let path = if path == "." { "" } else { path };
    if let Some(name) = quoted(error, "missing field `") {
        return format!("Missing field {}", field(&join(path, name)));
    }
    if let Some(name) = quoted(error, "duplicate field `") {
        return format!("Duplicate field {}", field(&join(path, name)));
    }
    let kinds = ["invalid type: ", "invalid value: ", "invalid length "];
    let expected = match kinds.iter().any(|kind| error.starts_with(kind)) {
        // The value before the last ", expected " can contain the same words.
        true => error.rsplit_once(", expected "),
        false => None,
    };
    let names = ["unknown field `", "unknown variant `"];
    let unknown = names.iter().find(|kind| error.starts_with(**kind));
    let detail = match (expected, unknown) {
        (Some((_, expected)), _) => format!("expected {expected}"),
        (None, Some(_)) => match error.rsplit_once("`, expected ") {
            Some((_, expected)) => format!("expected {expected}"),
            None => "unknown name".to_owned(),
        },
        (None, None) => error.to_owned(),
    };
    let detail = printable(&detail, MAX_DETAIL);
    match path {
        "" => format!("Invalid value: {detail}"),
        _ => format!("Invalid field {}: {detail}", field(path)),
    }
}

/// The name that follows a prefix, up to the next backtick.
fn quoted<'a>(error: &'a str, prefix: &str) -> Option<&'a str> {
    error.strip_prefix(prefix)?.split('`').next()
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

fn field(path: &str) -> String {
    format!("\"{}\"", printable(path, MAX_PATH))
}

/// Truncates a text, and escapes its control characters and other invisible characters.
fn printable(text: &str, max: usize) -> String {
    let mut printable = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index == max => {
                printable.push('…');
                break;
            }
            '"' | '\'' | '\\' => printable.push(c),
            _ => printable.extend(c.escape_debug()),
        }
    }
    printable
}
