//! Colors of the terminal.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::LazyLock;

/// Whether the log has colors: only on a terminal, and not if `NO_COLOR` is set (<https://no-color.org>).
static IS_COLORED: LazyLock<bool> = LazyLock::new(|| {
    let no_color = std::env::var_os("NO_COLOR");
    no_color.is_none_or(|value| value.is_empty()) && io::stderr().is_terminal()
});

/// The style of a text on the terminal (ECMA-48 §8.3.117).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style(u8);

impl Style {
    pub(crate) const BOLD: Self = Self(1);
    pub(crate) const DIM: Self = Self(2);
    pub(crate) const RED: Self = Self(31);
    pub(crate) const GREEN: Self = Self(32);
    pub(crate) const YELLOW: Self = Self(33);
    pub(crate) const CYAN: Self = Self(36);

    /// The text in this style.
    pub(crate) fn paint(self, text: impl fmt::Display) -> String {
        self.paint_if(*IS_COLORED, text)
    }

    fn paint_if(self, is_colored: bool, text: impl fmt::Display) -> String {
        match is_colored {
            true => format!("\x1b[{}m{text}\x1b[0m", self.0),
            false => text.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_escape_sequences_only_if_the_log_is_colored() {
        assert_eq!(Style::RED.paint_if(true, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Style::RED.paint_if(false, "x"), "x");
    }
}
