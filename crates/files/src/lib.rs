//! Stored documents of the job portal in a local directory: the adapter of the [`FileStore`] port.
//!
//! # Duty and invariants
//! - A content is there whole or not at all: it is written to a temporary file, flushed to the disk, and then renamed;
//!   when `put` returns it survives a crash. (After one, a temporary file, whose name starts with a dot, may be left behind; it is listed with the others, to be cleaned up.)
//! - A key is `kind/name.ext`. Nothing outside the directory can be named: any other form of key is refused before the
//!   file system sees it.
//! - Only the user that runs the server can read the files.
//! - Errors name no path: they may reach a log, never a client.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use jobportal_application::{FileError, FileStore};

/// Keeps documents in a directory.
#[derive(Clone, Debug)]
pub struct LocalFiles {
    dir: PathBuf,
}

impl LocalFiles {
    /// Opens a directory, made if it is not there, and proves that it can be written.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let files = Self { dir: dir.into() };
        let made = private_directory().recursive(true).create(&files.dir);
        match made.and_then(|()| files.probe()) {
            Ok(()) => Ok(files),
            Err(error) => {
                let reason = format!("documents can't be stored in {}: {error}", files.dir.display());
                Err(io::Error::new(error.kind(), reason))
            }
        }
    }

    /// Proves that the directory can be written.
    pub fn probe(&self) -> io::Result<()> {
        tempfile::tempfile_in(&self.dir)?.write_all(b"probe")
    }

    /// The directory of a key and the name in it; `None` unless the key is of the form `kind/name.ext`.
    fn locate<'k>(&self, key: &'k str) -> Option<(PathBuf, &'k str)> {
        let is_safe = |name: &str| {
            !name.is_empty()
                && !name.starts_with('.')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        let (kind, name) = key.split_once('/')?;
        (is_safe(kind) && is_safe(name)).then(|| (self.dir.join(kind), name))
    }
}

#[async_trait]
impl FileStore for LocalFiles {
    async fn put(&self, key: &str, content: Bytes) -> Result<(), FileError> {
        let (dir, name) = self.locate(key).ok_or_else(|| FileError::Unavailable("the key is malformed".into()))?;
        let target = dir.join(name);
        let root = self.dir.clone();
        // One job on a blocking thread: it can't be left half done when the caller goes away.
        let written = tokio::task::spawn_blocking(move || write(&root, &dir, &target, &content)).await;
        written.map_err(unavailable)?.map_err(unavailable)
    }

