//! The messages of the compiler for functions that are not handlers. They name the cause and what to write instead.
//!
//! The texts belong to one version of the compiler. After an update, write them again with
//! `TRYBUILD=overwrite cargo test -p anyhost-core --all-features --test compile_fail`, and read the difference.

/// The version of the compiler whose messages are recorded.
const COMPILER: &str = "1.95";

#[test]
fn the_compiler_names_the_reason_why_a_function_is_not_a_handler() {
    let version = std::process::Command::new(option_env!("RUSTC").unwrap_or("rustc"))
        .arg("--version")
        .output()
        .unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if !version.starts_with(&format!("rustc {COMPILER}.")) {
        eprintln!("not compared: the messages are those of Rust {COMPILER}, not of {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
