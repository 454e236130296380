//! The program as a server, as a CGI program and as a Lambda function, all with the same database.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhost_conformance::{Emulator, free_port, wait_for};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortener"));
    let database = folder.join("links.db");
    command.env_clear().env("DATABASE", database);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Sends a request over HTTP/1.1 and returns the response as text.
async fn http(address: SocketAddr, request: &str, body: &str) -> String {
    let length = body.len();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Length";
    let message = format!("{request} HTTP/1.1\r\n{head}: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(message.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn a_server_a_cgi_process_and_a_lambda_function_serve_the_same_link() {
    let folder = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = format!("tcp://{address}");
    let mut server = program(folder.path());
    let _server = server.args(["--listen", &listen]).spawn().unwrap();
    wait_for(address).await;
    let link = r#"{"url":"https://example.com/"}"#;
    let created = http(address, "POST /api/links", link).await;
    let (_, code) = created.split_once(r#""code":""#).expect(&created);
    let code = &code[..10];

    let mut cgi = program(folder.path());
    cgi.envs([
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/s"),
        ("PATH_INFO", &format!("/{code}")),
    ]);
    let output = cgi.output().await.unwrap().stdout;
    let response = String::from_utf8(output).unwrap();
    assert!(response.starts_with("Status: 307 "), "{response}");
    assert!(response.contains("location: https://example.com/\r\n"));
    // The process ended after it had counted the visit.
    let link = http(address, &format!("GET /api/links/{code}"), "").await;
    assert!(link.contains(r#""visits":1"#), "{link}");

    let emulator = Emulator::start("shortener").await.unwrap();
    let mut function = program(folder.path());
    function.env("AWS_LAMBDA_RUNTIME_API", emulator.api());
    let _function = function.spawn().unwrap();
    let request = format!("GET {}/{code}", emulator.path());
    let response = http(emulator.address(), &request, "").await;
    assert!(response.starts_with("HTTP/1.1 307 "), "{response}");
    assert!(response.contains("location: https://example.com/\r\n"));
}
