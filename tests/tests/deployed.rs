//! The command `anyhost-conformance`, which runs the suite against the URL of a deployment.

use std::process::Output;

use anyhost_conformance::{Probe, WebServer, WebServerKind};
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
async fn exit_status_is_0_for_a_conforming_deployment_and_1_for_a_wrong_profile() {
    let listen = ["--listen", "tcp://127.0.0.1:0"];
    let mut probe = Probe::start(&listen, &[("PROBE_LINT", "1")]);
    let url = format!("http://{}", probe.address().await);
    let default_profile = [url.as_str()];
    // The profile of a Unix socket declares that the address of the client is unknown.
    let wrong_profile = ["--as", "unix", &url];
    let (right, wrong) = tokio::join!(run(&default_profile), run(&wrong_profile));
    assert_eq!(right.status.code(), Some(0), "{}", text(&right));
    assert_eq!(wrong.status.code(), Some(1));
    let failures: Vec<_> = text(&wrong)
        .lines()
        .filter(|line| line.starts_with("FAILED"))
        .map(str::to_owned)
        .collect();
    let expected = "FAILED  unix: the handler sees the IP address of the client: the profile declares that \
                    the host lacks this, but the case passes: The address of the client";
    assert_eq!(failures, [expected]);
}

#[tokio::test]
async fn path_of_the_deployment_url_becomes_the_base_path() {
    let server = WebServer::start(WebServerKind::ApacheModCgi).await.unwrap();
    let url = format!("http://{}/app", server.address());
    let output = run(&["--as", "apache-cgi", &url]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[tokio::test]
async fn exit_status_is_2_for_an_invalid_command_line() {
    for args in [
        &["--as", "unknown", "http://127.0.0.1:1"][..],
        &["ftp://127.0.0.1"],
        &["--wrong"],
    ] {
        assert_eq!(run(args).await.status.code(), Some(2), "{args:?}");
    }
}

#[tokio::test]
async fn the_option_help_lists_the_profiles() {
    let help = run(&["--help"]).await;
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help).contains("lambda-function-url"));
}
