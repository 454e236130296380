//! The size limit of a body reader.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The maximum size of a body, in bytes. The default is 1 MiB.
///
/// A `Limit` is made from a number of bytes, or from a string with a unit such as `"1mb"`. The units
/// are `b`, `kb`, `mb` and `gb`, in upper or lower case. Each is 1,024 times the unit before it, as
/// in the npm package `bytes`: `"1mb"` is 1,048,576 bytes. Fractions are allowed
/// (`"1.5mb"`), and a number without a unit is a number of bytes. The limit is inclusive: a body of
/// exactly this size is accepted.
///
/// ```
/// use anyhost_core::Limit;
///
/// assert_eq!("10mb".parse(), Ok(Limit::mib(10)));
/// assert_eq!(Limit::default().to_string(), "1mb");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(u64);

impl Limit {
    /// The limit of the body readers that have no limit argument: 1 MiB.
    pub const DEFAULT: Self = Self::mib(1);

    /// A limit of `mib` mebibytes (1 MiB is 1,048,576 bytes).
    pub const fn mib(mib: u32) -> Self {
        Self(mib as u64 * (1 << 20))
    }

    /// The limit in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<u64> for Limit {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl From<u32> for Limit {
    fn from(bytes: u32) -> Self {
        Self(bytes.into())
    }
}

impl From<usize> for Limit {
    fn from(bytes: usize) -> Self {
        Self(bytes as u64)
    }
}

impl TryFrom<i32> for Limit {
    type Error = InvalidLimit;

    fn try_from(bytes: i32) -> Result<Self, InvalidLimit> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| InvalidLimit(bytes.to_string()))
    }
}

impl TryFrom<&str> for Limit {
    type Error = InvalidLimit;

    fn try_from(text: &str) -> Result<Self, InvalidLimit> {
        text.parse()
    }
}

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let invalid = || InvalidLimit(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .trim_end();
        let unit = match trimmed.get(digits.len()..).unwrap_or_default().trim() {
            unit if unit.is_empty() || unit.eq_ignore_ascii_case("b") => 1,
            unit if unit.eq_ignore_ascii_case("kb") => 1 << 10,
            unit if unit.eq_ignore_ascii_case("mb") => 1 << 20,
            unit if unit.eq_ignore_ascii_case("gb") => 1u64 << 30,
            _ => return Err(invalid()),
        };
        if let Ok(whole) = digits.parse::<u64>() {
            return whole.checked_mul(unit).map(Self).ok_or_else(invalid);
        }
        const LARGEST: f64 = u64::MAX as f64;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match digits.parse::<f64>() {
            // The cast cannot fail. A number that is too large becomes the largest limit.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Ok(part) if plain && part * (unit as f64) < LARGEST => {
                Ok(Self((part * unit as f64) as u64))
            }
            _ => Err(invalid()),
        }
    }
}

/// Writes the limit in the largest unit that gives a whole number: `1mb`, `1536kb`, `100b`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shift, unit) = match self.0 {
            0 => (0, "b"),
            n if n.trailing_zeros() >= 30 => (30, "gb"),
            n if n.trailing_zeros() >= 20 => (20, "mb"),
            n if n.trailing_zeros() >= 10 => (10, "kb"),
            _ => (0, "b"),
        };
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

/// The error for a string or number that cannot be converted into a [`Limit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLimit(String);

impl fmt::Display for InvalidLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid limit {:?}: expected a number of bytes or a size such as \"1mb\"",
            self.0
        )
    }
}

impl std::error::Error for InvalidLimit {}

impl From<Infallible> for InvalidLimit {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_units_are_powers_of_1024_and_ignore_case() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("100b", 100),
            ("1kb", 1 << 10),
            ("1 MB", 1 << 20),
            ("1.5Mb", 3 << 19),
            ("2gb", 2 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Limit(bytes)), "{text}");
        }
    }

    #[test]
    fn a_string_that_is_not_a_valid_size_is_rejected_as_a_limit() {
        for text in [
            "",
            "mb",
            "-1",
            "1tb",
            "1e3",
            "nan",
            "inf",
            "1,5mb",
            "99999999999999999gb",
            "99999999999999999999",
            "18446744073709551616b",
            "17179869184.0gb",
            "é",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
        assert!(Limit::try_from(-1).is_err());
        let error = "-1".parse::<Limit>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid limit \"-1\": expected a number of bytes or a size such as \"1mb\""
        );
    }

    #[test]
    fn limit_is_displayed_in_the_largest_unit_that_gives_a_whole_number() {
        for (bytes, text) in [
            (0, "0b"),
            (1, "1b"),
            (1 << 10, "1kb"),
            (3 << 19, "1536kb"),
            (1 << 30, "1gb"),
        ] {
            assert_eq!(Limit(bytes).to_string(), text);
        }
    }
}
