//! The guide "Coming from micro" lists the declared differences, and names tests and examples that exist.

use std::fs;
use std::path::Path;

use crate::differences::{self, Declared, Verdict};

const GUIDE: &str = "adapters/any/src/guides/coming_from_micro.md";

fn read(path: &str) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(workspace.join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines between two comments of the guide.
fn section(name: &str) -> String {
    let guide = read(GUIDE);
    let (_, rest) = guide
        .split_once(&format!("<!-- {name}:begin -->\n"))
        .unwrap();
    let (section, _) = rest.split_once(&format!("<!-- {name}:end -->")).unwrap();
    section.to_owned()
}

#[test]
fn the_guide_for_users_of_micro_lists_the_declared_differences() {
    let mut expected = String::new();
    for (verdict, heading) in [
        (Verdict::Different, "Different choices"),
        (Verdict::Better, "Faults and gaps of micro"),
    ] {
        expected += &format!(
            "## {heading}\n\n| what differs | micro | anyhost | reason |\n|---|---|---|---|\n"
        );
        let declared = differences::load().unwrap().into_iter();
        for declared in declared.filter(|declared| declared.verdict == verdict) {
            let Declared {
                title,
                micro,
                anyhost,
                reason,
                ..
            } = declared;
            expected += &format!("| {title} | {micro} | {anyhost} | {reason} |\n");
        }
        expected += "\n";
    }
    let found = section("differences");
    assert!(found == expected, "{GUIDE} needs this table:\n\n{expected}");
}

#[test]
fn the_tests_and_examples_that_the_guide_for_users_of_micro_names_exist() {
    let rows = section("features");
    let rows: Vec<_> = rows.lines().skip(2).collect();
    assert!(rows.len() >= 20, "{rows:?}");
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, tests, examples] = cells[..] else {
            panic!("expected four cells in {row:?}");
        };
        for test in names(tests) {
            let (file, test) = test.split_once(": ").unwrap_or_else(|| panic!("{row:?}"));
            assert!(
                read(file).contains(&format!("fn {test}(")),
                "{file} has no test {test}"
            );
        }
        for example in names(examples) {
            read(example);
        }
        assert!(
            !names(tests).is_empty() && !names(examples).is_empty(),
            "{row:?}"
        );
    }
}

/// The texts of a cell that are marked as code.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
