//! Listening sockets that another process opened and passed to this process.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use socket2::SockRef;

use super::listener::{Listener, Security};
use super::{tcp, unix};

/// The listening sockets that systemd passed to this process (`sd_listen_fds(3)`), for
/// [`Server::and_inherited`](crate::Server::and_inherited).
///
/// TCP sockets speak TLS if the server has a certificate.
#[derive(Debug)]
pub struct Inherited(Vec<OwnedFd>);

impl Inherited {
    /// Takes the sockets. Returns `None` if no sockets were passed.
    ///
    /// This function must be called before the process has other threads, because it removes the environment variables
    /// `LISTEN_FDS` and `LISTEN_PID`, so that child processes do not use the sockets.
    ///
    /// # Errors
    /// When a descriptor that was passed is not a listening socket.
    pub fn take() -> io::Result<Option<Self>> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            // `listenfd` does not report whether a socket is a TCP or a Unix socket. If the wrong kind is requested, it
            // returns an error.
            let socket = match passed.take_tcp_listener(index) {
                Ok(socket) => socket.map(OwnedFd::from),
                Err(_) => passed.take_unix_listener(index)?.map(OwnedFd::from),
            };
            if let Some(socket) = socket {
                // On a socket that does not listen, accept(2) would fail again and again.
                if !SockRef::from(&socket).is_listener()? {
                    let message = format!("socket {index} of LISTEN_FDS is not a listening socket");
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
                sockets.push(socket);
            }
        }
        Ok((!sockets.is_empty()).then_some(Self(sockets)))
    }

    /// Must be called inside the Tokio runtime, which registers the sockets.
    pub(crate) fn into_listeners(self) -> io::Result<Vec<Listener>> {
        self.0.into_iter().map(listener).collect()
    }
}

/// Takes ownership of the listening socket with this descriptor, for `fd:` addresses.
pub(super) fn take_descriptor(number: RawFd) -> io::Result<Listener> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    if number <= 2 {
        return Err(invalid("descriptors 0, 1 and 2 are the standard streams"));
    }
    // SAFETY: `BorrowedFd` requires a number other than -1, and `number` is greater than 2. The descriptor is only
    // passed to system calls, which return EBADF if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    // Every descriptor that Rust opens has FD_CLOEXEC. A descriptor without FD_CLOEXEC was passed through exec(2), so
    // no value in this process owns it yet.
    if fcntl_getfd(borrowed)?.contains(FdFlags::CLOEXEC) {
        return Err(invalid(
            "the descriptor was not passed to this process, or is already in use",
        ));
    }
    if !SockRef::from(&borrowed).is_listener()? {
        return Err(invalid("the descriptor is not a listening socket"));
    }
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    // SAFETY: the descriptor is open, and no other value owns it (see above). From now on it has FD_CLOEXEC, so
    // this function never takes it a second time.
    listener(unsafe { OwnedFd::from_raw_fd(number) })
}

fn listener(socket: OwnedFd) -> io::Result<Listener> {
    match SockRef::from(&socket).local_addr()?.is_unix() {
        true => Ok(Listener::Unix {
            _file: None,
            listener: unix::configure(socket.into())?,
        }),
        false => Ok(Listener::Tcp(
            tcp::configure(socket.into())?,
            Security::TlsIfPossible,
        )),
    }
}
