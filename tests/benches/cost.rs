//! The user-space instructions of one request on each host. Instructions, unlike times, do not depend on the
//! speed and load of the machine.
//!
//! `cargo bench -p anyhost-conformance --bench cost` runs each kind of request under
//! `valgrind --tool=callgrind`, once with 200 repetitions and once with 1,200, and prints the difference for
//! one request, which excludes start-up. It needs valgrind, and makes the release builds that it needs.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use anyhost::testing::Client;
use anyhost::{Body, Json, Request, RequestExt, Result};
use anyhost_conformance::{LambdaApi, free_port};
use serde_json::{Value, json};

type Outcome<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "in-process", n] => block_on(in_process(n.parse()?)),
        [_, "json", n] => block_on(json_both_ways(n.parse()?)),
        _ => measure(),
    }
}

fn measure() -> Outcome {
    let examples = build(&[])?;
    println!("instructions, user space");
    println!(
        "{:>9}  an in-process call, text response",
        slope(|n| this_binary("in-process", n))?
    );
    println!(
        "{:>9}  an in-process call, JSON request and response",
        slope(|n| this_binary("json", n))?
    );
    println!(
        "{:>9}  a GET over HTTP/1.1 keep-alive, without the log",
        slope(|n| http(&format!("{examples}/hello"), "off", n))?
    );
    println!(
        "{:>9}  the same, with the access log",
        slope(|n| http(&format!("{examples}/hello"), "info", n))?
    );
    println!(
        "{:>9}  a Lambda invocation, JSON request and response, without the log",
        slope(|n| lambda(&format!("{examples}/json"), "off", n))?
    );
    println!(
        "{:>9}  the same, with the log",
        slope(|n| lambda(&format!("{examples}/json"), "info", n))?
    );
    let target = "x86_64-unknown-linux-gnu";
    let statics = build(&[
        "--target",
        target,
        "--config",
        &format!(
            "target.{target}.rustflags=['-Ctarget-feature=+crt-static','-Crelocation-model=static']"
        ),
    ])?;
    println!(
        "{:>9}  a CGI process from exec to exit, static",
        cgi(&format!("{statics}/hello"))?
    );
    Ok(())
}

/// Builds the examples, and returns the folder of the executables.
fn build(args: &[&str]) -> Outcome<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    cargo.args([
        "build",
        "--release",
        "-p",
        "anyhost-examples",
        "--example",
        "hello",
        "--example",
        "json",
    ]);
    let built = cargo
        .args(args)
        .arg("--message-format=json")
        .current_dir(root)
        .output()?;
    if !built.status.success() {
        return Err("failed to build the examples".into());
    }
    let messages = String::from_utf8(built.stdout)?;
    let mut paths = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(
            message["executable"]
                .as_str()?
                .strip_suffix("/hello")?
                .to_owned(),
        )
    });
    paths
        .next()
        .ok_or_else(|| "cargo did not report an executable".into())
}

fn slope(run: impl Fn(u64) -> Outcome<u64>) -> Outcome<u64> {
    let (few, many) = (200, 1200);
    Ok((run(many)? - run(few)?) / (many - few))
}

fn valgrind(program: &str) -> Command {
    let mut command = Command::new("valgrind");
    command.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        program,
    ]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Waits for the program to exit, and returns the number of instructions from the output of callgrind.
fn counted(mut child: Child) -> Outcome<u64> {
    let mut log = String::new();
    child
        .stderr
        .take()
        .ok_or("expected a pipe as stderr")?
        .read_to_string(&mut log)?;
    child.wait()?;
    let line = log.lines().find_map(|line| line.split_once("Collected : "));
    Ok(line
        .ok_or_else(|| format!("no instruction count in the output of callgrind: {log}"))?
        .1
        .trim()
        .parse()?)
}

fn this_binary(work: &str, n: u64) -> Outcome<u64> {
    let this = std::env::current_exe()?;
    counted(
        valgrind(
            this.to_str()
                .ok_or("the path of the benchmark is not UTF-8")?,
        )
        .args([work, &n.to_string()])
        .spawn()?,
    )
}

