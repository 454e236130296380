//! A server on a Unix socket, for targets that send bytes to it. Unix sockets have no ports that could run out.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhost_core::IntoHandler;
use anyhost_hyper::{Address, Server};

/// A server in its own thread.
pub struct TestServer(PathBuf);

impl TestServer {
    /// Starts a server. It runs until the process ends.
    pub fn start<K>(
        configure: impl FnOnce(Server) -> Server + Send + 'static,
        handler: impl IntoHandler<K> + Send + 'static,
    ) -> Self {
        let path = std::env::temp_dir().join(format!("anyhost-fuzz-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let address = Address::Unix(path.clone(), None);
        let (started, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            crate::block_on(async {
                let server = configure(Server::bind(address).await.unwrap());
                let server = server.with_graceful_shutdown(std::future::pending());
                started.send(()).unwrap();
                server.serve(handler).await.unwrap();
            });
        });
        wait.recv().unwrap();
        Self(path)
    }

    /// Sends bytes, and returns everything that the server sends until it closes the connection. `half_close` closes
    /// the sending side, after which the server may drop the request.
    pub fn send(&self, bytes: &[u8], half_close: bool) -> Vec<u8> {
        let mut stream = UnixStream::connect(&self.0).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        // The server may reject the input and close the connection before it has read all of it.
        let _ = stream.write_all(bytes);
        if half_close {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut received = Vec::new();
        match stream.read_to_end(&mut received) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!(
                    "the server did not close the connection: {:?}",
                    received.escape_ascii().to_string()
                )
            }
            _ => received,
        }
    }
}
