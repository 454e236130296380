//! Builds the programs that are measured.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;

/// The options of rustc for a program that needs no shared library and is loaded at a fixed address.
const STATIC: [&str; 3] = [
    "--",
    "-Ctarget-feature=+crt-static",
    "-Crelocation-model=static",
];

/// Builds a program of a package in `peers/` with the release profile, and returns its path.
pub fn build(package: &str, program: &str) -> Result<PathBuf> {
    let executable = cargo("build", package, program, &[])?;
    copy(&executable, "peers", package)
}

/// As [`build`], but linked statically. Only the program itself is compiled with these options, not the crates that it depends
/// on: link-time optimization generates the code of all of them, and the program needs 0.1 % fewer instructions than if
/// `RUSTFLAGS` had the options.
pub fn build_static(package: &str, program: &str) -> Result<PathBuf> {
    let executable = cargo("rustc", package, program, &STATIC)?;
    copy(&executable, "static-peers", package)
}

/// The time to build a program and all its dependencies, which have been downloaded before, with nothing built yet.
pub fn build_time(package: &str, program: &str) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let target = folder.path().to_str().ok_or("a path is not UTF-8")?;
    let started = Instant::now();
    cargo("build", package, program, &["--target-dir", target])?;
    Ok(started.elapsed())
}

/// Installs micro in [`micro_folder`].
pub fn install_micro() -> Result {
    let status = Command::new("npm")
        .args([
            "ci",
            "--prefer-offline",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
        ])
        .current_dir(micro_folder())
        .stdout(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("npm failed to install micro".into()),
    }
}

pub fn micro_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../peers/micro"))
}

/// The size of the program in bytes without its symbols.
pub fn stripped_size(program: &Path) -> Result<u64> {
    let stripped = tempfile::NamedTempFile::new()?;
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(stripped.path()).arg(program);
    match strip.status()?.success() {
        true => Ok(std::fs::metadata(stripped.path())?.len()),
        false => Err(format!("strip failed for {}", program.display()).into()),
    }
}

/// Builds a program with a subcommand of cargo, and returns the path at which cargo leaves it.
fn cargo(subcommand: &str, package: &str, program: &str, options: &[&str]) -> Result<PathBuf> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            subcommand,
            "--release",
            "--quiet",
            "--message-format=json",
            "-p",
            package,
            "--bin",
            program,
        ])
        .args(options)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo failed to build {program} of {package}").into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executable
        .ok_or_else(|| format!("cargo reported no executable for {program} of {package}").into())
}

/// Copies the program into a folder of its package, because cargo writes programs of the same name to the same path.
fn copy(executable: &Path, folder: &str, package: &str) -> Result<PathBuf> {
    let folder = executable.with_file_name(folder).join(package);
    std::fs::create_dir_all(&folder)?;
    let copy = folder.join(executable.file_name().unwrap_or_default());
    // A program that runs cannot be overwritten.
    if copy.exists() {
        std::fs::remove_file(&copy)?;
    }
    std::fs::copy(executable, &copy)?;
    Ok(copy)
}
