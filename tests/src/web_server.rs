//! The web servers of Debian with the configuration files of `infra/cgi` and the probe as their CGI program.

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use anyhost::{Request, Response, async_trait};

use crate::probe_process::{free_port, listens, probe_path};
use crate::profile::Profile;
use crate::profiles;
use crate::transport::Transport;
use crate::transports::HttpTransport;

const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/cgi");
const MODULES: &str = "/usr/lib/apache2/modules";

/// A web server that can run CGI programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebServerKind {
    /// Apache with the event MPM and mod_cgid: a daemon starts the program; stdin and stdout are one socket.
    ApacheModCgid,
    /// Apache with the prefork MPM and mod_cgi: each worker starts programs; stdin and stdout are pipes.
    ApacheModCgi,
    /// Apache as on shared hosting: the only configuration is an `.htaccess` file in the folder of the program.
    ApacheHtaccess,
    /// nginx with fcgiwrap.
    Nginx,
    /// lighttpd.
    Lighttpd,
    /// busybox httpd.
    Busybox,
}

/// A running web server. Dropping it ends its processes.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    http: HttpTransport,
    children: Vec<Child>,
    folder: TempDir,
}

impl WebServer {
    /// Starts a web server on a free port of the loopback interface.
    ///
    /// # Errors
    /// The server is not installed, or does not start.
    pub async fn start(kind: WebServerKind) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("expected to create a folder");
        // Servers run programs as another user, who needs access to this folder.
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("expected to set the mode of the folder");
        let port = free_port();
        let site = Site {
            root: folder.path(),
            port,
        };
        let (profile, children) = match kind {
            WebServerKind::ApacheModCgid => (
                profiles::APACHE_CGID.clone(),
                vec![site.apache("event", "cgid", false)?],
            ),
            WebServerKind::ApacheModCgi => (
                profiles::APACHE_CGI.clone(),
                vec![site.apache("prefork", "cgi", false)?],
            ),
            WebServerKind::ApacheHtaccess => (
                profiles::APACHE_HTACCESS.clone(),
                vec![site.apache("event", "cgid", true)?],
            ),
            WebServerKind::Nginx => (profiles::NGINX.clone(), site.nginx()?),
            WebServerKind::Lighttpd => (profiles::LIGHTTPD.clone(), vec![site.lighttpd()?]),
            WebServerKind::Busybox => (profiles::BUSYBOX.clone(), vec![site.busybox()?]),
        };
        let address = ([127, 0, 0, 1], port).into();
        let server = Self {
            address,
            http: HttpTransport::tcp(address, profile),
            children,
            folder,
        };
        match listens(address).await {
            true => Ok(server),
            false => Err(format!(
                "{kind:?} did not start to listen: {}",
                server.log()
            )),
        }
    }

    /// The address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The log of the server so far, which contains the standard error of the probe.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

#[async_trait]
impl Transport for WebServer {
    fn profile(&self) -> &Profile {
        self.http.profile()
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        self.http.send(request).await
    }
}