fn http(program: &str, rust_log: &str, n: u64) -> Outcome<u64> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let child = valgrind(program)
        .args(["-l", &address.to_string()])
        .env("RUST_LOG", rust_log)
        .spawn()?;
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(_) => std::thread::yield_now(),
        }
    };
    let mut response = [0; 1024];
    for _ in 0..n {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let length = stream.read(&mut response)?;
        assert!(response[..length].ends_with(b"Hello, world!"));
    }
    drop(stream);
    terminate(&child)?;
    counted(child)
}

fn lambda(program: &str, rust_log: &str, n: u64) -> Outcome<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let api = LambdaApi::start().await;
        let child = valgrind(program)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("RUST_LOG", rust_log)
            .spawn()?;
        let event = event();
        for _ in 0..n {
            let answer = api.invoke(event.clone()).await.json();
            assert_eq!(answer["body"], r#"{"total":11}"#);
        }
        terminate(&child)?;
        counted(child)
    })
}

fn cgi(program: &str) -> Outcome<u64> {
    // The variables that Apache sets for a GET.
    let child = valgrind(program)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("SERVER_SOFTWARE", "Apache/2.4"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_PORT", "80"),
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/app/hello?x=1"),
            ("SCRIPT_NAME", "/app"),
            ("PATH_INFO", "/hello"),
            ("QUERY_STRING", "x=1"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("HTTP_HOST", "localhost"),
            ("HTTP_USER_AGENT", "curl/7.88.1"),
            ("HTTP_ACCEPT", "*/*"),
        ])
        .spawn()?;
    counted(child)
}

fn terminate(child: &Child) -> Outcome {
    let id = rustix::process::Pid::from_raw(child.id().try_into()?).ok_or("invalid process id")?;
    Ok(rustix::process::kill_process(
        id,
        rustix::process::Signal::TERM,
    )?)
}

fn block_on(future: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(future)
}

/// Builds a request, calls the handler, and reads the response.
async fn in_process(n: u64) -> Outcome {
    let client = Client::new(|| async { "Hello, world!" });
    for _ in 0..n {
        let request = http::Request::get("/").body(Body::empty())?;
        let response = client
            .send(request)
            .await
            .bytes()
            .await
            .map_err(|error| error.to_string())?;
        assert_eq!(response, "Hello, world!");
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Order {
    items: Vec<Item>,
}

#[derive(serde::Deserialize)]
struct Item {
    price: u64,
    count: u64,
}

#[derive(serde::Serialize)]
struct Total {
    total: u64,
}

async fn json_both_ways(n: u64) -> Outcome {
    async fn total(mut request: Request) -> Result<Json<Total>> {
        let order: Order = request.json().await?;
        let total = order.items.iter().map(|item| item.price * item.count).sum();
        Ok(Json(Total { total }))
    }
    let client = Client::new(total);
    for _ in 0..n {
        let body = r#"{"items":[{"price":2,"count":3},{"price":5,"count":1}]}"#;
        let request = http::Request::post("/")
            .header("content-type", "application/json")
            .body(body.into())?;
        let response = client.send(request).await.bytes().await;
        assert_eq!(
            response.map_err(|error| error.to_string())?,
            r#"{"total":11}"#
        );
    }
    Ok(())
}

/// A Function URL event with all fields that AWS sends, about 1.2 KB.
fn event() -> String {
    let domain = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws";
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": "61",
            "content-type": "application/json",
            "host": domain,
            "user-agent": "curl/7.88.1",
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-trace-id": "Root=1-6a5145aa-290a323a5de9a2e0636377d4",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghijklmnopqrstuvwxyz012345",
            "domainName": domain,
            "domainPrefix": "abcdefghijklmnopqrstuvwxyz012345",
            "http": {
                "method": "POST", "path": "/", "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1", "userAgent": "curl/7.88.1",
            },
            "requestId": "d16a6b55-dea9-4b23-8499-eb85c3d2d904",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Jul/2026:19:19:06 +0000",
            "timeEpoch": 1_783_711_146_671_u64,
        },
        "body": r#"{"items": [{"price": 2, "count": 3}, {"price": 5, "count": 1}]}"#,
        "isBase64Encoded": false,
    })
    .to_string()
}
