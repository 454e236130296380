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
    ("Text bodies in other charsets than UTF-8", &[TextBytes]),
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

/// The columns: a title, and the profiles that it stands for.
fn columns() -> [(&'static str, Vec<&'static Profile>); 5] {
    [
        ("Server", vec![&HTTP1, &HTTP2, &UNIX]),
        (
            "Lambda, buffered",
            vec![
                &REST_API,
                &HTTP_API,
                &FUNCTION_URL,
                &ALB,
                &ALB_MULTI,
                &LATTICE,
            ],
        ),
        (
            "Lambda, streamed",
            vec![&REST_API_STREAM, &FUNCTION_URL_STREAM],
        ),
        (
            "CGI",
            vec![
                &APACHE_CGID,
                &APACHE_CGI,
                &APACHE_HTACCESS,
                &NGINX,
                &LIGHTTPD,
                &BUSYBOX,
            ],
        ),
        ("In-process", vec![&IN_PROCESS]),
    ]
}

/// The table of the most important abilities, in Markdown.
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

/// `yes`, `no`, or the profiles that differ from the others, whichever list is shorter.
fn support(profiles: &[&Profile], needs: &[Need]) -> String {
    let supports = |profile: &Profile| {
        needs
            .iter()
            .all(|need| profile.can.of(*need).lack().is_none())
    };
    let (with, without): (Vec<&Profile>, Vec<&Profile>) =
        profiles.iter().partition(|profile| supports(profile));
    let names = |profiles: &[&Profile]| {
        let names = profiles.iter().map(|profile| {
            let name = profile.name.trim_start_matches("lambda-");
            name.trim_end_matches("-stream").to_owned()
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match (with.len(), without.len()) {
        (_, 0) => "yes".to_owned(),
        (0, _) => "no".to_owned(),
        (yes, no) if yes < no => format!("only {}", names(&with)),
        _ => format!("not {}", names(&without)),
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
    fn readme_table_replaces_what_is_between_the_markers() {
        let readme = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let expected = format!("a\n{BEGIN}\n{}{END}\nb\n", readme_table());
        assert_eq!(with_readme_table(&readme), Ok(expected));
    }

    #[test]
    fn readme_without_markers_is_an_error() {
        with_readme_table("a").unwrap_err();
        with_readme_table(BEGIN).unwrap_err();
    }
}
