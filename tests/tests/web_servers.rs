//! The probe as the CGI program of real web servers, with the configurations that users get.

use anyhost_conformance::{Kind, WebServer, contract};

async fn contract_holds(kind: Kind) {
    let server = WebServer::start(kind).await;
    let failures = contract::run(&server.wire()).await;
    let log = server.log();
    assert_eq!(failures, Vec::<String>::new(), "{log}");
    assert!(
        log.contains("secret detail"),
        "what the program logs is in the server's log: {log}"
    );
}

/// Whoever can guess a name must not get what lies beside the program.
async fn neighbours_are_not_served(kind: Kind) {
    use anyhost_conformance::Transport;
    let server = WebServer::start(kind).await;
    for target in [".env", "%2eenv", "x", "/../app.env"] {
        let request = http::Request::get(target).body(bytes::Bytes::new());
        let Ok(request) = request else { continue };
        if let Ok(reply) = server.wire().send(request).await {
            assert_ne!(&reply.body[..], b"secret", "{target}");
            assert_ne!(reply.status, 200, "{target}");
        }
    }
}

#[tokio::test]
async fn files_beside_the_program_are_not_served() {
    for kind in [Kind::ApacheModCgid, Kind::Nginx, Kind::Lighttpd] {
        neighbours_are_not_served(kind).await;
    }
}

#[tokio::test]
async fn the_contract_holds_under_apache_with_mod_cgid() {
    contract_holds(Kind::ApacheModCgid).await;
}

#[tokio::test]
async fn the_contract_holds_under_apache_with_mod_cgi() {
    contract_holds(Kind::ApacheModCgi).await;
}

#[tokio::test]
async fn the_contract_holds_on_shared_hosting() {
    contract_holds(Kind::ApacheHtaccess).await;
}

#[tokio::test]
async fn the_contract_holds_under_nginx_with_fcgiwrap() {
    contract_holds(Kind::Nginx).await;
}

#[tokio::test]
async fn the_contract_holds_under_lighttpd() {
    contract_holds(Kind::Lighttpd).await;
}

#[tokio::test]
async fn the_contract_holds_under_busybox_httpd() {
    contract_holds(Kind::Busybox).await;
}
