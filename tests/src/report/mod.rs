//! The results of a run, and the tables that show these results.

mod lacks;
mod markdown;
mod readme;
mod text;

pub use readme::readme_table;
pub(crate) use readme::with_readme_table;

use std::time::Duration;

use crate::capability::{Lack, Need};
use crate::case::Case;
use crate::profile::Profile;
use crate::profiles::profiles;
use crate::suite::all;

/// The result of a case on a transport.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cell {
    /// The case passed.
    Passed,
    /// The host lacks a capability that the case needs, and the client observed the behavior that the profile
    /// declares.
    Declared(Need, Lack),
    /// The case failed, for this reason.
    Failed(String),
}

/// The results of all cases on a transport.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Column {
    /// The host.
    pub profile: Profile,
    /// The result of each case, in the order of [`TOPICS`](crate::TOPICS).
    pub cells: Vec<Cell>,
    /// The duration of the run.
    pub duration: Duration,
}

/// The results of all cases on several transports.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// One column for each transport.
    pub columns: Vec<Column>,
    /// The transports that could not be started, with the reason.
    pub not_run: Vec<String>,
}

impl Cell {
    /// The result of a case on a host that conforms to this profile.
    pub(crate) fn expected(case: &Case, profile: &Profile) -> Self {
        let lack = case
            .needs
            .iter()
            .find_map(|need| Some((*need, *profile.can.of(*need).lack()?)));
        match lack {
            None => Self::Passed,
            Some((need, lack)) => Self::Declared(need, lack),
        }
    }

    pub(crate) fn lack(self) -> Option<(Need, Lack)> {
        match self {
            Self::Declared(need, lack) => Some((need, lack)),
            Self::Passed | Self::Failed(_) => None,
        }
    }
}

impl Column {
    /// One line for each case that failed.
    pub fn failures(&self) -> Vec<String> {
        let failed = all()
            .zip(&self.cells)
            .filter_map(|(case, cell)| match cell {
                Cell::Failed(why) => Some(format!("{}: {}: {why}", self.profile.name, case.name)),
                Cell::Passed | Cell::Declared(..) => None,
            });
        failed.collect()
    }

    /// Whether no case failed.
    pub fn conforms(&self) -> bool {
        self.failures().is_empty()
    }
}

impl Report {
    /// The report of a run in which each host of this project conforms to its profile.
    pub fn expected() -> Self {
        let columns = profiles().map(|profile| Column {
            profile: profile.clone(),
            cells: all().map(|case| Cell::expected(case, profile)).collect(),
            duration: Duration::ZERO,
        });
        Self {
            columns: columns.collect(),
            not_run: Vec::new(),
        }
    }

    /// One line for each case that failed.
    pub fn failures(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::failures).collect()
    }

    /// Whether every transport was started and no case failed.
    pub fn conforms(&self) -> bool {
        self.not_run.is_empty() && self.failures().is_empty()
    }
}
