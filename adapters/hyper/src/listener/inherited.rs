//! Sockets that were open before this process began.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use socket2::SockRef;

use super::{Listener, Security, tcp, unix};
use crate::server::Server;

/// The listening sockets that systemd passed to this process (`sd_listen_fds(3)`).
///
/// Take them before there are threads: the variables that tell of them are removed, so that no child
/// process mistakes them for its own. TCP sockets speak TLS if the server has a certificate.
#[derive(Debug)]
pub struct Inherited(Vec<OwnedFd>);

impl Inherited {
    /// Takes them; `None` if none were passed.
    ///
    /// # Errors
    /// When what was passed is no listening socket.
    pub fn take() -> io::Result<Option<Self>> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            // Which kind of socket it is shows only when one tries to take it.
            let socket = match passed.take_tcp_listener(index) {
                Ok(socket) => socket.map(OwnedFd::from),
                Err(_) => passed.take_unix_listener(index)?.map(OwnedFd::from),
            };
            sockets.extend(socket);
        }
        Ok((!sockets.is_empty()).then_some(Self(sockets)))
    }

    /// A server that listens on them. Call it inside the runtime.
    ///
    /// # Errors
    /// When the sockets cannot be made non-blocking, or a setting of the environment cannot be understood
    /// (see [`Server::from_env`]).
    pub async fn into_server(self) -> io::Result<Server> {
        self.0
            .into_iter()
            .map(adopt)
            .try_fold(Server::from_env()?, |server, listener| {
                Ok(server.and_listener(listener?))
            })
    }
}

/// The listening socket with this number, which becomes ours.
pub(super) fn take(number: RawFd) -> io::Result<Listener> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    if number <= 2 {
        return Err(invalid("0, 1 and 2 are the standard streams"));
    }
    // SAFETY: it is not -1, and of one that is not open nothing comes but an error.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    // Whatever Rust has opened closes at exec. This one came through an exec, so nobody here owns it yet.
    if fcntl_getfd(borrowed)?.contains(FdFlags::CLOEXEC) {
        return Err(invalid(
            "this process was not started with it, or uses it already",
        ));
    }
    if !SockRef::from(&borrowed).is_listener()? {
        return Err(invalid("it does not listen"));
    }
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and now that it closes at exec it is not taken again.
    adopt(unsafe { OwnedFd::from_raw_fd(number) })
}

fn adopt(socket: OwnedFd) -> io::Result<Listener> {
    match SockRef::from(&socket).local_addr()?.is_unix() {
        true => Ok(Listener::Unix {
            _file: None,
            listener: unix::adopt(socket.into())?,
        }),
        false => Ok(Listener::Tcp(
            tcp::adopt(socket.into())?,
            Security::IfPossible,
        )),
    }
}
