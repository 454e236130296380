//! Tests of the log of real processes: a stderr that is not read, filters, and subscribers of the program.
//!
//! These tests do not use the test harness, because this file is also the program that the tests start. `run` and the
//! harness both read the command line, and expect different options.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhost::{Json, Request, RequestExt, Router};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that selects a program. Without this variable, the process runs the tests.
const PROGRAM: &str = "TEST_PROGRAM";

/// The time limit of each step. It is much longer than any step takes, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

const CGI: &[(&str, &str)] = &[
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("REQUEST_METHOD", "GET"),
    ("PATH_INFO", "/panic"),
];

/// A port at which no Runtime API listens.
const LAMBDA: &[(&str, &str)] = &[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(PROGRAM) {
        return program(&name);
    }
    the_server_handles_requests_and_sigterm_while_stderr_is_not_read();
    the_number_of_dropped_log_lines_is_logged_in_a_later_line();
    buffered_log_lines_are_written_when_the_program_exits();
    the_server_handles_requests_after_stderr_was_closed();
    a_panic_is_logged_even_if_the_filter_disables_errors();
    an_error_of_a_handler_is_logged_if_the_filter_names_only_other_targets();
    a_failed_start_is_logged_even_if_the_filter_disables_errors();
    a_panic_while_the_handler_is_built_is_logged_and_is_a_500_under_cgi();
    the_message_of_a_panic_comes_before_its_backtrace();
    a_subscriber_that_is_set_while_the_handler_is_built_replaces_the_default_log();
    the_access_log_has_the_same_values_as_text_and_as_json();
    every_line_of_the_json_log_is_an_object_with_time_level_target_and_message_on_every_host();
    panics_and_failed_starts_are_json_lines_even_if_the_filter_disables_errors();
    an_invalid_log_format_is_reported_and_the_default_format_is_used();
    run_inside_a_tokio_runtime_fails_with_an_error_that_recommends_serve();
    serve_works_inside_tokio_main();
    output_that_a_cgi_program_prints_between_isolate_and_run_goes_to_the_log();
    development_mode_logs_requests_and_responses_with_their_bodies_and_hides_secrets();
    development_mode_logs_and_sends_the_location_of_errors_and_panics();
    ExitCode::SUCCESS
}

/// Runs one of the programs that the tests start.
fn program(name: &str) -> ExitCode {
    match name {
        "default" => anyhost::run(app()),
        // Set a subscriber at the start of `main`, as the examples of axum do.
        "own-filter" => {
            init_own_subscriber();
            anyhost::run(app())
        }
        "init-in-build" => anyhost::run_with(async || {
            init_own_subscriber();
            Ok::<_, anyhost::Error>(app())
        }),
        "own-filter-build-panic" | "build-panic" => {
            if name == "own-filter-build-panic" {
                init_own_subscriber();
            }
            anyhost::run_with(async || match std::env::var("NEVER_SET") {
                Ok(_) => Ok::<_, anyhost::Error>(app()),
                Err(_) => panic!("no database"),
            })
        }
        "run-in-runtime" => runtime().block_on(async { anyhost::run(app()) }),
        "serve" => match runtime().block_on(anyhost::serve(app())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        "isolate-and-print" => {
            anyhost::cgi::isolate().unwrap();
            println!("printed before run");
            anyhost::run(app())
        }
        name => panic!("unknown program {name}"),
    }
}

fn app() -> Router {
    async fn on_purpose() -> &'static str {
        panic!("the reason why")
    }
    async fn hello() -> &'static str {
        tracing::debug!(target: "my_app", "handled");
        "Hello, world!"
    }
    async fn fail() -> anyhost::Result<()> {
        Err(std::io::Error::other("disk on fire"))?
    }
    async fn echo(mut request: Request) -> anyhost::Result<Json<serde_json::Value>> {
        Ok(Json(request.json().await?))
    }
    Router::new()
        .get("/hello", hello)
        .get("/panic", on_purpose)
        .get("/fail", fail)
        .post("/echo", echo)
}

fn init_own_subscriber() {
    let filter: Targets = "my_app=debug".parse().unwrap();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false);
    let layer = layer.with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

