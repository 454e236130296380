//! The probe under Debian's Apache, with the configuration that users get.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhost_conformance::{Can, Cut, Wire, contract, free_port, probe_path, wait_for};
use tokio::process::{Child, Command};

const CONF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/apache/anyhost.conf");
const MODULES: &str = "/usr/lib/apache2/modules";

/// Starts Apache with one of its two modules for CGI.
async fn start(folder: &Path, mpm: &str, cgi: &str) -> (Child, SocketAddr) {
    // Apache runs programs as another user, who must be able to reach this one.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("probe");
    std::fs::copy(probe_path(), &program).unwrap();
    let conf = folder.join("httpd.conf");
    let port = free_port();
    let root = folder.display();
    let user = if rustix::process::geteuid().is_root() {
        "User www-data\nGroup www-data\n"
    } else {
        ""
    };
    let settings = format!(
        "ServerRoot {root}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {root}/pid\nErrorLog {root}/error.log\n\
         LoadModule mpm_{mpm}_module {MODULES}/mod_mpm_{mpm}.so\n\
         LoadModule authz_core_module {MODULES}/mod_authz_core.so\n\
         LoadModule alias_module {MODULES}/mod_alias.so\n\
         LoadModule env_module {MODULES}/mod_env.so\n\
         LoadModule {cgi}_module {MODULES}/mod_{cgi}.so\n\
         {}{user}\
         Define ANYHOST_PROGRAM {}\nDefine ANYHOST_MOUNT /app\nInclude {CONF}\n",
        if cgi == "cgid" {
            format!("ScriptSock {root}/cgid.sock\n")
        } else {
            String::new()
        },
        program.display(),
    );
    std::fs::write(&conf, settings).unwrap();
    let child = Command::new("apache2")
        .args(["-DFOREGROUND", "-f"])
        .arg(conf)
        // When it stops it signals its whole group, which must not be ours.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .expect("apache2 is installed (tests/run does that)");
    let address = ([127, 0, 0, 1], port).into();
    wait_for(address).await;
    (child, address)
}

const APACHE: Can = Can {
    base_path: "/app",
    // mod_cgi and mod_cgid show a reply that ends early as a whole one.
    cut: Cut::Invisible,
    location_with_200: false,
    remembers: false,
    ..Can::everything("cgi")
};

async fn contract_holds(mpm: &str, cgi: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (mut apache, address) = start(folder.path(), mpm, cgi).await;
    let failures = contract::run(&Wire::tcp(address, APACHE)).await;
    let log = std::fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
    assert_eq!(failures, Vec::<String>::new(), "{log}");
    assert!(
        log.contains("secret detail"),
        "the handler's log is in Apache's: {log}"
    );
    // SIGTERM, so that it takes its children with it.
    let id = apache
        .id()
        .and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
    rustix::process::kill_process(id.unwrap(), rustix::process::Signal::TERM).unwrap();
    apache.wait().await.unwrap();
}

#[tokio::test]
async fn the_contract_holds_under_mod_cgid() {
    contract_holds("event", "cgid").await;
}

#[tokio::test]
async fn the_contract_holds_under_mod_cgi() {
    contract_holds("prefork", "cgi").await;
}
