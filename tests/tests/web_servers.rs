//! The probe as the CGI program of real web servers, with the configuration files that `infra/cgi` gives to
//! users.

use anyhost_conformance::{HttpTransport, Received, Transport, WebServer, WebServerKind};

/// Sends a GET request without the base path that a transport usually prepends. Returns the status and the body.
async fn get(server: &WebServer, path: &str) -> (u16, String) {
    let mut profile = server.profile().clone();
    profile.base_path = "".into();
    let http = HttpTransport::tcp(server.address(), profile);
    let request = http::Request::get(path).body(anyhost::Body::empty());
    let response = http.send(request.unwrap()).await.unwrap();
    let received = Received::read(response).await;
    let body = String::from_utf8_lossy(&received.body).into_owned();
    (received.status.as_u16(), body)
}

/// The file `app.env` lies in the folder of the program, whose base path is `/app`. A configuration that maps
/// the URL prefix `/app` to the file name prefix `…/app` would serve this file.
async fn serves_no_file_beside_the_program(kind: WebServerKind) {
    let server = WebServer::start(kind).await.unwrap();
    // The program handles paths below its base path, even if the rest of the path looks like a file name.
    for path in ["/app/.env", "/app/%2eenv", "/app/x", "/app/app.env"] {
        let answer = get(&server, path).await;
        assert_eq!(answer, (404, "Not Found".to_owned()), "{kind:?} {path}");
    }
    // The server itself handles all other paths.
    for path in [
        "/app.env",
        "/app%2eenv",
        "/app%2Eenv",
        "/appx",
        "/app/../app.env",
        "/app/%2e%2e/app.env",
    ] {
        let (status, body) = get(&server, path).await;
        assert_eq!(status, 404, "{kind:?} {path}: {body}");
        assert!(!body.contains("secret"), "{kind:?} {path}: {body}");
        assert_ne!(
            body, "Not Found",
            "{kind:?} {path}: the response is from the program"
        );
    }
    let answer = get(&server, "/app/hello").await;
    assert_eq!(answer, (200, "Hello, world!".to_owned()), "{kind:?}");
}

#[tokio::test]
async fn apache_serves_no_file_beside_the_program() {
    serves_no_file_beside_the_program(WebServerKind::ApacheModCgid).await;
}

#[tokio::test]
async fn nginx_serves_no_file_beside_the_program() {
    serves_no_file_beside_the_program(WebServerKind::Nginx).await;
}

#[tokio::test]
async fn lighttpd_serves_no_file_beside_the_program() {
    serves_no_file_beside_the_program(WebServerKind::Lighttpd).await;
}

/// Operators read the server's log; the standard error of a CGI program has no other reader.
#[tokio::test]
async fn log_of_a_cgi_program_appears_in_the_log_of_the_web_server() {
    for kind in [
        WebServerKind::ApacheModCgid,
        WebServerKind::ApacheModCgi,
        WebServerKind::ApacheHtaccess,
        WebServerKind::Nginx,
        WebServerKind::Lighttpd,
        WebServerKind::Busybox,
    ] {
        let server = WebServer::start(kind).await.unwrap();
        let request = http::Request::get("/fail").body(anyhost::Body::empty());
        let response = server.send(request.unwrap()).await.unwrap();
        assert_eq!(Received::read(response).await.status, 500);
        let log = server.log();
        assert!(log.contains("secret detail"), "{kind:?}: {log}");
    }
}
