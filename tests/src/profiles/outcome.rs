//! What is seen of a host instead of what it cannot carry.

use anyhost::encode_path;
use http::Request;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::capability::Instead::{self, Reply};
use crate::case::{Check, same};
use crate::cases::{TEXT, echo, path, query, values};
use crate::received::Received;

pub(super) const DECODED_PATH: Instead =
    Reply("the path is decoded and encoded again", |request, reply| {
        path(reply, &encode_path(&decoded(request)))
    });

pub(super) const LOSSY_PATH: Instead = Reply("what is no UTF-8 is U+FFFD", |request, reply| {
    let text = String::from_utf8_lossy(&decoded(request)).into_owned();
    path(reply, &encode_path(text.as_bytes()))
});

pub(super) const CUT_PATH: Instead = Reply("the path ends there", |request, reply| {
    let path_text = request.uri().path();
    path(reply, path_text.split("%3F").next().unwrap_or_default())
});

pub(super) const MERGED_SLASHES: Instead =
    Reply("the path has one slash for several", |request, reply| {
        let segments = request
            .uri()
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty());
        let merged: Vec<_> = segments.collect();
        path(reply, &format!("/{}", merged.join("/")))
    });

pub(super) const RESOLVED_DOTS: Instead = Reply("the path is resolved", |request, reply| {
    let mut resolved = Vec::new();
    for segment in request.uri().path().split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(resolved.pop()),
            segment => resolved.push(segment),
        }
    }
    path(reply, &format!("/{}", resolved.join("/")))
});

pub(super) const SAME_PARAMETERS: Instead = Reply(
    "the parameters are the same, and spelled another way",
    |request, reply| {
        let mut sent = parameters(request.uri().query().unwrap_or_default());
        let mut seen = parameters(&seen_query(reply)?);
        sent.sort();
        seen.sort();
        same(&seen, &sent, "parameters")
    },
);

pub(super) const SORTED_PARAMETERS: Instead = Reply(
    "the parameters are in alphabetical order",
    |request, reply| {
        let mut sent = parameters(request.uri().query().unwrap_or_default());
        sent.sort_by(|a, b| a.0.cmp(&b.0));
        same(&parameters(&seen_query(reply)?), &sent, "parameters")
    },
);

pub(super) const LAST_PARAMETER: Instead =
    Reply("the last value of each key arrives", |request, reply| {
        let sent = parameters(request.uri().query().unwrap_or_default());
        let last = std::collections::BTreeMap::from_iter(sent);
        let last: Vec<_> = last.into_iter().collect();
        same(&parameters(&seen_query(reply)?), &last, "parameters")
    });

pub(super) const MENDED_PERCENT: Instead = Reply("the percent sign is encoded", |_, reply| {
    query(reply, "x=%25")
});

pub(super) const HOST_DECIDES: Instead =
    Reply("the Host counts, and the path arrives", |request, reply| {
        let host = request
            .headers()
            .get("host")
            .and_then(|host| host.to_str().ok());
        same(&echo(reply)?["authority"], &json!(host), "authority")?;
        path(reply, request.uri().path())
    });

pub(super) const FIRST_VALUE: Instead = Reply("the first arrives", |request, reply| {
    one_of(request, reply, 0)
});

pub(super) const LAST_VALUE: Instead = Reply("the last arrives", |request, reply| {
    one_of(request, reply, 1)
});

pub(super) const JOINED_WITH_COMMAS: Instead = Reply("they are joined with a comma", |_, reply| {
    same(&values(&echo(reply)?, "cookie"), &["a=1, b=2"], "cookie")
});

pub(super) const NOT_SEEN: Instead = Reply("the header does not arrive", |request, reply| {
    let seen = echo(reply)?;
    let arrived = |name: &http::HeaderName| !values(&seen, name.as_str()).is_empty();
    match request.headers().keys().all(arrived) {
        false => Ok(()),
        true => Err("every header arrived".to_owned()),
    }
});

pub(super) const NO_PEER: Instead = Reply("the address is unknown", |_, reply| {
    same(&echo(reply)?["peer"], &Value::Null, "peer")
});

