//! A process of the program.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::SystemTime;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use crate::supervisor::Event;

/// What a process was started from. If it is unchanged, a restart is not necessary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    executable: PathBuf,
    /// cargo creates the file again when the program has changed.
    file: (u64, SystemTime),
    variables: Vec<(String, String)>,
}

impl Version {
    pub(crate) fn of(executable: PathBuf, variables: Vec<(String, String)>) -> io::Result<Self> {
        let metadata = executable.metadata()?;
        Ok(Self {
            file: (metadata.ino(), metadata.modified()?),
            executable,
            variables,
        })
    }
}

/// A process of the program.
pub(crate) struct Program {
    pub(crate) version: Version,
    pub(crate) pid: Pid,
}

impl Program {
    /// Starts a process that inherits the socket as from systemd (`sd_listen_fds(3)`). When the process ends,
    /// [`Event::Exited`] follows.
    pub(crate) fn start(
        version: Version,
        args: &[OsString],
        socket: &TcpListener,
        notify_socket: &Path,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let mut command = Command::new(&version.executable);
        command
            .args(args)
            .envs(version.variables.iter().map(|(name, value)| (name, value)))
            .env("ANYHOST", "http")
            .env("ANYHOST_ENV", "development")
            .env("LISTEN_FDS", "1")
            // The number of the descriptor is kept: the crate `listenfd` reads it from this variable.
            .env("LISTEN_FDS_FIRST_FD", socket.as_raw_fd().to_string())
            // This variable would have to contain the id of the new process. Without it, the id is not checked.
            .env_remove("LISTEN_PID")
            .env("NOTIFY_SOCKET", notify_socket)
            .stdin(Stdio::null())
            // Ctrl-C sends SIGINT to all processes of a group. In its own group, the process gets only the SIGTERM of
            // this process, and a second signal does not abort its requests.
            .process_group(0);
        // Only this thread starts processes, so that no other process inherits the socket.
        fcntl_setfd(socket, FdFlags::empty())?;
        let child = command.spawn();
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
        let mut child = child?;
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            // Sending fails only if the receiver was dropped, because this process is exiting.
            let _ = events.send(Event::Exited(pid, child.wait()));
        });
        Ok(Self { version, pid })
    }

    /// Asks the process to complete the requests in flight and to end. A second call ends it at once.
    pub(crate) fn stop(&self) {
        // If the process has just ended, there is nothing to stop.
        let _ = kill_process(self.pid, Signal::TERM);
    }
}
