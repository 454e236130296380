//! Runs every case through every transport of this machine, and checks the generated pages.
//!
//! `cargo test` prints the table of cases by hosts. `cargo nextest run` runs each transport as a separate test;
//! for this the program understands `--list --format terse` and `--exact NAME`, as described in
//! <https://nexte.st/docs/design/custom-test-harnesses/>. Another argument selects the tests whose name contains it.

use std::process::ExitCode;

use anyhost_conformance::{
    Check, check_capabilities_page, check_readme, profiles, run_local, silence_probe_panics,
};

/// A test of a generated page: its name and its function.
type Page = (&'static str, fn() -> Check);

const PAGES: [Page; 2] = [
    ("capabilities_page_is_up_to_date", check_capabilities_page),
    ("readme_table_is_up_to_date", check_readme),
];

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| args.iter().any(|arg| arg == option);
    let filter = filter(&args);
    let selected = |name: &str| match filter {
        Some(filter) if has("--exact") => name == filter,
        Some(filter) => name.contains(filter.as_str()),
        None => true,
    };
    // No test is ignored by default, so `--ignored` selects nothing.
    let hosts: Vec<String> = profiles()
        .map(|profile| profile.name.to_string())
        .filter(|name| selected(name) && !has("--ignored"))
        .collect();
    let pages = PAGES
        .iter()
        .filter(|(name, _)| selected(name) && !has("--ignored"));
    if has("--list") {
        for name in hosts
            .iter()
            .map(String::as_str)
            .chain(pages.map(|(name, _)| *name))
        {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let mut passed = true;
    if !hosts.is_empty() {
        silence_probe_panics();
        let report = run_local(&hosts).await;
        println!("{}", report.text());
        passed &= report.conforms();
    }
    for (name, check) in pages {
        let result = check();
        passed &= result.is_ok();
        println!("{name}: {}", result.err().as_deref().unwrap_or("passed"));
    }
    match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The first argument that is neither an option nor the value of an option.
fn filter(args: &[String]) -> Option<&String> {
    let has_value = [
        "--color",
        "--format",
        "--logfile",
        "--skip",
        "--test-threads",
    ];
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if has_value.contains(&arg.as_str()) {
            args.next();
        } else if !arg.starts_with('-') {
            return Some(arg);
        }
    }
    None
}