pub(super) const LOSSY_TEXT: Instead = Reply("what is no UTF-8 is U+FFFD by then", |_, reply| {
    reply.has_status(200)?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    // Latin-1 has three letters for its three bytes.
    let lost = text.contains('\u{fffd}') || text.contains("\u{ef}\u{bf}\u{bd}");
    same(&lost, &true, &text)
});

pub(super) const NO_TRAILERS: Instead = Reply("the body arrives, and no trailers", |_, reply| {
    reply.has_status(200)?;
    same(&reply.trailers, &None, "trailers")?;
    same(&reply.cut, &false, "cut")
});

pub(super) const REVERSED: Instead = Reply("the last comes first", |_, reply| {
    reply.has_header("x-multi", "c, a, b")
});

pub(super) const UTF8_VALUE: Instead = Reply("the value is in UTF-8 by then", |_, reply| {
    reply.has_header("x-latin1", "caf\u{c3}\u{a9}")
});

pub(super) const LATIN1_VALUE: Instead = Reply("the value is in Latin-1 by then", |_, reply| {
    reply.has_header("x-utf8", "caf\u{e9}")
});

pub(super) const NO_EMPTY_HEADER: Instead = Reply("the header is left out", |_, reply| {
    reply.has_status(200)?;
    reply.has_no_header("x-empty")
});

pub(super) const NO_LOCATION: Instead = Reply("a 200 without it", |_, reply| {
    reply.has_no_header("location")?;
    reply.is(200, None, b"")
});

pub(super) const REMAPPED: Instead = Reply(
    "it is called x-amzn-remapped-www-authenticate",
    |_, reply| {
        reply.has_status(401)?;
        reply.has_header("x-amzn-remapped-www-authenticate", "Basic realm=\"a, b\"")
    },
);

pub(super) const NO_LENGTH: Instead = Reply("no length is declared", |_, reply| {
    reply.has_no_header("content-length")?;
    reply.has_status(200)
});

pub(super) const ALL_AT_ONCE: Instead =
    Reply("all of it arrives at once, at its end", |_, reply| {
        reply.has_status(200)?;
        let (first, last) = reply.pieces.ok_or("no pieces")?;
        let apart = last.saturating_sub(first).max(first);
        same(
            &(apart < std::time::Duration::from_millis(500)),
            &true,
            "at once",
        )
    });

pub(super) const FAILED_WHOLE: Instead =
    Reply("a 500, since nothing was sent by then", |_, reply| {
        reply.is(500, Some(TEXT), b"Internal Server Error")
    });

/// Whose exit status, or whatever else it says of itself, may tell the same.
pub(super) const FAILED_EARLY: Instead =
    Reply("a 500, since nothing was sent by then", |_, reply| {
        reply.has_status(500)?;
        same(&&reply.body[..], &&b"Internal Server Error"[..], "body")
    });

pub(super) const SEEMS_WHOLE: Instead =
    Reply("a whole reply of what was sent by then", |_, reply| {
        reply.has_status(200)?;
        same(&&reply.body[..], &&b"first"[..], "body")?;
        same(&reply.cut, &false, "cut")
    });

pub(super) const SEEMS_EMPTY: Instead = Reply("a whole reply of nothing", |_, reply| {
    reply.has_status(200)?;
    same(&reply.body.len(), &0, "length")?;
    same(&reply.cut, &false, "cut")
});

pub(super) const ENDS_AT_LENGTH: Instead =
    Reply("a whole reply of the declared length", |_, reply| {
        reply.has_status(200)?;
        same(&&reply.body[..], &&b"fou"[..], "body")?;
        same(&reply.cut, &false, "cut")
    });

fn decoded(request: &Request<()>) -> Vec<u8> {
    percent_decode_str(request.uri().path()).collect()
}

fn seen_query(reply: &Received) -> Result<String, String> {
    Ok(echo(reply)?["query"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// Names and values, decoded as a form is.
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

/// Of the one name that the request has twice, this value arrived alone.
fn one_of(request: &Request<()>, reply: &Received, index: usize) -> Check {
    let seen = echo(reply)?;
    for name in request.headers().keys() {
        let sent: Vec<_> = request.headers().get_all(name).iter().collect();
        if let [_, _] = sent[..] {
            let value = sent[index].to_str().unwrap_or_default();
            return same(&values(&seen, name.as_str()), &[value], name.as_str());
        }
    }
    Err("no header of the request is repeated".to_owned())
}
