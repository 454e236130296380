//! Medians and their spread.

use std::fmt;

use crate::table::grouped;

/// The median of several measurements, and the lowest and highest of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Median {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Median {
    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Median {
        values.sort_by(f64::total_cmp);
        Median {
            median: values[values.len() / 2],
            lowest: values[0],
            highest: values[values.len() - 1],
        }
    }

    /// As text without decimals, for large numbers.
    pub fn grouped(&self) -> String {
        let [median, lowest, highest] =
            [self.median, self.lowest, self.highest].map(|number| grouped(number.round() as u64));
        format!("{median} ({lowest}–{highest})")
    }
}

impl fmt::Display for Median {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(2);
        let Median {
            median,
            lowest,
            highest,
        } = self;
        write!(
            f,
            "{median:.decimals$} ({lowest:.decimals$}–{highest:.decimals$})"
        )
    }
}

/// Measures every subject once in each round, so that a change of the machine's load affects all of them. Returns the values of
/// each subject.
pub fn interleaved<T, V>(
    rounds: usize,
    subjects: &[T],
    mut measure: impl FnMut(&T) -> crate::Result<V>,
) -> crate::Result<Vec<Vec<V>>> {
    let mut values: Vec<Vec<V>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for i in 0..subjects.len() {
            let i = (i + round) % subjects.len();
            values[i].push(measure(&subjects[i])?);
        }
    }
    Ok(values)
}