fn the_server_handles_requests_and_sigterm_while_stderr_is_not_read() {
    let mut server = Server::start("default", &[]);
    // 2,000 lines do not fit into the pipe, which has 64 KiB: about 500 lines.
    server.get("/hello", 2_000);
    server.get("/panic", 10);
    server.signal(Signal::TERM);
    let started = Instant::now();
    assert!(server.exit().success());
    assert!(started.elapsed() < Duration::from_secs(5), "{started:?}");
}

fn the_number_of_dropped_log_lines_is_logged_in_a_later_line() {
    let mut server = Server::start("default", &[]);
    // The lines for these requests do not fit into the pipe (64 KiB) and the buffer (1 MiB).
    let long = format!("/{}", "x".repeat(3_000));
    server.get(&long, 800);
    let mut stderr = server.child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        log
    });
    std::thread::sleep(Duration::from_millis(500));
    server.get("/hello", 1);
    server.signal(Signal::TERM);
    assert!(server.exit().success());
    let log = reader.join().unwrap();
    let report = log.lines().find(|line| line.contains("dropped log lines"));
    let report =
        report.unwrap_or_else(|| panic!("no line with the number of dropped lines: {log}"));
    let (_, dropped) = report.rsplit_once("dropped=").unwrap();
    let written = log
        .lines()
        .filter(|line| line.contains("path=\"/xxx"))
        .count();
    assert_eq!(dropped.parse::<usize>().unwrap() + written, 800, "{report}");
    assert!(
        log.lines().any(|line| line.contains("path=\"/hello")),
        "{log}"
    );
}

fn buffered_log_lines_are_written_when_the_program_exits() {
    let mut server = Server::start("default", &[]);
    server.get("/hello", 100);
    server.signal(Signal::TERM);
    let log = server.log();
    assert!(server.exit().success());
    let lines = log.lines().filter(|line| line.contains("path=\"/hello"));
    assert_eq!(lines.count(), 100, "{log}");
}

fn the_server_handles_requests_after_stderr_was_closed() {
    let mut server = Server::start("default", &[]);
    drop(server.child.stderr.take());
    server.get("/hello", 100);
    server.get("/panic", 1);
    server.get("/hello", 1);
    server.signal(Signal::TERM);
    assert!(server.exit().success());
}

fn a_panic_is_logged_even_if_the_filter_disables_errors() {
    for (program, filter) in [
        ("default", "my_app=debug"),
        ("default", "off"),
        ("own-filter", ""),
    ] {
        let vars = [("RUST_LOG", filter)];
        let mut server = Server::start(program, &vars);
        server.get("/panic", 1);
        server.signal(Signal::TERM);
        let log = server.log();
        assert!(server.exit().success());
        assert!(log.contains("the reason why"), "{program} {filter}: {log}");

        let vars = [CGI, &vars].concat();
        let (output, log, code) = finish(start(program, &vars));
        assert!(output.starts_with("Status: 500 "), "{output}");
        assert!(log.contains("the reason why"), "{program} {filter}: {log}");
        assert_eq!(code, Some(0));
    }
}

fn an_error_of_a_handler_is_logged_if_the_filter_names_only_other_targets() {
    let vars = [("RUST_LOG", "my_app=debug")];
    let mut server = Server::start("default", &vars);
    server.get("/fail", 1);
    server.signal(Signal::TERM);
    let log = server.log();
    assert!(server.exit().success());
    assert!(log.contains("disk on fire"), "{log}");

    let vars = [CGI, &vars, &[("PATH_INFO", "/fail")]].concat();
    let (output, log, _) = finish(start("default", &vars));
    assert!(output.starts_with("Status: 500 "), "{output}");
    assert!(log.contains("disk on fire"), "{log}");
}

