//! The size limit of a body reader.

use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The maximum size of a body, in bytes. The default is 1 MiB.
///
/// A `Limit` is made from a number of bytes, or from a string with a unit such as `"1mb"`. The units
/// are `b`, `kb`, `mb` and `gb`, in upper or lower case. Each is 1,024 times the unit before it, as
/// in the npm package `bytes`: `"1mb"` is 1,048,576 bytes. Fractions are allowed
/// (`"1.5mb"`), and a number without a unit is a number of bytes. The limit is inclusive: a body of
/// exactly this size is accepted. `Display` writes the limit in the unit in which it was given.
///
/// ```
/// use anyhost_core::Limit;
///
/// assert_eq!("10mb".parse(), Ok(Limit::mib(10)));
/// assert_eq!(Limit::default().to_string(), "1mb");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    bytes: u64,
    /// The unit of the string or the constructor, for messages.
    unit: Unit,
}

/// The unit in which a limit was given.
#[derive(Clone, Copy, Debug)]
enum Unit {
    None,
    Bytes,
    Kib,
    Mib,
    Gib,
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::None),
            _ if text.eq_ignore_ascii_case("b") => Some(Self::Bytes),
            _ if text.eq_ignore_ascii_case("kb") => Some(Self::Kib),
            _ if text.eq_ignore_ascii_case("mb") => Some(Self::Mib),
            _ if text.eq_ignore_ascii_case("gb") => Some(Self::Gib),
            _ => None,
        }
    }

    const fn bytes(self) -> u64 {
        match self {
            Self::None | Self::Bytes => 1,
            Self::Kib => 1 << 10,
            Self::Mib => 1 << 20,
            Self::Gib => 1 << 30,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Bytes => "b",
            Self::Kib => "kb",
            Self::Mib => "mb",
            Self::Gib => "gb",
        }
    }
}

impl Limit {
    /// The limit of the body readers that have no limit argument: 1 MiB.
    pub const DEFAULT: Self = Self::mib(1);

    /// A limit of `mib` mebibytes (1 MiB is 1,048,576 bytes).
    pub const fn mib(mib: u32) -> Self {
        Self {
            bytes: mib as u64 * (1 << 20),
            unit: Unit::Mib,
        }
    }

    /// The limit in bytes.
    pub const fn bytes(self) -> u64 {
        self.bytes
    }
}

/// Limits of the same number of bytes are equal, in whichever unit they were given.
impl PartialEq for Limit {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Limit {}

impl PartialOrd for Limit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Limit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for Limit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<u64> for Limit {
    fn from(bytes: u64) -> Self {
        Self {
            bytes,
            unit: Unit::None,
        }
    }
}

impl From<u32> for Limit {
    fn from(bytes: u32) -> Self {
        u64::from(bytes).into()
    }
}

impl From<usize> for Limit {
    fn from(bytes: usize) -> Self {
        (bytes as u64).into()
    }
}

impl TryFrom<i32> for Limit {
    type Error = InvalidLimit;

    fn try_from(bytes: i32) -> Result<Self, InvalidLimit> {
        let invalid = |_| InvalidLimit(bytes.to_string());
        u64::try_from(bytes).map(Self::from).map_err(invalid)
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
        let unit = trimmed.get(digits.len()..).unwrap_or_default().trim();
        let unit = Unit::parse(unit).ok_or_else(invalid)?;
        let limit = |bytes| Self { bytes, unit };
        if let Ok(whole) = digits.parse::<u64>() {
            let bytes = whole.checked_mul(unit.bytes());
            return bytes.map(limit).ok_or_else(invalid);
        }
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match digits.parse::<f64>() {
            Ok(number) if plain => fraction(number, unit).map(limit).ok_or_else(invalid),
            _ => Err(invalid()),
        }
    }
}

/// The number of whole bytes in a number of units that is not a whole number. `None` if it is too large.
fn fraction(number: f64, unit: Unit) -> Option<u64> {
    const LARGEST: f64 = u64::MAX as f64;
    let bytes = number * unit.bytes() as f64;
    // The cast cannot fail, because the number is in the range of the type.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..LARGEST).contains(&bytes).then_some(bytes as u64)
}

/// Writes the limit in the unit in which it was given, without a unit if it was given as a number: `1.5kb`, `10mb`,
/// `100`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.bytes();
        if self.bytes.is_multiple_of(unit) {
            return write!(f, "{}{}", self.bytes / unit, self.unit.name());
        }
        // `0.1kb` is 102 bytes, and 102 bytes are 0.0996 kb. Write the shortest number that means the same limit.
        let number = self.bytes as f64 / unit as f64;
        let rounded = (1..10).map(|digits| format!("{number:.digits$}"));
        let mut exact = rounded.filter(|text| {
            let bytes = text.parse().ok();
            bytes.and_then(|number| fraction(number, self.unit)) == Some(self.bytes)
        });
        match exact.next() {
            Some(number) => write!(f, "{number}{}", self.unit.name()),
            None => write!(f, "{}b", self.bytes),
        }
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
            ("2gb", 2u64 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Limit::from(bytes)), "{text}");
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
    fn a_limit_is_displayed_in_the_unit_in_which_it_was_given() {
        for (text, displayed) in [
            ("0", "0"),
            ("10", "10"),
            ("10b", "10b"),
            ("1.5kb", "1.5kb"),
            ("0.1KB", "0.1kb"),
            ("2048 kb", "2048kb"),
            ("1.25mb", "1.25mb"),
            ("0.3333mb", "0.3333mb"),
            ("1gb", "1gb"),
            ("7.9", "7"),
        ] {
            let limit: Limit = text.parse().unwrap();
            assert_eq!(limit.to_string(), displayed, "{text}");
        }
        assert_eq!(Limit::from(4u32).to_string(), "4");
        assert_eq!(Limit::mib(3).to_string(), "3mb");
    }

    #[test]
    fn limits_of_the_same_number_of_bytes_are_equal() {
        assert_eq!("1024kb".parse(), Ok(Limit::mib(1)));
        assert_eq!("1mb".parse(), Ok(Limit::from(1u32 << 20)));
        assert!("1kb".parse::<Limit>().unwrap() < Limit::from(1025u32));
    }
}
