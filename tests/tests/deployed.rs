//! The suite against a probe that is reached by its URL.

use std::process::Output;

use anyhost_conformance::{Kind, Probe, WebServer};
use tokio::process::Command;

async fn run(args: &[&str]) -> Output {
    let program = Command::new(env!("CARGO_BIN_EXE_anyhost-conformance"))
        .args(args)
        .output();
    program.await.unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_deployment_that_conforms_is_a_success_and_an_undeclared_difference_a_failure() {
    let listen = ["--listen", "tcp://127.0.0.1:0"];
    let mut probe = Probe::start(&listen, &[("PROBE_LINT", "1")]);
    let url = format!("http://{}", probe.address().await);
    let (as_it_is, as_another) = ([url.as_str()], ["--as", "unix", &url]);
    let (right, wrong) = tokio::join!(run(&as_it_is), run(&as_another));
    assert_eq!(right.status.code(), Some(0), "{}", text(&right));
    assert_eq!(wrong.status.code(), Some(1));
    let failures: Vec<_> = text(&wrong)
        .lines()
        .filter(|line| line.starts_with("FAIL"))
        .map(str::to_owned)
        .collect();
    let expected = "FAIL  unix: the client's address is known: \
                    declared as lacking, and carried: The client's address";
    assert_eq!(failures, [expected]);
}

#[tokio::test]
async fn the_path_of_the_url_is_the_mount() {
    let server = WebServer::start(Kind::ApacheModCgi).await.unwrap();
    let url = format!("http://{}/app", server.address());
    let output = run(&["--as", "apache-cgi", &url]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_said_to_be_wrong() {
    for args in [
        &["--as", "nobody", "http://127.0.0.1:1"][..],
        &["ftp://127.0.0.1"],
        &["--wrong"],
    ] {
        assert_eq!(run(args).await.status.code(), Some(2), "{args:?}");
    }
    let help = run(&["--help"]).await;
    assert!(help.status.success() && text(&help).contains("lambda-function-url"));
}
