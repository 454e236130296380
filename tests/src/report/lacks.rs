//! The numbered limitations that the tables refer to.

use super::{Cell, Report};
use crate::capability::{Lack, Need};

/// The declared limitations of all hosts in a report. Limitations with the same text have the same number.
pub(super) struct Lacks(Vec<(Need, Lack)>);

impl Lacks {
    pub(super) fn of(report: &Report) -> Self {
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

    pub(super) fn number(&self, need: Need, lack: &Lack) -> Option<usize> {
        let same = |(other, known): &(Need, Lack)| {
            *other == need
                && known.observed.to_string() == lack.observed.to_string()
                && (known.reason, known.source) == (lack.reason, lack.source)
        };
        Some(self.0.iter().position(same)? + 1)
    }

    /// The text for a cell: `passed`, `failed` or the number of the limitation.
    pub(super) fn mark(&self, cell: &Cell, passed: &str, failed: &str) -> String {
        match cell {
            Cell::Passed => passed.to_owned(),
            Cell::Failed(_) => failed.to_owned(),
            Cell::Declared(need, lack) => self.number(*need, lack).unwrap_or_default().to_string(),
        }
    }

    /// Each number with its text.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, String)> {
        (1..).zip(self.0.iter().map(|(need, lack)| {
            format!(
                "{}: {}. {}. (Source: {})",
                need.title(),
                lack.observed,
                lack.reason,
                lack.source
            )
        }))
    }
}
