//! The list of log events in `infra/server/README.md`.

use std::fs;
use std::path::Path;

/// Collects the messages of the `tracing` macros in the Rust files of a folder. The message is the last string of a
/// macro call.
fn messages(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            messages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for level in ["error", "warn", "info", "debug"] {
                for call in text.split(&format!("tracing::{level}!(")).skip(1) {
                    let call = &call[..call.find(");").unwrap()];
                    if let Some((_, message)) = call
                        .trim_end()
                        .strip_suffix('"')
                        .and_then(|call| call.rsplit_once('"'))
                    {
                        found.push(message.replace("{url}", "URL"));
                    }
                }
            }
        }
    }
}

#[test]
fn every_log_message_of_the_server_and_the_core_is_listed_in_the_readme() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["adapters/hyper/src", "core/src"] {
        messages(&workspace.join(folder), &mut found);
    }
    // The events of the checks in `testing` occur only in tests.
    found.retain(|message| !message.contains("from the host is invalid"));
    let readme = fs::read_to_string(workspace.join("infra/server/README.md")).unwrap();
    let missing: Vec<_> = found
        .iter()
        .filter(|message| !readme.contains(&format!("`{message}`")))
        .collect();
    assert!(found.len() > 15, "found too few log messages: {found:?}");
    assert!(
        missing.is_empty(),
        "infra/server/README.md lacks {missing:?}"
    );
}
