//! Watches the source files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cargo_metadata::Metadata;
use ignore::WalkBuilder;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::Error;
use crate::supervisor::Event;

/// Changes that follow each other within this time are reported once: editors and git write several files.
const QUIET: Duration = Duration::from_millis(50);

/// The maximum time for which a change is not reported because other changes follow.
const PATIENCE: Duration = Duration::from_secs(1);

/// The source files of the program.
pub(crate) struct Sources {
    /// The folders of the workspace and of other local packages.
    roots: Vec<PathBuf>,
    /// The folder in which cargo builds.
    target: PathBuf,
    /// A file that is watched although it is hidden.
    environment: PathBuf,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    files: Files,
}

/// The time of the last change and the length of each file.
type Files = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Sources {
    /// Watches the files of all local packages, except for files that git ignores, and one more file.
    /// [`Event::Changed`] follows after files were written, which does not mean that they differ.
    pub(crate) fn watch(
        metadata: &Metadata,
        environment: PathBuf,
        events: Sender<Event>,
    ) -> Result<Self, Error> {
        let (sender, receiver) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A build reads the files, which is not a change.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // Sending fails only if the receiver was dropped, because this process is exiting.
                let _ = sender.send(());
            }
        })?;
        thread::spawn(move || report(&receiver, &events));
        let mut sources = Self {
            roots: roots(metadata),
            target: metadata.target_directory.clone().into_std_path_buf(),
            environment,
            watcher,
            watched: BTreeSet::new(),
            files: Files::new(),
        };
        sources.has_changed()?;
        Ok(sources)
    }

    /// Whether files differ since the last call.
    pub(crate) fn has_changed(&mut self) -> Result<bool, Error> {
        let files = loop {
            let (folders, files) = self.list();
            self.watched.retain(|folder| folders.contains(folder));
            let new: Vec<_> = folders.difference(&self.watched).cloned().collect();
            // A file can be created in a new folder before the folder is watched, so the files are listed again.
            if new.is_empty() {
                break files;
            }
            for folder in new {
                match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                    Ok(()) => {}
                    Err(_) if !folder.exists() => {}
                    Err(error) => {
                        return Err(format!("cannot watch {}: {error}", folder.display()).into());
                    }
                }
                self.watched.insert(folder);
            }
        };
        let has_changed = files != self.files;
        self.files = files;
        Ok(has_changed)
    }

    fn list(&self) -> (BTreeSet<PathBuf>, Files) {
        let (mut folders, mut files) = (BTreeSet::new(), Files::new());
        let Some((first, others)) = self.roots.split_first() else {
            return (folders, files);
        };
        let mut walk = WalkBuilder::new(first);
        others.iter().for_each(|root| {
            walk.add(root);
        });
        let target = self.target.clone();
        walk.require_git(false)
            .filter_entry(move |entry| entry.path() != target);
        // Entries that vanish while the folder is read are errors, and are left out.
        for entry in walk.build().flatten() {
            match entry.file_type().is_some_and(|kind| kind.is_dir()) {
                true => {
                    folders.insert(entry.into_path());
                }
                false => add(&mut files, entry.path()),
            }
        }
        add(&mut files, &self.environment);
        folders.extend(self.environment.parent().map(PathBuf::from));
        (folders, files)
    }
}

fn add(files: &mut Files, path: &Path) {
    if let Ok(metadata) = path.metadata() {
        let version = (metadata.modified().ok(), metadata.len());
        files.insert(path.to_owned(), version);
    }
}

/// The folder of the workspace, and the folders of the packages that are not in it and not from a registry.
fn roots(metadata: &Metadata) -> Vec<PathBuf> {
    let mut roots = vec![metadata.workspace_root.clone().into_std_path_buf()];
    for package in &metadata.packages {
        let folder = package
            .manifest_path
            .parent()
            .map(cargo_metadata::camino::Utf8Path::as_std_path);
        if let Some(folder) = folder
            && package.source.is_none()
            && !roots.iter().any(|root| folder.starts_with(root))
        {
            roots.push(folder.to_owned());
        }
    }
    roots
}

/// Reports changes. Changes that follow each other quickly are reported once.
fn report(changes: &Receiver<()>, events: &Sender<Event>) {
    while changes.recv().is_ok() {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && changes.recv_timeout(QUIET).is_ok() {}
        if events.send(Event::Changed).is_err() {
            return;
        }
    }
}
