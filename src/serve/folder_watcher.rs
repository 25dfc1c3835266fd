//! Notices changes in the directory of `--config.dir`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use inotify::{EventStream, Inotify, WatchMask};
use tokio::time::{sleep, timeout};

use super::supervisor::Supervisor;

/// The directory is looked at so often without an event: file systems of other machines have no events, and a file may be
/// invalid because of another one, such as its secret.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// Several changes at once are one: Kubernetes and configuration management write many files.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// Bytes of events that are read at once.
const BUFFER: usize = 4096;

/// Events of the directory: Kubernetes renames a symbolic link.
const OF_FOLDER: WatchMask = WatchMask::CLOSE_WRITE
    .union(WatchMask::CREATE)
    .union(WatchMask::DELETE)
    .union(WatchMask::MOVED_FROM)
    .union(WatchMask::MOVED_TO);

/// Events of the directory above: the directory may be a symbolic link that is replaced, or be created later.
const OF_PARENT: WatchMask = WatchMask::CREATE.union(WatchMask::MOVED_TO);

/// Reads the changed files of the directory after each change.
pub async fn follow_folder(supervisor: Arc<Supervisor>) {
    let Some(folder) = supervisor.folder().await else {
        // Without the flag there is nothing to watch.
        return std::future::pending().await;
    };
    let mut watcher = FolderWatcher::new(folder);
    loop {
        watcher.changed().await;
        supervisor.refresh_folder().await;
    }
}

/// Waits for changes.
struct FolderWatcher {
    folder: PathBuf,
    /// `None` if the system has no more of them: then the directory is polled.
    events: Option<EventStream<[u8; BUFFER]>>,
}

impl FolderWatcher {
    fn new(folder: PathBuf) -> Self {
        let events = Inotify::init().and_then(|inotify| inotify.into_event_stream([0; BUFFER]));
        if let Err(reason) = &events {
            tracing::warn!(
                %reason,
                "changes of --config.dir are noticed after up to 30 seconds, because inotify cannot be used"
            );
        }
        let watcher = Self {
            folder,
            events: events.ok(),
        };
        watcher.watch();
        watcher
    }

    /// Watches the directory that the path leads to now. What is watched already is not watched twice.
    fn watch(&self) {
        let Some(events) = &self.events else {
            return;
        };
        let parent = self
            .folder
            .parent()
            .filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        for (path, mask) in [(parent, OF_PARENT), (&*self.folder, OF_FOLDER)] {
            // Where it fails, polling remains.
            if let Err(reason) = events.watches().add(path, mask) {
                tracing::debug!(path = %path.display(), %reason, "a directory cannot be watched");
            }
        }
    }

    /// Waits for a change, and until the changes that belong to it are made; at most for [`POLL_INTERVAL`].
    async fn changed(&mut self) {
        match &mut self.events {
            None => sleep(POLL_INTERVAL).await,
            Some(events) => {
                if timeout(POLL_INTERVAL, events.next()).await.is_ok() {
                    sleep(SETTLE_TIME).await;
                    // Which files they are about does not matter: the metadata of all are compared.
                    while let Some(Some(Ok(_))) = events.next().now_or_never() {}
                }
            }
        }
        self.watch();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Whether a change is noticed long before the next poll.
    async fn is_noticed(watcher: &mut FolderWatcher, change: impl FnOnce()) -> bool {
        change();
        timeout(POLL_INTERVAL / 2, watcher.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn changed_file_and_replaced_link_are_noticed() {
        let parent = tempfile::tempdir().expect("a directory can be created");
        let path = |name: &str| parent.path().join(name);
        for folder in ["one", "two"] {
            fs::create_dir(path(folder)).expect("a directory can be created");
        }
        symlink("one", path("current")).expect("a link can be created");
        let mut watcher = FolderWatcher::new(path("current"));
        let write = |file: &str| fs::write(path(file), "x").expect("the file can be written");
        assert!(is_noticed(&mut watcher, || write("one/a.yml")).await);
        let replace = || {
            symlink("two", path("new")).expect("a link can be created");
            fs::rename(path("new"), path("current")).expect("the link can be renamed");
        };
        assert!(is_noticed(&mut watcher, replace).await);
        assert!(is_noticed(&mut watcher, || write("two/b.yml")).await);
        assert!(
            is_noticed(&mut watcher, || fs::remove_file(path("two/b.yml"))
                .expect("it is there"))
            .await
        );
        // Reading is no change.
        drop(crate::small_file::read(&path("one/a.yml")));
        assert!(timeout(SETTLE_TIME * 3, watcher.changed()).await.is_err());
    }
}
