//! The wall time of a CGI process from start to exit, compared with minimal programs.
//!
//! `cargo bench -p anyhost-conformance --bench cgi_wall` builds three static programs that write the same
//! response: one in C, one in Rust with only the standard library, and the example `hello`. Each round
//! starts all three, in a new order. The benchmark prints the median time of each program, and the median
//! of its ratio to the C program in the same round. It needs a C compiler.

use std::error::Error;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 2000;
const TARGET: &str = "x86_64-unknown-linux-gnu";
const STATIC: [&str; 2] = ["-Ctarget-feature=+crt-static", "-Crelocation-model=static"];

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

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let folder = tempfile::tempdir()?;
    let programs = build(folder.path())?;
    let mut times = vec![Vec::new(); programs.len()];
    let mut order: Vec<usize> = (0..programs.len()).collect();
    for round in 0..ROUNDS + 20 {
        order.rotate_left(1);
        if round % 2 == 0 {
            order.swap(0, 1);
        }
        for &i in &order {
            let time = run(&programs[i])?;
            // The first rounds fill the caches of the system and are not counted.
            if round >= 20 {
                times[i].push(time);
            }
        }
    }
    println!("microseconds from start to end, and their ratio to C: medians of {ROUNDS} rounds");
    for (name, program_times) in ["C", "Rust, standard library", "anyhost"]
        .iter()
        .zip(&times)
    {
        let ratios = program_times.iter().zip(&times[0]);
        let ratios = ratios.map(|(time, c)| time.as_secs_f64() / c.as_secs_f64());
        let time = median(program_times.iter().map(Duration::as_secs_f64)) * 1e6;
        println!("{time:>8.0} {:>6.3}  {name}", median(ratios));
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Builds the three programs into one folder, and returns their paths.
fn build(folder: &Path) -> Outcome<Vec<String>> {
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("c.c"), C)?;
    std::fs::write(path("rust.rs"), RUST)?;
    let (c, rust, anyhost) = (path("c"), path("rust"), path("anyhost"));
    run_to_success(Command::new("cc").args(["-O2", "-static", "-o", &c, &path("c.c")]))?;
    run_to_success(
        Command::new("rustc")
            .args([
                "-O",
                "-Clto=fat",
                "-Ccodegen-units=1",
                "--target",
                TARGET,
                "-o",
                &rust,
            ])
            .args(STATIC)
            .arg(path("rust.rs")),
    )?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{root}/target"));
    run_to_success(
        Command::new("cargo")
            .args([
                "build",
                "--release",
                "--target",
                TARGET,
                "--target-dir",
                &target,
            ])
            .args(["-p", "anyhost-examples", "--example", "hello"])
            .current_dir(root)
            .env("RUSTFLAGS", STATIC.join(" ")),
    )?;
    std::fs::copy(
        format!("{target}/{TARGET}/release/examples/hello"),
        &anyhost,
    )?;
    // `hello` is a copy of the linker's output. Write the other two programs again as well, so that the system caches
    // all three in the same way.
    for program in [&c, &rust] {
        let bytes = std::fs::read(program)?;
        std::fs::write(program, bytes)?;
    }
    Ok(vec![c, rust, anyhost])
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
