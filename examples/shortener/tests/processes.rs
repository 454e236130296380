//! The program as a server, as a CGI program and as a Lambda function, all with the same database.

use std::path::Path;
use std::process::Stdio;

use anyhost_conformance::{Emulator, free_port, wait_for};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::process::Command;

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortener"));
    let database = folder.join("links.db");
    command.env_clear().env("DATABASE", database);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn a_server_a_cgi_process_and_a_lambda_function_serve_the_same_link() {
    let folder = tempfile::tempdir().unwrap();
    let client = reqwest::Client::builder().redirect(Policy::none());
    let client = client.build().unwrap();
    let port = free_port();
    let mut server = program(folder.path());
    server.args(["--listen", &format!("tcp://127.0.0.1:{port}")]);
    let _server = server.spawn().unwrap();
    wait_for(([127, 0, 0, 1], port).into()).await;
    let links = format!("http://127.0.0.1:{port}/api/links");
    let body = json!({"url": "https://example.com/"});
    let created = client.post(&links).json(&body).send().await.unwrap();
    let created: Value = created.json().await.unwrap();
    let code = created["code"].as_str().unwrap();

    let mut cgi = program(folder.path());
    cgi.envs([
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/s"),
        ("PATH_INFO", &format!("/{code}")),
    ]);
    let response = String::from_utf8(cgi.output().await.unwrap().stdout).unwrap();
    assert!(response.starts_with("Status: 307 "), "{response}");
    assert!(response.contains("location: https://example.com/\r\n"));
    // The process ended after it had counted the visit.
    let link = client.get(format!("{links}/{code}")).send().await.unwrap();
    assert_eq!(link.json::<Value>().await.unwrap()["visits"], 1);

    let emulator = Emulator::start("shortener").await.unwrap();
    let mut function = program(folder.path());
    function.env("AWS_LAMBDA_RUNTIME_API", emulator.api());
    let _function = function.spawn().unwrap();
    let link = format!("http://{}{}/{code}", emulator.address(), emulator.path());
    let response = client.get(link).send().await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "https://example.com/");
}
