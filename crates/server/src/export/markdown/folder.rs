//! Where the files go: a directory, or a zip.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use crate::export::ExportError;
use crate::export::out::Out;

/// Takes files one after another. Paths are relative, with `/` and at most one folder.
#[async_trait]
pub trait Folder: Send {
    /// Takes a file.
    async fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError>;
}

/// A directory on the disk. Files of the same name are replaced, others stay.
pub struct Directory(PathBuf);

impl Directory {
    /// A directory; it is made, for this user only, when it is not there.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        if !path.is_dir() {
            let mut builder = std::fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&path)?;
        }
        Ok(Self(path))
    }
}

#[async_trait]
impl Folder for Directory {
    async fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.0.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(std::fs::write(path, bytes)?)
    }
}

/// A zip that is written as it is made: sizes and checksums stand after each file.
pub(super) struct Zip<'a, 'b> {
    writer: Box<ZipWriter<StreamWriter<Held>>>,
    held: Held,
    out: &'a mut Out<'b>,
}

/// What the writer has made and nobody took yet.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, 'b> Zip<'a, 'b> {
    pub(super) fn new(out: &'a mut Out<'b>) -> Self {
        let held = Held::default();
        Self { writer: Box::new(ZipWriter::new_stream(held.clone())), held, out }
    }

    /// Writes the list of files that ends a zip.
    pub(super) async fn finish(self) -> Result<(), ExportError> {
        self.writer.finish().map_err(io::Error::from)?;
        self.out.bytes(&self.held.take()).await
    }
}

#[async_trait]
impl Folder for Zip<'_, '_> {
    async fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        // Text shrinks, and images are small already. Without times, so that equal data gives equal files.
        let method =
            if path.ends_with(".md") { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .large_file(bytes.len() > u32::MAX as usize);
        self.writer.start_file(path, options).map_err(io::Error::from)?;
        self.writer.write_all(bytes)?;
        self.out.bytes(&self.held.take()).await
    }
}
