//! What came of a run, as a table of cases by transports.

use std::fmt::Write as _;
use std::time::Duration;

use crate::capability::{Lack, Need};
use crate::cases::TOPICS;
use crate::normalise::{FORWARDED_HEADERS, HOST_FIELDS, HOST_HEADERS};
use crate::profile::Profile;
use crate::suite::all;

/// What came of a case on a transport.
#[derive(Clone, Debug)]
pub enum Cell {
    /// It holds.
    Pass,
    /// The host lacks what it needs, as declared, and what is seen instead was seen.
    Declared(Need, Lack),
    /// It does not hold, for this reason.
    Failed(String),
}

/// What came of all cases on one transport.
#[derive(Clone, Debug)]
pub struct Column {
    /// The host.
    pub profile: Profile,
    /// One for each case, in order.
    pub cells: Vec<Cell>,
    /// How long it took.
    pub time: Duration,
}

/// What came of all cases on all transports.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The transports.
    pub columns: Vec<Column>,
    /// What could not be run here, and why.
    pub missing: Vec<String>,
}

impl Column {
    /// What does not hold, one line each.
    pub fn failures(&self) -> Vec<String> {
        let failed = all()
            .zip(&self.cells)
            .filter_map(|(case, cell)| match cell {
                Cell::Failed(why) => Some(format!("{}: {}: {why}", self.profile.name, case.name)),
                _ => None,
            });
        failed.collect()
    }

    /// Whether every case holds, or the host lacks what it needs, as declared.
    pub fn conforms(&self) -> bool {
        self.failures().is_empty()
    }
}

