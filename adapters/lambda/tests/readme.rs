//! `infra/lambda/README.md` describes the settings as they are defined.

use anyhost_lambda::Function;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/lambda/README.md");

#[test]
fn the_table_of_settings_matches_the_definitions() {
    let readme = std::fs::read_to_string(README).unwrap();
    let rows: Vec<_> = Function::SETTINGS
        .iter()
        .map(|setting| {
            let default = match setting.default {
                "" => "–".to_owned(),
                default => format!("`{default}`"),
            };
            format!(
                "| `{}` | {default} | {} |",
                setting.name,
                setting.help_line()
            )
        })
        .collect();
    let expected = rows.join("\n");
    assert!(
        readme.contains(&expected),
        "infra/lambda/README.md must contain these rows:\n{expected}"
    );
}
