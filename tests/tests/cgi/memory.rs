//! Memory under bodies of 300 MB.

use std::io::{Read, Write};
use std::process::Child;

use super::{command, finish, spawn};

const SIZE: usize = 300_000_000;
const BLOCK: usize = 1_000_000;

/// Checks that the peak memory of the process, including its code and libraries, is below 24 MB.
fn assert_low_memory(child: &Child) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    let peak: u64 = peak.unwrap().trim().parse().unwrap();
    println!("peak: {peak} kB");
    assert!(peak < 24_000, "the peak memory was {peak} kB");
}

fn write_all_but_the_last(child: &mut Child) {
    let stdin = child.stdin.as_mut().unwrap();
    for _ in 1..SIZE / BLOCK {
        stdin.write_all(&[b'x'; BLOCK]).unwrap();
    }
}

fn upload(path: &str) -> Child {
    command(&[
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", path.as_bytes()),
        ("CONTENT_LENGTH", SIZE.to_string().as_bytes()),
    ])
    .spawn()
    .unwrap()
}

#[test]
fn upload_of_300_mb_takes_less_than_24_mb_of_memory() {
    let mut child = upload("/digest");
    write_all_but_the_last(&mut child);
    assert_low_memory(&child);
    let last = [b'x'; BLOCK];
    child.stdin.take().unwrap().write_all(&last).unwrap();
    let outcome = finish(child);
    assert!(
        outcome.body().contains("\"length\":300000000"),
        "{outcome:?}"
    );
}

#[test]
fn download_of_300_mb_takes_less_than_24_mb_of_memory() {
    let mut child = spawn(&[("PATH_INFO", b"/large/300000000")]);
    skip_all_but_the_last(&mut child);
    assert_low_memory(&child);
    assert_eq!(finish(child).code, Some(0));
}

#[test]
fn echo_of_300_mb_to_a_web_server_that_writes_before_it_reads_takes_less_than_24_mb_of_memory() {
    let mut child = upload("/pipe");
    write_all_but_the_last(&mut child);
    let last = [b'x'; BLOCK];
    child.stdin.take().unwrap().write_all(&last).unwrap();
    skip_all_but_the_last(&mut child);
    assert_low_memory(&child);
    let outcome = finish(child);
    assert!(outcome.stdout.ends_with('x') && outcome.stdout.len() >= BLOCK);
    assert_eq!(outcome.code, Some(0));
}

fn skip_all_but_the_last(child: &mut Child) {
    let stdout = child.stdout.as_mut().unwrap();
    let skipped = std::io::copy(
        &mut stdout.take((SIZE - BLOCK) as u64),
        &mut std::io::sink(),
    );
    assert_eq!(skipped.unwrap(), (SIZE - BLOCK) as u64);
}