impl Report {
    /// What does not hold, one line each.
    pub fn failures(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::failures).collect()
    }

    /// Whether every transport conforms, and none is missing.
    pub fn conforms(&self) -> bool {
        self.missing.is_empty() && self.columns.iter().all(Column::conforms)
    }

    /// The table for a terminal: `·` holds, a number is a declared lack that is told below, and `F` a
    /// failure.
    pub fn text(&self) -> String {
        let lacks = Lacks::of(self);
        let mut text = String::new();
        for (index, column) in self.columns.iter().enumerate() {
            let count = |is: fn(&Cell) -> bool| column.cells.iter().filter(|cell| is(cell)).count();
            let _ = writeln!(
                text,
                "{:>3}  {:<22} {:>4} hold, {:>3} lack something, {:>3} FAIL   {:.1} s",
                index + 1,
                column.profile.name,
                count(|cell| matches!(cell, Cell::Pass)),
                count(|cell| matches!(cell, Cell::Declared(..))),
                count(|cell| matches!(cell, Cell::Failed(_))),
                column.time.as_secs_f64(),
            );
        }
        let mut at = 0;
        for topic in TOPICS {
            let _ = write!(text, "\n{:<72}", topic.name);
            for index in 1..=self.columns.len() {
                let _ = write!(text, "{index:>4}");
            }
            for case in topic.cases {
                let _ = write!(text, "\n  {:<70}", case.name);
                for column in &self.columns {
                    let _ = write!(text, "{:>4}", lacks.mark(&column.cells[at], "·", "F"));
                }
                at += 1;
            }
            text.push('\n');
        }
        for (number, (need, lack)) in (1..).zip(&lacks.0) {
            let _ = write!(
                text,
                "\n{number:>4}  {}: {}. {} ({})",
                need.title(),
                lack.instead,
                lack.reason,
                lack.source
            );
        }
        text.push('\n');
        for failure in self.failures() {
            let _ = write!(text, "\nFAIL  {failure}");
        }
        for missing in &self.missing {
            let _ = write!(text, "\nNOT RUN  {missing}");
        }
        text
    }

    /// The page for readers of the project: what each host carries, and every case.
    pub fn markdown(&self) -> String {
        let lacks = Lacks::of(self);
        let mut page = String::from(
            "# What each host carries\n\n\
             The conformance suite writes this page and fails when it is stale; renew it with\n\
             `cargo run -p anyhost-conformance -- --write`. ✓ holds. A number is something that the host\n\
             lacks: the footnotes say what is seen there instead, why, and where that is written. The\n\
             suite checks this as well, and fails when a host turns out to carry what it is said to lack.\n\n",
        );
        self.header(&mut page, "A host may be unable to carry");
        for need in Need::ALL {
            let _ = write!(page, "| {} |", need.title());
            for column in &self.columns {
                let mark = match column.profile.can.of(*need).lack() {
                    None => "✓".to_owned(),
                    Some(lack) => lacks
                        .number(*need, lack)
                        .map_or("–".to_owned(), |number| number.to_string()),
                };
                let _ = write!(page, " {mark} |");
            }
            page.push('\n');
        }
        page.push_str("\n## Footnotes\n");
        for (number, (need, lack)) in (1..).zip(&lacks.0) {
            let _ = write!(
                page,
                "\n{number}. {}: {}. {} ({})",
                need.title(),
                lack.instead,
                lack.reason,
                lack.source
            );
        }
        page.push_str("\n\n## Every case\n");
        let mut at = 0;
        for topic in TOPICS {
            page.push('\n');
            self.header(&mut page, topic.name);
            for case in topic.cases {
                let _ = write!(page, "| {} |", case.name);
                for column in &self.columns {
                    let _ = write!(
                        page,
                        " {} |",
                        lacks.mark(&column.cells[at], "✓", "**FAIL**")
                    );
                }
                page.push('\n');
                at += 1;
            }
        }
        self.normalisation(&mut page);
        page
    }

    fn normalisation(&self, page: &mut String) {
        page.push_str(
            "\n## What is not compared\n\n\
             Each reply is held against that of a plain call. These may differ, and nothing else:\n",
        );
        let lists = [
            ("reply header", HOST_HEADERS),
            (
                "header of a request, as the handler saw it",
                FORWARDED_HEADERS,
            ),
            ("field of `/echo`", HOST_FIELDS),
        ];
        for (what, list) in lists {
            let _ = write!(page, "\n| {what} | why |\n|---|---|\n");
            for (name, why) in list {
                let _ = writeln!(page, "| {name} | {why} |");
            }
        }
        page.push_str("\n| host | reply header | why |\n|---|---|---|\n");
        for column in &self.columns {
            for (name, why) in column.profile.adds {
                let _ = writeln!(page, "| {} | {name} | {why} |", column.profile.name);
            }
        }
    }

    fn header(&self, page: &mut String, title: &str) {
        let _ = write!(page, "| {title} |");
        for column in &self.columns {
            let _ = write!(page, " {} |", column.profile.name);
        }
        page.push_str("\n|---|");
        page.push_str(&"---|".repeat(self.columns.len()));
        page.push('\n');
    }
}

/// The lacks of a report, numbered. Two that say the same are one.
struct Lacks(Vec<(Need, Lack)>);

impl Lacks {
    fn of(report: &Report) -> Self {
        let mut lacks = Self(Vec::new());
        for need in Need::ALL {
            for column in &report.columns {
                if let Some(lack) = column.profile.can.of(*need).lack()
                    && lacks.number(*need, lack).is_none()
                {
                    lacks.0.push((*need, *lack));
                }
            }
        }
        lacks
    }

    fn number(&self, need: Need, lack: &Lack) -> Option<usize> {
        let same = |(other, known): &(Need, Lack)| {
            *other == need
                && known.instead.to_string() == lack.instead.to_string()
                && (known.reason, known.source) == (lack.reason, lack.source)
        };
        Some(self.0.iter().position(same)? + 1)
    }

    fn mark(&self, cell: &Cell, pass: &str, fail: &str) -> String {
        match cell {
            Cell::Pass => pass.to_owned(),
            Cell::Failed(_) => fail.to_owned(),
            Cell::Declared(need, lack) => self.number(*need, lack).unwrap_or_default().to_string(),
        }
    }
}
