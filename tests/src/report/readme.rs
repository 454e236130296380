//! The short table in the README of the project.

use std::fmt::Write as _;

use crate::capability::Need::{self, *};
use crate::profile::Profile;
use crate::profiles::*;

const BEGIN: &str = "<!-- capabilities:begin -->";
const END: &str = "<!-- capabilities:end -->";

const ROWS: &[(&str, &[Need])] = &[
    (
        "Path exactly as the client sent it",
        &[RawPath, EncodedSlash, DoubleSlash],
    ),
    (
        "Query exactly as the client sent it",
        &[RawQuery, QueryOrder, RepeatedQuery],
    ),
    (
        "Every value of repeated request headers and cookies",
        &[RepeatedHeaders, RepeatedCookies],
    ),
    ("`Authorization` header", &[Authorization]),
    ("Address of the client", &[Peer]),
    (
        "Request bodies of unknown length (chunked)",
        &[UnknownLength],
    ),
    (
        "Text in other charsets than UTF-8 in request bodies",
        &[TextBytes],
    ),
    (
        "Request and response bodies larger than 1 MB",
        &[OverMegabyteUp, MegabyteBack, LargeResponse],
    ),
    (
        "Response chunks arrive as they are produced",
        &[Streaming, EarlyHead],
    ),
    (
        "Client detects an aborted response",
        &[AbortedBody, AbortWithinLength],
    ),
    (
        "Backpressure from the client to the handler",
        &[Backpressure],
    ),
    ("Handler stops when the client disconnects", &[Disconnect]),
    (
        "Request and response trailers",
        &[RequestTrailers, ResponseTrailers],
    ),
    ("Successive requests reach the same process", &[Memory]),
];

type Column = (&'static str, Vec<(&'static str, &'static Profile)>);

/// The columns: a title, and the profiles that the column stands for, each with a short name.
fn columns() -> [Column; 5] {
    [
        (
            "Server",
            vec![
                ("HTTP/1.1", &HTTP1),
                ("HTTP/2", &HTTP2),
                ("Unix sockets", &UNIX),
            ],
        ),
        (
            "Lambda, buffered",
            vec![
                ("REST API", &REST_API),
                ("HTTP API", &HTTP_API),
                ("function URL", &FUNCTION_URL),
                ("ALB", &ALB),
                ("ALB with multi-value headers", &ALB_MULTI),
                ("VPC Lattice", &LATTICE),
            ],
        ),
        (
            "Lambda, streamed",
            vec![
                ("REST API", &REST_API_STREAM),
                ("function URL", &FUNCTION_URL_STREAM),
            ],
        ),
        (
            "CGI",
            vec![
                ("Apache", &APACHE_CGID),
                ("Apache", &APACHE_CGI),
                ("Apache with .htaccess", &APACHE_HTACCESS),
                ("nginx", &NGINX),
                ("lighttpd", &LIGHTTPD),
                ("busybox", &BUSYBOX),
            ],
        ),
        ("In-process", vec![("in-process", &IN_PROCESS)]),
    ]
}

/// The README's table of the capabilities of each host, in Markdown.
pub fn readme_table() -> String {
    let columns = columns();
    let mut table = String::from("| |");
    for (title, _) in &columns {
        let _ = write!(table, " {title} |");
    }
    let _ = writeln!(table, "\n|---|{}", "---|".repeat(columns.len()));
    for (title, needs) in ROWS {
        let _ = write!(table, "| {title} |");
        for (_, profiles) in &columns {
            let _ = write!(table, " {} |", support(profiles, needs));
        }
        table.push('\n');
    }
    table
}

/// `yes`, `no`, or a list of profiles: `only` lists the profiles that support all needs, and `except` lists the
/// other profiles. The shorter list is used.
fn support(profiles: &[(&str, &Profile)], needs: &[Need]) -> String {
    let supports = |profile: &Profile| {
        needs
            .iter()
            .all(|need| profile.can.of(*need).lack().is_none())
    };
    let (with, without): (Vec<_>, Vec<_>) =
        profiles.iter().partition(|(_, profile)| supports(profile));
    let names = |profiles: Vec<(&str, &Profile)>| {
        let mut names: Vec<_> = profiles.into_iter().map(|(name, _)| name).collect();
        names.dedup();
        names.join(", ")
    };
    match (with.len(), without.len()) {
        (_, 0) => "yes".to_owned(),
        (0, _) => "no".to_owned(),
        (yes, no) if yes < no => format!("only {}", names(with)),
        _ => format!("except {}", names(without)),
    }
}

/// A README with the current table between its markers.
///
/// # Errors
/// A marker is missing.
pub(crate) fn with_readme_table(readme: &str) -> Result<String, String> {
    let missing = |marker: &str| format!("the README has no line `{marker}`");
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| missing(END))?;
    Ok(format!("{before}{BEGIN}\n{}{END}{after}", readme_table()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_table_replaces_the_text_between_the_markers() {
        let readme = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let expected = format!("a\n{BEGIN}\n{}{END}\nb\n", readme_table());
        assert_eq!(with_readme_table(&readme), Ok(expected));
    }

    #[test]
    fn writing_the_table_to_a_readme_without_markers_is_an_error() {
        with_readme_table("a").unwrap_err();
        with_readme_table(BEGIN).unwrap_err();
    }
}
