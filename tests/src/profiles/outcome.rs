//! The behavior that clients observe on hosts that lack a capability.

use std::time::Duration;

use anyhost_core::adapter::path::encode_path;
use http::Request;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::capability::Observed::{self, Response};
use crate::case::{Check, same};
use crate::cases::{TEXT, echo, path, query, values};
use crate::received::Received;

pub(super) const DECODED_PATH: Observed = Response(
    "the path is decoded and encoded again",
    |request, response| path(response, &encode_path(&decoded(request))),
);

pub(super) const LOSSY_PATH: Observed = Response(
    "bytes that are not UTF-8 are replaced with U+FFFD",
    |request, response| {
        let text = String::from_utf8_lossy(&decoded(request)).into_owned();
        path(response, &encode_path(text.as_bytes()))
    },
);

pub(super) const TRUNCATED_PATH: Observed = Response(
    "the path is truncated at the question mark",
    |request, response| {
        let path_text = request.uri().path();
        path(response, path_text.split("%3F").next().unwrap_or_default())
    },
);

pub(super) const MERGED_SLASHES: Observed =
    Response("consecutive slashes are merged", |request, response| {
        let segments = request
            .uri()
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty());
        let merged: Vec<_> = segments.collect();
        path(response, &format!("/{}", merged.join("/")))
    });

pub(super) const RESOLVED_DOTS: Observed =
    Response("dot segments are resolved", |request, response| {
        let mut resolved = Vec::new();
        for segment in request.uri().path().split('/').skip(1) {
            match segment {
                "." => {}
                ".." => drop(resolved.pop()),
                segment => resolved.push(segment),
            }
        }
        path(response, &format!("/{}", resolved.join("/")))
    });

pub(super) const SAME_PARAMETERS: Observed = Response(
    "the parameters are equal after decoding, but encoded differently",
    |request, response| {
        let mut sent = parameters(request.uri().query().unwrap_or_default());
        let mut seen = parameters(&seen_query(response)?);
        sent.sort();
        seen.sort();
        same(&seen, &sent, "parameters")
    },
);

pub(super) const SORTED_PARAMETERS: Observed = Response(
    "the parameters are in alphabetical order",
    |request, response| {
        let mut sent = parameters(request.uri().query().unwrap_or_default());
        sent.sort_by(|a, b| a.0.cmp(&b.0));
        same(&parameters(&seen_query(response)?), &sent, "parameters")
    },
);

pub(super) const LAST_PARAMETER: Observed = Response(
    "only the last value of each parameter reaches the handler",
    |request, response| {
        let sent = parameters(request.uri().query().unwrap_or_default());
        let last = std::collections::BTreeMap::from_iter(sent);
        let last: Vec<_> = last.into_iter().collect();
        same(&parameters(&seen_query(response)?), &last, "parameters")
    },
);

pub(super) const ENCODED_PERCENT: Observed =
    Response("the percent sign is encoded", |_, response| {
        query(response, "x=%25")
    });

pub(super) const HOST_HEADER_WINS: Observed = Response(
    "the Host header decides the authority",
    |request, response| {
        let host = request
            .headers()
            .get("host")
            .and_then(|host| host.to_str().ok());
        same(&echo(response)?["authority"], &json!(host), "authority")?;
        path(response, request.uri().path())
    },
);

pub(super) const FIRST_VALUE: Observed = Response(
    "only the first value reaches the handler",
    |request, response| one_of(request, response, 0),
);

pub(super) const LAST_VALUE: Observed = Response(
    "only the last value reaches the handler",
    |request, response| one_of(request, response, 1),
);

pub(super) const JOINED_WITH_COMMAS: Observed =
    Response("the values are joined with a comma", |_, response| {
        same(&values(&echo(response)?, "cookie"), &["a=1, b=2"], "cookie")
    });

pub(super) const HEADER_DROPPED: Observed = Response(
    "the header does not reach the handler",
    |request, response| {
        let seen = echo(response)?;
        let received = |name: &http::HeaderName| !values(&seen, name.as_str()).is_empty();
        match request.headers().keys().all(received) {
            false => Ok(()),
            true => Err("every header reached the handler".to_owned()),
        }
    },
);

pub(super) const NO_PEER: Observed = Response("the address is unknown", |_, response| {
    same(&echo(response)?["peer"], &Value::Null, "peer")
});

pub(super) const LOSSY_TEXT: Observed = Response(
    "bytes that are not UTF-8 are replaced with U+FFFD",
    |_, response| {
        response.has_status(200)?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        // The probe may have decoded the three UTF-8 bytes of U+FFFD as Latin-1.
        let lost = text.contains('\u{fffd}') || text.contains("\u{ef}\u{bf}\u{bd}");
        same(&lost, &true, &text)
    },
);

