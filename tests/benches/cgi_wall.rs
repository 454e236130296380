//! The wall time and the page faults of a CGI process from start to exit, compared with minimal programs.
//!
//! `cargo bench -p anyhost-conformance --bench cgi_wall` builds static programs that write the same response: one in C,
//! one in Rust with only the standard library, and one with anyhost for each line of [`BUILDS`]. Each round starts all
//! programs, in a new order. The benchmark prints the median time of each program, the median of its ratio to the C
//! program in the same round, its page faults, and its size. It needs a C compiler.

use std::error::Error;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

const ROUNDS: usize = 2000;
const GLIBC: &str = "x86_64-unknown-linux-gnu";
const MUSL: &str = "x86_64-unknown-linux-musl";
const STATIC: &str = "-Ctarget-feature=+crt-static -Crelocation-model=static";

/// The builds of anyhost. `infra/cgi/README.md` shows their figures.
const BUILDS: [Build; 5] = [
    Build {
        name: "anyhost",
        target: GLIBC,
        features: "",
        profile: "",
    },
    Build {
        name: "anyhost, stripped",
        target: GLIBC,
        features: "",
        profile: "strip = true",
    },
    Build {
        name: "anyhost, only CGI",
        target: GLIBC,
        features: ONLY_CGI,
        profile: "",
    },
    Build {
        name: "anyhost, only CGI, stripped",
        target: GLIBC,
        features: ONLY_CGI,
        profile: "strip = true",
    },
    // The default features need a C compiler for musl.
    Build {
        name: "anyhost, only CGI, stripped, musl",
        target: MUSL,
        features: ONLY_CGI,
        profile: "strip = true",
    },
];

const ONLY_CGI: &str = r#", default-features = false, features = ["cgi"]"#;

struct Build {
    name: &'static str,
    target: &'static str,
    /// What follows the path in the dependency.
    features: &'static str,
    /// Lines of the release profile.
    profile: &'static str,
}

const C: &str = r#"
#include <stdio.h>
int main(void) {
    fputs("Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\n"
          "Hello, world!", stdout);
    return 0;
}
"#;

const RUST: &str = r#"
fn main() {
    print!("Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\n\
            Hello, world!");
}
"#;

const ANYHOST: &str = r#"
fn main() -> std::process::ExitCode {
    anyhost::run(async || "Hello, world!")
}
"#;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

struct Program {
    name: &'static str,
    path: String,
    times: Vec<Duration>,
    page_faults: i64,
}

fn main() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut programs = build(folder.path())?;
    let mut order: Vec<usize> = (0..programs.len()).collect();
    for round in 0..ROUNDS + 20 {
        order.rotate_left(1);
        if round % 2 == 0 {
            order.swap(0, 1);
        }
        for &i in &order {
            let program = &mut programs[i];
            let faults_before = getrusage(UsageWho::RUSAGE_CHILDREN)?.minor_page_faults();
            let time = run(&program.path)?;
            let faults = getrusage(UsageWho::RUSAGE_CHILDREN)?.minor_page_faults();
            program.page_faults = faults - faults_before;
            // The first rounds fill the caches of the system and are not counted.
            if round >= 20 {
                program.times.push(time);
            }
        }
    }
    println!("from start to end, medians of {ROUNDS} rounds");
    println!("microseconds  ratio to C  page faults  size in KB");
    for program in &programs {
        let ratios = program.times.iter().zip(&programs[0].times);
        let ratios = ratios.map(|(time, c)| time.as_secs_f64() / c.as_secs_f64());
        let time = median(program.times.iter().map(Duration::as_secs_f64)) * 1e6;
        let size = std::fs::metadata(&program.path)?.len() / 1000;
        println!(
            "{time:>12.0} {:>11.2} {:>12} {size:>11}  {}",
            median(ratios),
            program.page_faults,
            program.name
        );
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Builds the programs into one folder. The C program is the first one.
fn build(folder: &Path) -> Outcome<Vec<Program>> {
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("c.c"), C)?;
    std::fs::write(path("rust.rs"), RUST)?;
    let (c, rust) = (path("c"), path("rust"));
    run_to_success(Command::new("cc").args(["-O2", "-static", "-o", &c, &path("c.c")]))?;
    run_to_success(
        Command::new("rustc")
            .args(["-O", "-Clto=fat", "-Ccodegen-units=1", "--target", GLIBC])
            .args(STATIC.split(' '))
            .args(["-o", &rust, &path("rust.rs")]),
    )?;
    // The programs of anyhost are copies. Write these two again as well, so that the system caches all in the same way.
    for program in [&c, &rust] {
        let bytes = std::fs::read(program)?;
        std::fs::write(program, bytes)?;
    }
    let mut programs = vec![("C", c), ("Rust, standard library", rust)];
    for (number, build) in BUILDS.iter().enumerate() {
        if !is_installed(build.target)? {
            println!(
                "NOT RUN: {}: `rustup target add {}`",
                build.name, build.target
            );
            continue;
        }
        let program = path(&format!("anyhost-{number}"));
        build_anyhost(build, &folder.join("app"), &program)?;
        programs.push((build.name, program));
    }
    Ok(programs
        .into_iter()
        .map(|(name, path)| Program {
            name,
            path,
            times: Vec::new(),
            page_faults: 0,
        })
        .collect())
}

/// Whether the standard library for this target is installed.
fn is_installed(target: &str) -> Outcome<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output()?;
    let folder = String::from_utf8(output.stdout)?;
    Ok(Path::new(folder.trim_end()).exists())
}

/// Builds a program in a package of its own, because the features of the examples cannot be left out.
fn build_anyhost(build: &Build, package: &Path, program: &str) -> Outcome {
    let Build {
        target,
        features,
        profile,
        ..
    } = build;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let folder = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{root}/target"));
    let manifest = format!(
        r#"
[package]
name = "app"
edition = "2024"

[dependencies]
anyhost = {{ path = "{root}/adapters/any"{features} }}

[profile.release]
lto = "fat"
codegen-units = 1
{profile}

[workspace]
"#
    );
    std::fs::create_dir_all(package.join("src"))?;
    std::fs::write(package.join("Cargo.toml"), manifest)?;
    std::fs::write(package.join("src/main.rs"), ANYHOST)?;
    std::fs::copy(format!("{root}/Cargo.lock"), package.join("Cargo.lock"))?;
    run_to_success(
        Command::new("cargo")
            .args(["build", "--release", "--target", target])
            .args(["--target-dir", &folder])
            .current_dir(package)
            .env("RUSTFLAGS", STATIC),
    )?;
    std::fs::copy(format!("{folder}/{target}/release/app"), program)?;
    Ok(())
}

fn run_to_success(command: &mut Command) -> Outcome {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!("failed: {command:?}").into()),
    }
}

fn run(program: &str) -> Outcome<Duration> {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs([
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/app/hello"),
            ("SCRIPT_NAME", "/app"),
            ("PATH_INFO", "/hello"),
            ("QUERY_STRING", ""),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("HTTP_HOST", "localhost"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut response = Vec::with_capacity(200);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let stdout = child.stdout.as_mut().ok_or("expected a pipe as stdout")?;
    stdout.read_to_end(&mut response)?;
    let status = child.wait()?;
    let time = started.elapsed();
    if !status.success() || !response.ends_with(b"Hello, world!") {
        return Err(format!("{program}: {status}").into());
    }
    Ok(time)
}
