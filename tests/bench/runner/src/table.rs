//! Tables in Markdown.

/// Prints a heading and a table. The first cell of a row is text, the others are aligned to the right.
pub fn print(title: &str, columns: &[&str], rows: &[Vec<String>]) {
    println!("\n### {title}\n");
    println!("| {} |", columns.join(" | "));
    println!("|---|{}", "---:|".repeat(columns.len() - 1));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// A number with commas between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