fn a_failed_start_is_logged_even_if_the_filter_disables_errors() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let server = [("HOST", "127.0.0.1"), ("PORT", port.as_str())];
    for (program, filter) in [
        ("default", "my_app=debug"),
        ("default", "inf0"),
        ("default", "off"),
        ("own-filter", ""),
    ] {
        let vars = [&server[..], &[("RUST_LOG", filter)]].concat();
        let (_, log, code) = finish(start(program, &vars));
        assert!(
            log.contains("failed to start or run the program"),
            "{program} {filter}: {log}"
        );
        assert!(log.contains(&port), "{program} {filter}: {log}");
        // An HTTP status is for clients, and a failed start has no client.
        assert!(!log.contains("Internal Server Error"), "{log}");
        assert_eq!(code, Some(1));
    }
    let (_, log, code) = finish(start("own-filter", &[("ANYHOST", "ftp")]));
    assert!(log.contains("failed to detect the host"), "{log}");
    assert_eq!(code, Some(1));
}

fn a_panic_while_the_handler_is_built_is_logged_and_is_a_500_under_cgi() {
    let (output, log, code) = finish(start("own-filter-build-panic", CGI));
    assert!(output.starts_with("Status: 500 "), "{output}");
    assert!(log.contains("no database"), "{log}");
    assert_eq!(code, Some(0));
    let (_, log, code) = finish(start("own-filter-build-panic", LAMBDA));
    assert!(log.contains("no database"), "{log}");
    assert_eq!(code, Some(1));
}

fn the_message_of_a_panic_comes_before_its_backtrace() {
    let vars = [CGI, &[("RUST_BACKTRACE", "full")]].concat();
    let (_, log, _) = finish(start("default", &vars));
    let line = log.lines().find(|line| line.contains("panicked"));
    let line = line.unwrap_or_else(|| panic!("no line with the panic: {log}"));
    let position = |part| {
        line.find(part)
            .unwrap_or_else(|| panic!("{part:?} is missing: {line}"))
    };
    let backtrace = position("  0: ");
    for part in ["the reason why", "path=\"/panic\"", "logging.rs:"] {
        assert!(
            position(part) < backtrace,
            "{part:?} comes after the backtrace: {line}"
        );
    }
}

fn a_subscriber_that_is_set_while_the_handler_is_built_replaces_the_default_log() {
    let mut server = Server::start("init-in-build", &[]);
    server.get("/hello", 1);
    server.signal(Signal::TERM);
    let log = server.log();
    assert!(server.exit().success(), "{log}");
    assert!(log.contains("DEBUG my_app: handled"), "{log}");
    assert!(!log.contains("path="), "{log}");
}

/// The JSON objects of a log. Panics if a line is anything else.
fn objects(log: &str) -> Vec<Value> {
    let parse = |line: &str| match serde_json::from_str(line) {
        Ok(value @ Value::Object(_)) => value,
        _ => panic!("not a JSON object: {line:?}"),
    };
    log.lines().map(parse).collect()
}

const JSON: (&str, &str) = ("ANYHOST_LOG_FORMAT", "json");

fn the_access_log_has_the_same_values_as_text_and_as_json() {
    let request = "/hello?secret=1 HTTP/1.1\r\nX-Request-Id: a\"b\\\r\nX: ";
    let mut server = Server::start("default", &[]);
    server.get(request, 1);
    server.signal(Signal::TERM);
    let log = server.log();
    let line = log.lines().find(|line| line.contains("method="));
    let line = line.unwrap_or_else(|| panic!("no access log: {log}"));
    let (time, rest) = line.split_at("2026-11-26T21:05:38.949019Z".len());
    assert!(time.ends_with('Z'), "{line}");
    let (before, after) = rest.split_once(" ms=").unwrap();
    assert_eq!(
        before,
        r#"  INFO method=GET path="/hello" status=200 bytes=13"#
    );
    let (ms, after) = after.split_once(' ').unwrap();
    assert_eq!(ms.split_once('.').unwrap().1.len(), 3, "{line}");
    assert_eq!(
        after,
        r#"peer=127.0.0.1 request_id="a\"b\\" route="/hello""#
    );

    let mut server = Server::start("default", &[JSON]);
    server.get(request, 1);
    server.signal(Signal::TERM);
    let lines = objects(&server.log());
    let access = |line: &&Value| line["target"] == "anyhost::access";
    let mut line = lines.iter().find(access).unwrap().clone();
    let fields = line.as_object_mut().unwrap();
    let time = fields.remove("timestamp").unwrap();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    assert!(fields.remove("ms").unwrap().is_f64());
    let expected = serde_json::json!({
        "level": "INFO", "target": "anyhost::access", "method": "GET", "path": "/hello",
        "status": 200, "bytes": 13, "peer": "127.0.0.1", "request_id": "a\"b\\",
        "route": "/hello",
    });
    assert_eq!(line, expected);
}

