//! The table for a terminal.

use std::fmt::Write as _;

use super::lacks::Lacks;
use super::{Cell, Report};
use crate::cases::TOPICS;

impl Report {
    /// The table for a terminal: `·` is a case that passed, a number is a declared limitation, which is
    /// explained below the table, and `F` is a failure.
    pub fn text(&self) -> String {
        let lacks = Lacks::of(self);
        let mut text = String::new();
        self.totals(&mut text);
        let mut at = 0;
        for topic in TOPICS {
            let _ = write!(text, "\n{:<82}", topic.name);
            for index in 1..=self.columns.len() {
                let _ = write!(text, "{index:>4}");
            }
            for case in topic.cases {
                let _ = write!(text, "\n  {:<80}", case.name);
                for column in &self.columns {
                    let _ = write!(text, "{:>4}", lacks.mark(&column.cells[at], "·", "F"));
                }
                at += 1;
            }
            text.push('\n');
        }
        for (number, line) in lacks.lines() {
            let _ = write!(text, "\n{number:>4}  {line}");
        }
        text.push('\n');
        for failure in self.failures() {
            let _ = write!(text, "\nFAILED  {failure}");
        }
        for not_run in &self.not_run {
            let _ = write!(text, "\nNOT RUN  {not_run}");
        }
        text
    }

    /// One line for each transport.
    fn totals(&self, text: &mut String) {
        for (index, column) in self.columns.iter().enumerate() {
            let count = |is: fn(&Cell) -> bool| column.cells.iter().filter(|cell| is(cell)).count();
            let _ = writeln!(
                text,
                "{:>3}  {:<26} {:>4} passed, {:>3} declared limitations, {:>3} FAILED   {:.1} s",
                index + 1,
                column.profile.name,
                count(|cell| matches!(cell, Cell::Passed)),
                count(|cell| matches!(cell, Cell::Declared(..))),
                count(|cell| matches!(cell, Cell::Failed(_))),
                column.duration.as_secs_f64(),
            );
        }
    }
}
