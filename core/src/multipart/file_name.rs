//! Makes a file name that the client sent safe to use.

/// Shorter than the limit of 255 bytes of most file systems, so that a program can add to the name.
const MAX_BYTES: usize = 200;

/// The last segment of the path, with unusual characters replaced by `_`. `None` if nothing is left.
pub(super) fn sanitized(raw: &str) -> Option<String> {
    // Some clients send a whole path, on Windows with backslashes.
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let replaced = |c: char| match c {
        ' ' | '.' | '-' | '_' | '(' | ')' => c,
        c if c.is_alphanumeric() => c,
        _ => '_',
    };
    let name: String = last.chars().map(replaced).collect();
    // A dot at the start hides the file, and `..` is a folder. Windows ignores dots and spaces at the end.
    let name = name.trim_start_matches(['.', ' ']);
    let mut end = name.len().min(MAX_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let name = name[..end].trim_end_matches(['.', ' ']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_of_a_client_becomes_the_name_of_one_ordinary_file() {
        for (raw, name) in [
            ("photo (1).jpg", "photo (1).jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\Ada\\cv.pdf", "cv.pdf"),
            (".bashrc", "bashrc"),
            ("résumé.txt", "résumé.txt"),
            ("a\0b\r\nc", "a_b__c"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("x;rm -rf $HOME`", "x_rm -rf _HOME_"),
            ("con. .", "con"),
        ] {
            assert_eq!(sanitized(raw).as_deref(), Some(name), "{raw:?}");
        }
        for raw in ["", "..", "/", "a/..", ". .", "a\\", "..\\.."] {
            assert_eq!(sanitized(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn a_long_file_name_is_shortened_at_the_end_of_a_character() {
        let name = sanitized(&"é".repeat(500)).unwrap();
        assert_eq!(name, "é".repeat(100));
        let name = sanitized(&format!("a{}", "é".repeat(500))).unwrap();
        assert_eq!(name.len(), 199);
    }
}
