//! What a suite of this kind has to cover, one thing a number: the union of the cases that the suites of
//! other languages have, and of what real hosts taught.

use crate::suite::all;

/// Each thing; the first is number 1.
pub const LIST: [&str; 132] = [
    "GET with a text, 200 and its reason",
    "every registered method",
    "a method of one's own",
    "the case of a method",
    "a method that is no token",
    "a path is decoded once at most: %2c",
    "and not twice: %252c",
    "a path in UTF-8",
    "a path that is no UTF-8",
    "a plus and a space in a path",
    "%2F stays within its segment",
    "slashes that follow each other",
    "dot segments",
    "a whole URL as target",
    "OPTIONS *",
    "every spelling of a query",
    "order and repetition in a query",
    "a fragment",
    "a very long target",
    "the path below a mount",
    "links and redirects below a mount",
    "the version of HTTP",
    "the scheme",
    "Host: port, IPv6, missing, twice",
    "a hostile Host",
    "the client's address",
    "X-Forwarded-* is not believed",
    "a header of one's own",
    "long headers",
    "repeated headers",
    "commas within a value",
    "quotes within a value",
    "cookies",
    "Authorization",
    "header values beyond ASCII",
    "headers without a value",
    "the case of a header's name",
    "underscores in a header's name",
    "Content-Type and Content-Length, once",
    "hop-by-hop headers of a request",
    "many headers",
    "headers that are too long",
    "User-Agent and Accept-Encoding unchanged",
    "a form",
    "empty bodies",
    "a body on GET",
    "96 KB and 1 MB digested",
    "all byte values",
    "lengths in bytes",
    "a body of unknown length",
    "a length known or unknown to the handler",
    "a Content-Length that is none",
    "a body shorter than declared",
    "bytes behind the declared length",
    "a body read twice",
    "a body left unread",
    "a reply before the body was read",
    "1 MB echoed as it comes",
    "300 KB written before 1 MB is read",
    "limits to the byte",
    "limits without a true Content-Length",
    "a 413 from the declared length",
    "JSON: valid, invalid, of the wrong charset, empty",
    "text and its charset",
    "urlencoded forms",
    "multipart",
    "a compressed body",
    "a client that leaves within its body",
    "trailers of a request",
    "Expect: 100-continue",
    "every registered status",
    "statuses that nobody registered",
    "reason phrases",
    "what a handler may return",
    "JSON's Content-Type",
    "binary bodies",
    "bodies of many sizes",
    "a body that looks like a head",
    "line breaks",
    "NUL",
    "no body",
    "Content-Length, once and true",
    "a Content-Length of the handler's that is wrong",
    "HEAD",
    "204 and 304",
    "205 and informational statuses",
    "cookies are never folded",
    "repeated headers of a reply",
    "one Content-Type",
    "empty headers of a reply",
    "line breaks in a header's value",
    "reply header values beyond ASCII",
    "hop-by-hop headers of a reply",
    "a Status header",
    "Location",
    "no HTML by default",
    "Date and Server, once",
    "large headers of a reply",
    "Content-Encoding",
    "pieces of a stream",
    "the first piece before the last is made",
    "the head before the first piece",
    "empty pieces",
    "backpressure",
    "a stream that fails",
    "a stream that fails behind a Content-Length",
    "a client that leaves",
    "a body is dropped once",
    "server-sent events",
    "trailers of a reply",
    "errors and their secrets",
    "headers of an error",
    "panics",
    "the log of an error",
    "nothing of the inside shows",
    "no route, and the wrong method",
    "state, and none that leaks",
    "a hundred requests at once",
    "keep-alive and pipelining",
    "deadlines",
    "a graceful end",
    "work after the reply",
    "two runs in one process",
    "one handler value for every host",
    "the context",
    "which host woke the process",
    "configuration from the environment",
    "every reply equals the in-process one",
    "random requests and replies",
    "the contract on both sides",
    "the capability table",
    "recorded events and environments",
];

/// Where a thing is covered that no case covers.
#[derive(Clone, Copy, Debug)]
pub enum Elsewhere {
    /// By this test in this file.
    Test(&'static str, &'static str),
    /// By how the suite is run.
    Suite(&'static str),
}

use Elsewhere::{Suite, Test};

/// What needs more than a request and its reply: the log, signals, a clock, another process.
pub const ELSEWHERE: &[(u16, Elsewhere)] = &[
    (
        114,
        Test(
            "tests/tests/cgi/reply.rs",
            "an_event_is_one_plain_line_of_the_log",
        ),
    ),
    (
        120,
        Test(
            "adapters/cgi/tests/exchange/deadline.rs",
            "a_handler_without_a_reply_is_answered_for_with_a_504",
        ),
    ),
    (
        121,
        Test(
            "tests/tests/http.rs",
            "a_signal_drains_what_is_in_flight_and_ends_the_process_well",
        ),
    ),
    (
        123,
        Test(
            "tests/tests/random/main.rs",
            "random_requests_are_the_same_on_every_host",
        ),
    ),
    (
        124,
        Test(
            "tests/tests/random/main.rs",
            "random_requests_are_the_same_on_every_host",
        ),
    ),
    (
        126,
        Test(
            "tests/tests/cgi/detection.rs",
            "fcgiwraps_own_variables_do_not_make_it_fastcgi",
        ),
    ),
    (
        127,
        Test(
            "tests/tests/cgi/request.rs",
            "broken_input_has_a_status_and_a_reply",
        ),
    ),
    (128, Suite("each reply is held against the in-process one")),
    (
        129,
        Test(
            "tests/tests/random/main.rs",
            "random_requests_are_the_same_on_every_host",
        ),
    ),
    (131, Suite("a run fails when CAPABILITIES.md is stale")),
    (
        132,
        Test(
            "tests/tests/events.rs",
            "every_recorded_event_gives_an_answer",
        ),
    ),
];

/// The numbers that neither a case nor [`ELSEWHERE`] covers.
pub fn uncovered() -> Vec<u16> {
    let covered = |number: &u16| {
        all().any(|case| case.covers.contains(number))
            || ELSEWHERE.iter().any(|(other, _)| other == number)
    };
    (1..)
        .zip(LIST)
        .map(|(number, _)| number)
        .filter(|number| !covered(number))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_number_of_the_list_is_covered() {
        assert_eq!(uncovered(), Vec::<u16>::new());
    }

    #[test]
    fn what_is_covered_elsewhere_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (number, elsewhere) in ELSEWHERE {
            let Test(file, test) = elsewhere else {
                continue;
            };
            let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            assert!(
                source.contains(&format!("fn {test}(")),
                "{number}: no {test} in {file}"
            );
        }
    }

    #[test]
    fn cases_cover_what_is_on_the_list_and_have_names_of_their_own() {
        let mut names = std::collections::BTreeSet::new();
        for case in all() {
            assert!(names.insert(case.name), "two cases: {}", case.name);
            assert!(!case.covers.is_empty(), "{} covers nothing", case.name);
            for number in case.covers {
                assert!(
                    (1..=LIST.len()).contains(&usize::from(*number)),
                    "{}",
                    case.name
                );
            }
        }
    }
}
