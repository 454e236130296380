//! The probe as the CGI program of real web servers, with the configurations that users get.

use anyhost_conformance::{Kind, Received, Transport, WebServer};

/// Whoever can guess a name must not get what lies beside the program.
async fn neighbours_are_not_served(kind: Kind) {
    let server = WebServer::start(kind).await.unwrap();
    for target in [".env", "%2eenv", "x", "/../app.env"] {
        let request = http::Request::get(target).body(anyhost::Body::empty());
        let Ok(request) = request else { continue };
        if let Ok(reply) = server.send(request).await {
            let reply = Received::read(reply).await;
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

/// Whoever runs a server reads its log, and not the program's stderr.
#[tokio::test]
async fn what_the_program_logs_is_in_the_servers_log() {
    for kind in [
        Kind::ApacheModCgid,
        Kind::ApacheModCgi,
        Kind::ApacheHtaccess,
        Kind::Nginx,
        Kind::Lighttpd,
        Kind::Busybox,
    ] {
        let server = WebServer::start(kind).await.unwrap();
        let request = http::Request::get("/fail").body(anyhost::Body::empty());
        let reply = server.send(request.unwrap()).await.unwrap();
        assert_eq!(Received::read(reply).await.status, 500);
        let log = server.log();
        assert!(log.contains("secret detail"), "{kind:?}: {log}");
    }
}
