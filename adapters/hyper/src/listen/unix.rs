//! Unix sockets and their files.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::tcp::BACKLOG;

/// Listens at `path`, replacing a stale socket file.
pub(super) async fn bind(path: &Path, mode: Option<u32>) -> io::Result<(SocketFile, UnixListener)> {
    let _lock = lock_folder(path).await;
    remove_stale(path).await?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path)?;
    if let Some(mode) = mode {
        // Between bind(2) and listen(2), connections are refused, so no client connects while the file still has the
        // permissions of the umask.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    Ok((file, configure(socket.into())?))
}

/// How long to wait between two attempts to lock the folder, and how many attempts to make.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);
const LOCK_ATTEMPTS: u32 = 100;

/// Locks the folder of the socket until the returned file is dropped. A socket between bind(2) and listen(2) looks
/// stale. Without the lock, this process would remove the socket of another process that starts at the same time.
///
/// Returns `None` if the folder cannot be locked. If the folder is unusable, bind(2) reports the error.
async fn lock_folder(path: &Path) -> Option<File> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let folder = File::open(folder).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => sleep(LOCK_INTERVAL).await,
            result => return result.ok().map(|()| folder),
        }
    }
    None
}

pub(super) fn configure(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Removes a socket file on which no process listens. A process that is killed leaves such a file behind.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Ok(()),
    }
}

/// Removes the file of a Unix socket on drop, unless another process has put a new socket in its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            id: file_id(path)?,
        })
    }
}

/// Device and inode: the identity of a file.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if file_id(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, path = %self.path.display(), "failed to remove the socket file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The other process is between bind(2) and listen(2).
    #[tokio::test]
    async fn a_socket_that_another_process_has_bound_but_does_not_listen_on_yet_is_not_replaced()
    -> io::Result<()> {
        let folder = std::env::temp_dir().join(format!("anyhost-unix-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let path = folder.join("app.sock");
        let lock = lock_folder(&path).await;
        let other = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        other.bind(&SockAddr::unix(&path)?)?;
        let other_starts = async {
            sleep(LOCK_INTERVAL * 3).await;
            let listening = other.listen(1);
            drop(lock);
            listening
        };
        let (bound, listening) = tokio::join!(bind(&path, None), other_starts);
        listening?;
        let error = bound.err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::AddrInUse));
        drop(other);
        // Now the socket is stale.
        drop(bind(&path, None).await?);
        fs::remove_dir_all(&folder)
    }
}