impl Drop for WebServer {
    /// Each server was started in a new process group, which also contains the programs that it runs.
    fn drop(&mut self) {
        for child in &mut self.children {
            let Some(group) = child.id().try_into().ok().and_then(Pid::from_raw) else {
                continue;
            };
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

struct Site<'a> {
    root: &'a Path,
    port: u16,
}

impl Site<'_> {
    /// Copies the probe to this path, and puts a secret file next to it.
    fn program(&self, name: &str) -> String {
        let program = self.root.join(name);
        fs::create_dir_all(program.parent().unwrap_or(self.root))
            .expect("expected to create a folder");
        fs::copy(probe_path(), &program).expect("expected to copy the probe");
        let secret = format!("{}.env", program.display());
        fs::write(secret, "secret").expect("expected to write a file");
        program.display().to_string()
    }

    fn configuration(&self, text: &str) -> String {
        let path = self.root.join("conf");
        fs::write(&path, text).expect("expected to write a configuration");
        path.display().to_string()
    }

    fn spawn(&self, program: &str, args: &[&str]) -> Result<Child, String> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.root.join("log"))
            .expect("expected to write a log");
        Command::new(program)
            .args(args)
            .env("RUST_BACKTRACE", "0")
            // Set here, because fcgiwrap and busybox pass their own environment to programs.
            .env("PROBE_LINT", "1")
            .current_dir(self.root)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{program}: {error} (tests/run installs it)"))
    }

    fn apache(&self, mpm: &str, cgi: &str, htaccess: bool) -> Result<Child, String> {
        let (root, port) = (self.root.display(), self.port);
        let module = |name: &str| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
        let mut conf = format!(
            "ServerRoot {root}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {root}/pid\nErrorLog {root}/log\n"
        );
        conf += &module(&format!("mpm_{mpm}"));
        for name in ["authz_core", "alias", "env", "mime", "rewrite", cgi] {
            conf += &module(name);
        }
        conf += "SetEnv PROBE_LINT 1\n";
        if cgi == "cgid" {
            conf += &format!("ScriptSock {root}/cgid.sock\n");
        }
        if rustix::process::geteuid().is_root() {
            conf += "User www-data\nGroup www-data\n";
        }
        if htaccess {
            self.program("site/app.cgi");
            fs::copy(
                format!("{INFRA}/htaccess"),
                self.root.join("site/.htaccess"),
            )
            .expect("expected to copy the .htaccess file");
            conf += &format!(
                "TypesConfig /dev/null\nDocumentRoot {root}/site\n\
                 <Directory {root}/site>\nAllowOverride All\nRequire all granted\n</Directory>\n"
            );
        } else {
            let program = self.program("app");
            conf += &format!(
                "TypesConfig /dev/null\nDefine ANYHOST_PROGRAM {program}\nDefine ANYHOST_MOUNT /app\n\
                 Include {INFRA}/apache.conf\n"
            );
        }
        let conf = self.configuration(&conf);
        self.spawn("apache2", &["-DFOREGROUND", "-f", &conf])
    }

    fn nginx(&self) -> Result<Vec<Child>, String> {
        let (root, port, program) = (self.root.display(), self.port, self.program("app"));
        let socket = format!("unix:{root}/fcgiwrap.sock");
        let wrap = self.spawn("fcgiwrap", &["-c", "4", "-f", "-s", &socket])?;
        let timeout = Instant::now() + Duration::from_secs(10);
        while !self.root.join("fcgiwrap.sock").exists() && Instant::now() < timeout {
            std::thread::sleep(Duration::from_millis(5));
        }
        let user = if rustix::process::geteuid().is_root() {
            "user root;\n"
        } else {
            ""
        };
        let conf = self.configuration(&format!(
            "{user}daemon off;\npid {root}/pid;\nerror_log {root}/log;\nworker_processes 1;\n\
             events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {root}/body;\n\
             fastcgi_temp_path {root}/fastcgi;\nproxy_temp_path {root}/proxy;\n\
             uwsgi_temp_path {root}/uwsgi;\nscgi_temp_path {root}/scgi;\n\
             server {{\nlisten 127.0.0.1:{port};\n\
             location ~ (?s)^(?<anyhost_mount>/app)(?<anyhost_path>/.*)?\\z {{\n\
             set $anyhost_program {program};\nset $anyhost_socket {socket};\n\
             include {INFRA}/nginx.conf;\n}}\n}}\n}}\n"
        ));
        Ok(vec![
            self.spawn("nginx", &["-c", &conf, "-e", "log"])?,
            wrap,
        ])
    }

    fn lighttpd(&self) -> Result<Child, String> {
        let (root, port, program) = (self.root.display(), self.port, self.program("app"));
        fs::create_dir(self.root.join("site")).expect("expected to create a folder");
        let conf = self.configuration(&format!(
            "server.document-root = \"{root}/site\"\nserver.port = {port}\nserver.bind = \"127.0.0.1\"\n\
             server.errorlog = \"{root}/log\"\nserver.breakagelog = \"{root}/log\"\n\
             server.upload-dirs = ( \"{root}\" )\n\
             var.anyhost_program = \"{program}\"\nvar.anyhost_mount = \"/app\"\n\
             include \"{INFRA}/lighttpd.conf\"\n\
             $HTTP[\"url\"] =~ \"\" {{ setenv.add-environment = (\n\
             \"ANYHOST_CGI_DEADLINE\" => \"300\", \"PROBE_LINT\" => \"1\" ) }}\n"
        ));
        self.spawn("lighttpd", &["-D", "-f", &conf])
    }

    fn busybox(&self) -> Result<Child, String> {
        self.program("cgi-bin/app");
        let listen = format!("127.0.0.1:{}", self.port);
        let conf = format!("{INFRA}/busybox.conf");
        let root = self.root.display().to_string();
        self.spawn(
            "busybox",
            &["httpd", "-f", "-p", &listen, "-c", &conf, "-h", &root],
        )
    }
}
