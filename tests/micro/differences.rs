//! The declared differences, and their comparison with the differences that were seen.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use crate::Outcome;
use crate::compare::{Compared, Difference};

/// A way in which anyhost differs from micro.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declared {
    /// What differs, in the guide.
    pub(crate) title: String,
    /// Where the guide lists the difference. Only the test of the guide reads these four fields.
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) verdict: Verdict,
    /// What micro does, in the guide.
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) micro: String,
    /// What anyhost does, in the guide.
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) anyhost: String,
    /// Why anyhost differs, in the guide.
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) reason: String,
    /// The responses that show the difference.
    seen: Vec<Seen>,
}

/// Which behavior is better. A difference where micro is better is a defect, so it has no value here.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// anyhost follows a standard where micro does not, or works where micro fails.
    Better,
    /// Both are good choices.
    Different,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The names of requests. A `*` at the start or end matches any text.
    requests: Vec<String>,
    /// What differs in each of the responses: `status`, or with the values `status: 500 → 200`.
    fields: Vec<String>,
}

pub(crate) fn load() -> Outcome<Vec<Declared>> {
    Ok(serde_json::from_str(include_str!("differences.json"))?)
}

/// The result of the comparison.
pub(crate) struct Report {
    requests: usize,
    /// How many responses differ only in ways that are declared for all requests.
    alike: usize,
    declared: usize,
    undeclared: Vec<String>,
    unseen: Vec<String>,
}

pub(crate) fn check(declared: &[Declared], compared: &[Compared<'_>]) -> Report {
    let parts: Vec<_> = declared.iter().flat_map(Declared::parts).collect();
    let mut seen = BTreeSet::new();
    let (mut alike, mut undeclared) = (0, Vec::new());
    for request in compared {
        let mut is_alike = true;
        for difference in &request.differing {
            let matching = parts
                .iter()
                .filter(|part| part.matches(request.name, difference));
            let matching: Vec<_> = matching.collect();
            if matching.is_empty() {
                undeclared.push(describe(request.name, difference));
            }
            is_alike &= matching.iter().any(|part| part.request == "*");
            seen.extend(matching);
        }
        alike += usize::from(is_alike);
    }
    let unseen = parts.iter().filter(|part| !seen.contains(part));
    Report {
        requests: compared.len(),
        alike,
        declared: declared.len(),
        undeclared,
        unseen: unseen.map(Part::to_string).collect(),
    }
}

fn describe(name: &str, difference: &Difference) -> String {
    let Difference {
        field,
        micro,
        anyhost,
    } = difference;
    let short = |text: &str| text.chars().take(200).collect::<String>();
    format!(
        "{name:?}: {field}: {:?} → {:?}",
        short(micro),
        short(anyhost)
    )
}

/// One request pattern and one field of a declared difference.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Part<'a> {
    title: &'a str,
    request: &'a str,
    field: &'a str,
}

impl Declared {
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.seen.iter().flat_map(move |seen| {
            seen.requests.iter().flat_map(move |request| {
                seen.fields.iter().map(move |field| Part {
                    title: &self.title,
                    request,
                    field,
                })
            })
        })
    }
}

impl Part<'_> {
    fn matches(&self, name: &str, difference: &Difference) -> bool {
        let is_named = match (
            self.request.strip_prefix('*'),
            self.request.strip_suffix('*'),
        ) {
            (_, Some(start)) => name.starts_with(start),
            (Some(end), _) => name.ends_with(end),
            _ => name == self.request,
        };
        let Difference {
            field,
            micro,
            anyhost,
        } = difference;
        let has_values = match self.field.split_once(": ") {
            None => self.field == field,
            Some(_) => self.field == format!("{field}: {micro} → {anyhost}"),
        };
        is_named && has_values
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}: {}", self.title, self.request, self.field)
    }
}

impl Report {
    pub(crate) fn is_success(&self) -> bool {
        self.undeclared.is_empty() && self.unseen.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            alike,
            declared,
            ..
        } = self;
        for difference in &self.undeclared {
            writeln!(f, "undeclared difference: {difference}")?;
        }
        for difference in &self.unseen {
            writeln!(f, "declared, but not seen: {difference}")?;
        }
        writeln!(
            f,
            "{requests} requests to micro and anyhost: {alike} responses are alike, except in ways that are declared for all \
             requests; {declared} kinds of difference are declared; {} differences are not declared, and {} declared \
             differences were not seen",
            self.undeclared.len(),
            self.unseen.len(),
        )
    }
}
