//! What changed in a workload since its counts were recorded.

use std::fmt;

use super::record::Recorded;
use crate::callgrind::Count;
use crate::table::grouped;

/// A total that changed by more than this percentage has to be accepted in a review.
const LIMIT: u64 = 3;

/// The counts of the server and of the Lambda function vary by up to 0.5 % between runs; those of the others do not vary.
const NOISE: f64 = 0.01;

/// Changes of functions are printed if they are at least this part of the total.
const PRINTED: f64 = 0.002;

pub struct Comparison {
    recorded: u64,
    present: u64,
    /// The largest growth first.
    functions: Vec<Change>,
}

struct Change {
    name: String,
    recorded: u64,
    present: u64,
}

impl Comparison {
    pub fn of(recorded: &Recorded, count: &Count) -> Comparison {
        let names = recorded.functions.keys().chain(count.functions.keys());
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names.dedup();
        let functions = names.into_iter().map(|name| {
            let present = count.functions.get(name).copied().unwrap_or(0);
            let known = recorded.functions.get(name).copied();
            Change {
                name: name.clone(),
                // A function that is not recorded had at most this number of instructions.
                recorded: known.unwrap_or(present.min(recorded.smallest_recorded())),
                present,
            }
        });
        let mut functions: Vec<Change> = functions.collect();
        functions.sort_by_key(|change| -change.growth());
        Comparison {
            recorded: recorded.total,
            present: count.total(),
            functions,
        }
    }

    /// Whether the total is the recorded one, apart from what differs between two runs of the same program.
    pub fn is_noise(&self) -> bool {
        self.growth().abs() < NOISE
    }

    /// The growth of the total as a part of the recorded one; negative if the total fell.
    fn growth(&self) -> f64 {
        self.present as f64 / self.recorded as f64 - 1.0
    }

    pub fn grew(&self) -> bool {
        self.present * 100 > self.recorded * (100 + LIMIT)
    }

    pub fn fell(&self) -> bool {
        self.present * 100 < self.recorded * (100 - LIMIT)
    }
}

impl Change {
    fn growth(&self) -> i64 {
        self.present.cast_signed() - self.recorded.cast_signed()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9} before, {:>9} now ({:+.1} %)",
            grouped(self.recorded),
            grouped(self.present),
            self.growth() * 100.0
        )?;
        if !self.grew() && !self.fell() {
            return Ok(());
        }
        let printed = (self.recorded as f64 * PRINTED) as u64;
        let functions = self.functions.iter();
        for change in functions.filter(|change| change.growth().unsigned_abs() >= printed) {
            write!(
                f,
                "\n{:>+9}  {} ({} before, {} now)",
                change.growth(),
                change.name,
                grouped(change.recorded),
                grouped(change.present)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn functions(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        let counts = counts.iter();
        counts.map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    fn compare(recorded: &[(&str, u64)], present: &[(&str, u64)]) -> Comparison {
        let count = |counts| Count {
            functions: functions(counts),
        };
        Comparison::of(&Recorded::of(&count(recorded)), &count(present))
    }

    #[test]
    fn growth_by_more_than_three_percent_names_the_functions_that_grew_largest_first() {
        let comparison = compare(
            &[("a", 5000), ("b", 3000), ("c", 2000)],
            &[("a", 5100), ("b", 3000), ("c", 1980), ("new", 300)],
        );
        assert!(comparison.grew() && !comparison.fell());
        assert_eq!(
            comparison.to_string(),
            "   10,000 before,    10,380 now (+3.8 %)
     +250  new (50 before, 300 now)
     +100  a (5,000 before, 5,100 now)
      -20  c (2,000 before, 1,980 now)"
        );
    }

    #[test]
    fn a_change_of_at_most_three_percent_is_accepted() {
        let recorded = [("a", 10_000)];
        for present in [9_700, 10_300] {
            let comparison = compare(&recorded, &[("a", present)]);
            assert!(!comparison.grew() && !comparison.fell());
        }
        assert!(compare(&recorded, &[("a", 9_690)]).fell());
    }

    #[test]
    fn a_function_that_was_too_small_to_be_recorded_has_not_grown() {
        let counts = [("a", 10_000), ("small", 40)];
        let comparison = compare(&counts, &counts);
        assert_eq!(comparison.growth(), 0.0);
        assert!(
            comparison
                .functions
                .iter()
                .all(|change| change.growth() == 0)
        );
    }
}