    async fn get(&self, key: &str) -> Result<Bytes, FileError> {
        let (dir, name) = self.locate(key).ok_or(FileError::Missing)?;
        match tokio::fs::read(dir.join(name)).await {
            Ok(content) => Ok(content.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FileError::Missing),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn stored_before(&self, before: DateTime<Utc>) -> Result<Vec<String>, FileError> {
        let root = self.dir.clone();
        let listed = tokio::task::spawn_blocking(move || list(&root, before.into())).await;
        listed.map_err(unavailable)?.map_err(unavailable)
    }

    async fn delete(&self, key: &str) -> Result<(), FileError> {
        // A temporary file that a crash left behind has a dot before its name.
        if self.locate(&key.replacen("/.", "/", 1)).is_none() {
            return Ok(());
        }
        match tokio::fs::remove_file(self.dir.join(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unavailable(error)),
            _ => Ok(()),
        }
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> FileError {
    FileError::Unavailable(error.into())
}

fn write(root: &Path, dir: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    match private_directory().create(dir) {
        Ok(()) => sync_directory(root)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
        Err(error) => return Err(error),
    }
    // Readable by its owner alone, and gone again if anything below fails.
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(dir)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    sync_directory(dir)
}

/// The keys of all files, temporary ones included, that were last written before `before`.
fn list(root: &Path, before: SystemTime) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    for dir in fs::read_dir(root)? {
        let dir = dir?;
        if !dir.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(dir.path())? {
            let file = file?;
            // One that was deleted meanwhile is no failure.
            let is_old = file.metadata().and_then(|data| data.modified()).is_ok_and(|written| written < before);
            if let (true, Ok(kind), Ok(name)) = (is_old, dir.file_name().into_string(), file.file_name().into_string())
            {
                keys.push(format!("{kind}/{name}"));
            }
        }
    }
    Ok(keys)
}

fn private_directory() -> fs::DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has a mode to set"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes a new name in a directory survive a crash. Only Unix has directories that can be flushed.
fn sync_directory(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "resume/-aB_9.pdf";

    fn store() -> (tempfile::TempDir, LocalFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = LocalFiles::open(dir.path().join("documents")).unwrap();
        (dir, files)
    }

    #[tokio::test]
    async fn gives_back_what_was_put() {
        let (_dir, files) = store();
        files.put(KEY, Bytes::from_static(b"first")).await.unwrap();
        assert_eq!(files.get(KEY).await.unwrap(), "first");
        files.put(KEY, Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(files.get(KEY).await.unwrap(), "second");
        files.put("resume/empty.pdf", Bytes::new()).await.unwrap();
        assert_eq!(files.get("resume/empty.pdf").await.unwrap(), "");
    }

    #[tokio::test]
    async fn leaves_no_temporary_file() {
        let (dir, files) = store();
        files.put(KEY, Bytes::from_static(b"content")).await.unwrap();
        let names: Vec<_> =
            fs::read_dir(dir.path().join("documents/resume")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["-aB_9.pdf"]);
    }

    #[tokio::test]
    async fn outlives_the_process() {
        let (dir, files) = store();
        files.put(KEY, Bytes::from_static(b"content")).await.unwrap();
        let reopened = LocalFiles::open(dir.path().join("documents")).unwrap();
        assert_eq!(reopened.get(KEY).await.unwrap(), "content");
    }

    #[tokio::test]
    async fn what_is_not_there_is_missing_and_deleted_already() {
        let (_dir, files) = store();
        assert!(matches!(files.get(KEY).await, Err(FileError::Missing)));
        files.put(KEY, Bytes::from_static(b"content")).await.unwrap();
        files.delete(KEY).await.unwrap();
        assert!(matches!(files.get(KEY).await, Err(FileError::Missing)));
        files.delete(KEY).await.unwrap();
        files.delete("other/x.pdf").await.unwrap();
    }

    #[tokio::test]
    async fn a_key_names_nothing_outside() {
        let (dir, files) = store();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        for key in [
            "",
            "/",
            "resume",
            "resume/",
            "/secret",
            "../secret",
            "resume/../../secret",
            "resume/..",
            "./secret",
            "resume/.hidden",
            "resume/a/b.pdf",
            "resume\\a.pdf",
            "resume/a\\b.pdf",
            "resume/a\0.pdf",
            "resume/ä.pdf",
            "resume/a b.pdf",
            "C:/a.pdf",
        ] {
            assert!(matches!(files.get(key).await, Err(FileError::Missing)), "get {key:?}");
            let put = files.put(key, Bytes::from_static(b"x")).await;
            assert!(matches!(put, Err(FileError::Unavailable(_))), "put {key:?}");
            files.delete(key).await.unwrap();
        }
        assert_eq!(fs::read_to_string(dir.path().join("secret")).unwrap(), "secret");
        assert_eq!(fs::read_dir(dir.path().join("documents")).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn others_on_the_machine_can_not_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, files) = store();
        files.put(KEY, Bytes::from_static(b"content")).await.unwrap();
        for (path, mode) in [("", 0o700), ("resume", 0o700), (KEY, 0o600)] {
            let found = fs::metadata(dir.path().join("documents").join(path)).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{path}");
        }
    }

    #[test]
    fn says_in_one_sentence_that_a_directory_can_not_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for bad in [file.clone(), file.join("below")] {
            let error = LocalFiles::open(&bad).unwrap_err().to_string();
            assert!(error.starts_with("documents can't be stored in "), "{error}");
            assert!(error.contains(&*bad.to_string_lossy()), "{error}");
        }
    }

    #[tokio::test]
    async fn is_unavailable_when_its_directory_is_gone() {
        let (dir, files) = store();
        fs::remove_dir_all(dir.path().join("documents")).unwrap();
        assert!(matches!(files.put(KEY, Bytes::new()).await, Err(FileError::Unavailable(_))));
    }

    #[tokio::test]
    async fn lists_what_was_stored_before_a_time() {
        let (dir, files) = store();
        files.put(KEY, Bytes::from_static(b"content")).await.unwrap();
        let left_over = dir.path().join("documents/resume/.tmpabc");
        fs::write(&left_over, b"half").unwrap();
        let (past, future) =
            (DateTime::UNIX_EPOCH, DateTime::from(SystemTime::now() + std::time::Duration::from_secs(60)));
        assert!(files.stored_before(past).await.unwrap().is_empty());
        let mut listed = files.stored_before(future).await.unwrap();
        listed.sort_unstable();
        assert_eq!(listed, [KEY, "resume/.tmpabc"]);
        for key in &listed {
            files.delete(key).await.unwrap();
        }
        assert!(files.stored_before(future).await.unwrap().is_empty());
    }
}
