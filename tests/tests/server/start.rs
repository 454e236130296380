//! Start-up: the command line, the environment, and the choice of the host.

use anyhost_conformance::Probe;

use super::{exchange, start};

#[tokio::test]
async fn server_exits_with_0_for_the_options_help_and_version() {
    for option in ["--help", "--version"] {
        let exit = Probe::start(&[option], &[]).exit().await;
        assert!(exit.success(), "{option}: {exit}");
    }
}

#[tokio::test]
async fn server_exits_with_2_for_an_invalid_option_or_address() {
    for args in [&["--wrong"][..], &["--listen", "ftp://x"]] {
        let exit = Probe::start(args, &[]).exit().await;
        assert_eq!(exit.code(), Some(2), "{args:?}");
    }
}

#[tokio::test]
async fn server_exits_with_1_and_names_an_invalid_environment_variable_in_the_log() {
    for (name, value) in [("PORT", "many"), ("ANYHOST", "ftp")] {
        let mut probe = Probe::start(&[], &[(name, value)]);
        let line = probe.log_line(value).await;
        assert!(line.contains(name), "{line}");
        assert_eq!(probe.exit().await.code(), Some(1), "{name}");
    }
}

/// conda sets HOST to the name of a platform.
#[tokio::test]
async fn variable_host_that_is_not_an_address_of_the_machine_is_named_in_the_log() {
    let vars = [("PORT", "0"), ("HOST", "x86_64-conda-linux-gnu.invalid")];
    let mut probe = Probe::start(&[], &vars);
    let line = probe.log_line("failed to start or run the program").await;
    assert!(line.contains("HOST: invalid value"), "{line}");
    assert_eq!(probe.exit().await.code(), Some(1));
}

#[tokio::test]
async fn log_names_the_rule_that_selected_the_standalone_server() {
    let listen = ["-l", "tcp://127.0.0.1:0"];
    let mut by_default = Probe::start(&listen, &[]);
    by_default
        .log_line("no variable of another host is set")
        .await;

    let vars = [("ANYHOST", "http"), ("GATEWAY_INTERFACE", "CGI/1.1")];
    let mut by_variable = Probe::start(&listen, &vars);
    by_variable.log_line("ANYHOST is set").await;
}

#[tokio::test]
async fn anyhost_env_development_adds_error_details_to_responses() {
    let (_probe, address) = start(&[("ANYHOST_ENV", "development")]).await;
    let response = exchange(address, b"GET /fail HTTP/1.0\r\n\r\n").await;
    assert!(response.contains("secret detail"), "{response}");
}