pub(super) const NO_TRAILERS: Observed =
    Response("the body arrives without trailers", |_, response| {
        response.has_status(200)?;
        same(&response.trailers, &None, "trailers")?;
        same(&response.aborted, &false, "aborted")
    });

pub(super) const REVERSED: Observed = Response("the values are in reverse order", |_, response| {
    response.has_header("x-multi", "c, a, b")
});

pub(super) const UTF8_VALUE: Observed =
    Response("the value is re-encoded as UTF-8", |_, response| {
        response.has_header("x-latin1", "caf\u{c3}\u{a9}")
    });

pub(super) const LATIN1_VALUE: Observed =
    Response("the value is re-encoded as Latin-1", |_, response| {
        response.has_header("x-utf8", "caf\u{e9}")
    });

pub(super) const NO_EMPTY_HEADER: Observed = Response("the header is dropped", |_, response| {
    response.has_status(200)?;
    response.has_no_header("x-empty")
});

pub(super) const NO_LOCATION: Observed = Response("the header is dropped", |_, response| {
    response.has_no_header("location")?;
    response.is(200, None, b"")
});

pub(super) const RENAMED_HEADER: Observed = Response(
    "the header is renamed to x-amzn-remapped-www-authenticate",
    |_, response| {
        response.has_status(401)?;
        response.has_header("x-amzn-remapped-www-authenticate", "Basic realm=\"a, b\"")
    },
);

pub(super) const NO_LENGTH: Observed =
    Response("the response has no Content-Length", |_, response| {
        response.has_no_header("content-length")?;
        response.has_status(200)
    });

pub(super) const ARRIVES_AT_END: Observed =
    Response("the whole response arrives at its end", |_, response| {
        response.has_status(200)?;
        // The probe pauses for two seconds before it has produced the whole body. Unlike an upper limit for the
        // time between two chunks, this lower limit holds on a busy machine, too.
        let head_time = response.head_time.ok_or("the time was not measured")?;
        match head_time >= Duration::from_secs(2) {
            true => Ok(()),
            false => Err(format!("the head arrived after {head_time:?}, want 2 s")),
        }
    });

pub(super) const INTERNAL_ERROR: Observed = Response(
    "the response is a 500, because nothing had been sent",
    |_, response| response.is(500, Some(TEXT), b"Internal Server Error"),
);

/// Like [`INTERNAL_ERROR`], but ignores the headers, because a server may add headers when the program exits with an
/// error.
pub(super) const INTERNAL_ERROR_OF_PROGRAM: Observed = Response(
    "the response is a 500, because nothing had been sent",
    |_, response| {
        response.has_status(500)?;
        same(&&response.body[..], &&b"Internal Server Error"[..], "body")
    },
);

pub(super) const PANIC: Observed = Response(
    "the handler panics, so the response is a 500",
    |_, response| {
        response.has_status(500)?;
        same(&&response.body[..], &&b"Internal Server Error"[..], "body")
    },
);

pub(super) const LOOKS_COMPLETE: Observed = Response(
    "the part that had been sent looks like a complete response",
    |_, response| {
        response.has_status(200)?;
        same(&&response.body[..], &&b"first"[..], "body")?;
        same(&response.aborted, &false, "aborted")
    },
);

pub(super) const LOOKS_EMPTY: Observed =
    Response("an empty response looks complete", |_, response| {
        response.has_status(200)?;
        same(&response.body.len(), &0, "length")?;
        same(&response.aborted, &false, "aborted")
    });

pub(super) const ENDS_AT_LENGTH: Observed = Response(
    "the response is truncated at its Content-Length and looks complete",
    |_, response| {
        response.has_status(200)?;
        same(&&response.body[..], &&b"fou"[..], "body")?;
        same(&response.aborted, &false, "aborted")
    },
);

fn decoded(request: &Request<()>) -> Vec<u8> {
    percent_decode_str(request.uri().path()).collect()
}

fn seen_query(response: &Received) -> Result<String, String> {
    Ok(echo(response)?["query"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// The names and values of a query, decoded like a form (`+` is a space).
fn parameters(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let parts = query
        .split('&')
        .map(|part| part.split_once('=').unwrap_or((part, "")));
    parts
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Checks that only one value of the repeated request header reached the handler.
fn one_of(request: &Request<()>, response: &Received, index: usize) -> Check {
    let seen = echo(response)?;
    for name in request.headers().keys() {
        let sent: Vec<_> = request.headers().get_all(name).iter().collect();
        if let [_, _] = sent[..] {
            let value = sent[index].to_str().unwrap_or_default();
            return same(&values(&seen, name.as_str()), &[value], name.as_str());
        }
    }
    Err(
        "the request of this case must contain a header that is sent twice, but it has none"
            .to_owned(),
    )
}