fn every_line_of_the_json_log_is_an_object_with_time_level_target_and_message_on_every_host() {
    let mut server = Server::start("default", &[JSON]);
    server.get("/fail", 1);
    server.get("/panic", 1);
    server.signal(Signal::TERM);
    let http = server.log();
    let fail = [CGI, &[JSON, ("PATH_INFO", "/fail")]].concat();
    let (_, cgi, _) = finish(start("default", &fail));
    let (_, lambda, _) = finish(start("build-panic", &[LAMBDA, &[JSON]].concat()));
    for (log, expected) in [(http, 8), (cgi, 1), (lambda, 3)] {
        let lines = objects(&log);
        assert_eq!(lines.len(), expected, "{log}");
        for line in lines {
            for field in ["timestamp", "level", "target"] {
                assert!(line[field].is_string(), "no {field} in {line}");
            }
            let is_access = line["target"] == "anyhost::access";
            assert!(is_access || line["message"].is_string(), "{line}");
        }
    }
}

fn panics_and_failed_starts_are_json_lines_even_if_the_filter_disables_errors() {
    let off = [JSON, ("RUST_LOG", "off")];
    let mut server = Server::start("default", &off);
    server.get("/panic", 1);
    server.signal(Signal::TERM);
    let lines = objects(&server.log());
    assert_eq!(lines.len(), 1, "{lines:?}");
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.contains("the reason why"), "{message}");
    let (_, log, _) = finish(start("default", &[&off[..], &[("PORT", "x")]].concat()));
    let lines = objects(&log);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["message"], "failed to start or run the program");
    assert_eq!(lines[0]["host"], "http");
    assert!(lines[0]["error"].as_str().unwrap().starts_with("PORT: "));
}

fn an_invalid_log_format_is_reported_and_the_default_format_is_used() {
    let vars = [
        CGI,
        &[("ANYHOST_LOG_FORMAT", "xml"), ("PATH_INFO", "/hello")],
    ]
    .concat();
    let (_, log, _) = finish(start("default", &vars));
    assert_eq!(
        log,
        " WARN invalid ANYHOST_LOG_FORMAT, using the default log format error=ANYHOST_LOG_FORMAT: invalid value \"xml\", \
         expected text or json\n"
    );
}

