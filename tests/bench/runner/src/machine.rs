//! The head of the document: when and where it was made, and of which versions.

use std::process::Command;

use serde_json::Value;

use crate::Result;

/// The crates that are compared, and those that decide their speed.
const CRATES: [&str; 11] = [
    "anyhost",
    "hyper",
    "axum",
    "actix-web",
    "ntex",
    "lambda_runtime",
    "lambda_http",
    "cgi",
    "tokio",
    "matchit",
    "serde_json",
];

pub fn print() -> Result {
    println!("# Benchmarks\n");
    println!("- Date: {}", output("date", &["--utc", "+%Y-%m-%d"])?);
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model);
    println!(
        "- Machine: {model}, {} cores",
        std::thread::available_parallelism()?
    );
    println!("- Kernel: {}", output("uname", &["-sr"])?);
    println!("- Compiler: {}", output("rustc", &["--version"])?);
    println!("- Crates: {}", crates()?);
    println!(
        "- Node.js {}, micro {}",
        output("node", &["--version"])?,
        micro()?
    );
    Ok(())
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(format!("{program} failed: {}", output.status).into()),
    }
}

/// The versions in `Cargo.lock`; two if two versions of a crate are used.
fn crates() -> Result<String> {
    let metadata = output("cargo", &["metadata", "--format-version=1", "--locked"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array();
    let packages = packages.ok_or("no packages in the output of cargo metadata")?;
    let found = CRATES.iter().flat_map(|name| {
        let same = packages.iter().filter(move |p| p["name"] == **name);
        same.map(move |p| format!("{name} {}", p["version"].as_str().unwrap_or("unknown")))
    });
    Ok(found.collect::<Vec<_>>().join(", "))
}

fn micro() -> Result<String> {
    let lock = include_str!("../../peers/micro/package-lock.json");
    let lock: Value = serde_json::from_str(lock)?;
    let version = &lock["packages"]["node_modules/micro"]["version"];
    Ok(version.as_str().ok_or("no version of micro")?.to_owned())
}
