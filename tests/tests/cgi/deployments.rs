//! The probe under real web servers, in deployments that people use and that the suite does not cover.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhost_conformance::probe_path;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/cgi");

/// A web server in its own process group, which also contains the programs that it runs.
struct Server {
    port: u16,
    folder: TempDir,
    children: Vec<Child>,
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Servers run programs as another user, which needs access to this folder.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            port: free.local_addr().unwrap().port(),
            folder,
            children: Vec::new(),
        }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Copies the probe to this path.
    fn program(&self, name: &str) -> String {
        let program = self.root().join(name);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::copy(probe_path(), &program).unwrap();
        program.display().to_string()
    }

    fn spawn(&mut self, program: &str, args: &[&str]) {
        let log = self.root().join("log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(program)
            .args(args)
            .current_dir(self.root())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.children.push(child.unwrap());
    }

    fn wait_until(&self, ready: impl Fn() -> bool) {
        let timeout = Instant::now() + Duration::from_secs(20);
        while !ready() {
            let log = fs::read_to_string(self.root().join("log")).unwrap_or_default();
            assert!(
                Instant::now() < timeout,
                "the web server did not start: {log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn start(&mut self, program: &str, conf: &str, args: &[&str]) {
        let path = self.root().join("conf");
        fs::write(&path, conf).unwrap();
        let mut all = args.to_vec();
        let path = path.display().to_string();
        all.push(&path);
        self.spawn(program, &all);
        self.wait_until(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Apache with mod_cgid, and these lines of configuration.
    fn apache(&mut self, conf: &str) {
        let (root, port) = (self.root().display(), self.port);
        let mut all = format!(
            "ServerRoot {root}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {root}/pid\n\
             ErrorLog {root}/log\nScriptSock {root}/cgid.sock\nTypesConfig /dev/null\n"
        );
        for module in [
            "mpm_event",
            "authz_core",
            "alias",
            "env",
            "setenvif",
            "mime",
            "rewrite",
            "cgid",
        ] {
            let file = format!("/usr/lib/apache2/modules/mod_{module}.so");
            all += &format!("LoadModule {module}_module {file}\n");
        }
        if rustix::process::geteuid().is_root() {
            all += "User www-data\nGroup www-data\n";
        }
        all += conf;
        self.start("apache2", &all, &["-DFOREGROUND", "-f"]);
    }

    /// nginx with fcgiwrap and the configuration of `infra/cgi`: `location` captures the base path and the path.
    fn nginx(&mut self, server_name: &str, location: &str, program: &str) {
        let root = self.root().display().to_string();
        let socket = format!("unix:{root}/fcgiwrap.sock");
        self.spawn("fcgiwrap", &["-f", "-s", &socket]);
        self.wait_until(|| self.root().join("fcgiwrap.sock").exists());
        let user = match rustix::process::geteuid().is_root() {
            true => "user root;\n",
            false => "",
        };
        let port = self.port;
        let mut folders = String::new();
        for name in ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"] {
            folders += &format!("{name}_temp_path {root}/{name};\n");
        }
        let conf = format!(
            "{user}daemon off;\npid {root}/pid;\nerror_log {root}/log;\nevents {{}}\nhttp {{\n\
             access_log off;\n{folders}server {{\nlisten 127.0.0.1:{port};\nserver_name {server_name};\n\
             location ~ (?s){location} {{\nset $anyhost_program {program};\n\
             set $anyhost_socket {socket};\ninclude {INFRA}/nginx.conf;\n}}\n}}\n}}\n"
        );
        self.start("nginx", &conf, &["-e", "log", "-c"]);
    }

    /// Sends a request and returns the status and the whole response.
    fn send(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!("{head}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let status = response.split(' ').nth(1).unwrap_or_default();
        (status.parse().unwrap_or(0), response)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: a.example"), "")
    }

    /// Checks that the probe's JSON description of its request contains these members.
    fn assert_echo(&self, path: &str, expected: &[&str]) {
        let (status, response) = self.get(path);
        assert_eq!(status, 200, "{path}: {response}");
        for part in expected {
            assert!(response.contains(part), "{path}: {part}: {response}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            let _ = kill_process_group(group, Signal::TERM);
            let timeout = Instant::now() + Duration::from_secs(5);
            while Instant::now() < timeout && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// The site of a shared hosting customer, with the project's `.htaccess` and the program in the folder `/shop`.
fn htaccess_in_a_folder() -> Server {
    let mut server = Server::new();
    server.program("site/shop/app.cgi");
    let folder = server.root().join("site/shop");
    fs::copy(format!("{INFRA}/htaccess"), folder.join(".htaccess")).unwrap();
    let site = server.root().join("site").display().to_string();
    server.apache(&format!(
        "DocumentRoot {site}\nErrorDocument 404 /shop/app.cgi/echo/err\n\
         SetEnvIf X-Forwarded-Proto https HTTPS=on\n\
         <Directory {site}>\nAllowOverride All\nRequire all granted\n</Directory>\n"
    ));
    server
}

#[test]
fn apache_htaccess_in_a_folder_keeps_the_path_and_makes_the_folder_the_base_path() {
    let server = htaccess_in_a_folder();
    for (path, expected, base) in [
        ("/shop/echo/a%2Cb//c", "/echo/a%2Cb//c", "/shop"),
        ("/shop/echo/a%252Fb%3F?x=1", "/echo/a%252Fb%3F", "/shop"),
        ("//shop/echo", "/echo", "/shop"),
        ("/shop/app.cgi/echo/a%2Cb", "/echo/a%2Cb", "/shop/app.cgi"),
    ] {
        let path_member = format!(r#""path":"{expected}""#);
        let base_member = format!(r#""base_path":"{base}""#);
        server.assert_echo(path, &[&path_member, &base_member]);
    }
}

#[test]
fn apache_error_document_after_a_post_has_an_empty_body() {
    let server = htaccess_in_a_folder();
    let head = "POST /missing HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5";
    let (_, response) = server.send(head, "hello");
    for part in [
        r#""path":"/echo/err""#,
        r#""method":"GET""#,
        r#""length":0"#,
    ] {
        assert!(response.contains(part), "{part}: {response}");
    }
}

#[test]
fn apache_set_env_if_sets_the_scheme_https_from_a_header_of_the_proxy() {
    let server = htaccess_in_a_folder();
    let head = "GET /shop/echo HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: https";
    let (_, response) = server.send(head, "");
    assert!(response.contains(r#""scheme":"https""#), "{response}");
    server.assert_echo("/shop/echo", &[r#""scheme":"http""#]);
}

#[test]
fn program_with_the_name_prefix_nph_sends_each_status_under_apache_and_under_nginx_with_fcgiwrap() {
    let mut apache = Server::new();
    let program = apache.program("nph-app");
    apache.apache(&format!(
        "Define ANYHOST_PROGRAM {program}\nDefine ANYHOST_MOUNT /app\nInclude {INFRA}/apache.conf\n"
    ));
    let mut nginx = Server::new();
    let program = nginx.program("nph-app");
    nginx.nginx(
        "_",
        r"^(?<anyhost_mount>/app)(?<anyhost_path>/.*)?\z",
        &program,
    );
    for (name, server) in [("apache", apache), ("nginx", nginx)] {
        for (path, status) in [("/hello", 200), ("/status/404", 404), ("/error/500", 500)] {
            let (found, response) = server.get(&format!("/app{path}"));
            assert_eq!(found, status, "{name} {path}: {response}");
        }
    }
}

#[test]
fn path_is_complete_if_an_nginx_location_captures_it_without_the_leading_slash() {
    let mut server = Server::new();
    let program = server.program("app");
    server.nginx(
        "_",
        r"^(?<anyhost_mount>/app)/(?<anyhost_path>.*)\z",
        &program,
    );
    let expected = [r#""path":"/echo/x%2Cy""#, r#""base_path":"/app""#];
    server.assert_echo("/app/echo/x%2Cy", &expected);
}

#[test]
fn authority_is_unknown_under_a_catch_all_nginx_server_if_the_client_sends_no_host_header() {
    let mut server = Server::new();
    let program = server.program("app");
    server.nginx(
        "_",
        r"^(?<anyhost_mount>/app)(?<anyhost_path>/.*)?\z",
        &program,
    );
    let (_, response) = server.send("GET /app/echo HTTP/1.0", "");
    assert!(response.contains(r#""authority":null"#), "{response}");
}