fn run_inside_a_tokio_runtime_fails_with_an_error_that_recommends_serve() {
    let (_, log, code) = finish(start("run-in-runtime", &[]));
    assert!(log.contains("anyhost::serve(handler).await"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(code, Some(1));
}

fn serve_works_inside_tokio_main() {
    let mut server = Server::start("serve", &[]);
    server.get("/hello", 1);
    server.signal(Signal::TERM);
    assert!(server.exit().success());
}

fn output_that_a_cgi_program_prints_between_isolate_and_run_goes_to_the_log() {
    let vars = [CGI, &[("PATH_INFO", "/hello")]].concat();
    let (output, log, code) = finish(start("isolate-and-print", &vars));
    assert!(output.starts_with("Status: 200 OK\r\n"), "{output}");
    assert!(output.ends_with("\r\n\r\nHello, world!"), "{output}");
    assert!(log.contains("printed before run"), "{log}");
    assert_eq!(code, Some(0));
}

const DEVELOPMENT: &[(&str, &str)] = &[("ANYHOST_ENV", "development")];

fn development_mode_logs_requests_and_responses_with_their_bodies_and_hides_secrets() {
    let mut server = Server::start("default", DEVELOPMENT);
    let request = "POST /echo?a=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer 1\r\nContent-Type: application/json\r\n\
                   Content-Length: 7\r\nConnection: close\r\n\r\n";
    let response = server.exchange(&format!("{request}{{\"a\":1}}"));
    assert!(response.ends_with("{\"a\":1}"), "{response}");
    let response = server.exchange(&format!("{request}{{\"a\":x}}"));
    assert!(response.ends_with("\r\n\r\nInvalid JSON"), "{response}");
    server.signal(Signal::TERM);
    let log = without_times(&server.log());
    assert!(server.exit().success());
    let head = "  > host: a
  > authorization: (hidden)
  > content-type: application/json
  > content-length: 7
  >
";
    let valid = format!(
        "POST /echo?a=1 200 OK
{head}  > {{
  >   \"a\": 1
  > }}
  < content-type: application/json; charset=utf-8
  <
  < {{
  <   \"a\": 1
  < }}
"
    );
    assert!(log.contains(&valid), "{log}");
    let invalid = format!(
        "POST /echo?a=1 400 Bad Request
{head}  > {{\"a\":x}}
  <
  < 400 Invalid JSON
  < caused by: expected value at line 1 column 6
"
    );
    assert!(log.contains(&invalid), "{log}");
    assert!(!log.contains("Bearer"), "{log}");
    assert!(!log.contains('\u{1b}'), "stderr is not a terminal: {log}");
}

/// Removes the duration at the end of the first line of each request.
fn without_times(log: &str) -> String {
    let without_time = |line: &str| match line.strip_suffix(" ms") {
        Some(line) => line.rsplit_once(' ').unwrap().0.to_owned(),
        None => line.to_owned(),
    };
    let lines: Vec<_> = log.lines().map(without_time).collect();
    lines.join("\n") + "\n"
}

fn development_mode_logs_and_sends_the_location_of_errors_and_panics() {
    let mut server = Server::start("default", DEVELOPMENT);
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let failed = server.exchange(&get("/fail"));
    let panicked = server.exchange(&get("/panic"));
    server.signal(Signal::TERM);
    let log = server.log();
    assert!(server.exit().success());
    for (response, cause, function) in [
        (
            &failed,
            "caused by: disk on fire\nat ",
            "logging::app::fail",
        ),
        (
            &panicked,
            "caused by: panicked at ",
            "logging::app::on_purpose",
        ),
    ] {
        let (_, details) = response.split_once("\r\n\r\n").unwrap();
        assert!(
            details.starts_with("500 Internal Server Error\n"),
            "{details}"
        );
        assert!(details.contains(cause), "{details}");
        assert!(details.contains("tests/logging.rs:"), "{details}");
        assert!(details.contains(function), "{details}");
        assert!(!details.contains("/library/std/"), "{details}");
        let (_, logged) = details.trim_end().split_once("caused by: ").unwrap();
        let logged = logged.replace('\n', "\n  ");
        assert!(
            log.contains(&logged),
            "{logged}\n--- is not in the log ---\n{log}"
        );
    }
    assert!(log.contains("GET /panic panicked "), "{log}");
}

/// Starts a program. Its stdout and its stderr are pipes.
fn start(program: &str, vars: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env_clear()
        .env(PROGRAM, program)
        .envs(vars.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until a program ends. Returns the stdout, the stderr and the exit code of the program.
fn finish(child: Child) -> (String, String, Option<i32>) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code();
    (text(&output.stdout), text(&output.stderr), code)
}

/// A process that runs a program as a server. Dropping this value kills the process.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(program: &str, vars: &[(&str, &str)]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let number = port.to_string();
        let listen = [("HOST", "127.0.0.1"), ("PORT", number.as_str())];
        let server = Self {
            child: start(program, &[&listen[..], vars].concat()),
            port,
        };
        let timeout = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < timeout,
                "the program {program} did not listen in time"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Sends requests on one connection. Panics if a request gets no response.
    fn get(&self, path: &str, times: usize) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        for number in 0..times {
            stream.write_all(request.as_bytes()).unwrap();
            let length = stream.read(&mut [0; 4096]).unwrap_or(0);
            assert_ne!(length, 0, "request {number} got no response");
        }
    }

    /// Sends bytes, and reads until the server closes the connection.
    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Reads stderr until the program exits.
    fn log(&mut self) -> String {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        log
    }

    fn exit(&mut self) -> ExitStatus {
        let timeout = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < timeout, "the process did not exit in time");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
