//! The last good copy of each part on local disk: `DIR/plan/PART.json`, replaced atomically.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A part is at most a ConfigMap, which is at most 1 MiB; a file above that is not ours.
pub const PART_AT_MOST: usize = 2 * 1024 * 1024;

/// A folder with the parts of a plan.
#[derive(Debug)]
pub struct DiskCopy {
    folder: PathBuf,
}

impl DiskCopy {
    /// Opens `data/plan`, making it where it is missing.
    pub fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("plan");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Every part's name and text, ordered by name. What cannot be read stands there with its error.
    pub fn read(&self) -> io::Result<Vec<(String, io::Result<String>)>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            // What is left of an interrupted write ends otherwise.
            let Some(part) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            if is_part_name(part) {
                parts.push((part.to_owned(), read_bounded(&entry.path())));
            }
        }
        parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(parts)
    }

    /// Writes a part so that a crash at any moment leaves the old text or the new one.
    pub fn write(&self, part: &str, text: &str) -> io::Result<()> {
        let temporary = self.folder.join(format!("{part}.part"));
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, self.path(part))?;
        self.sync()
    }

    /// Forgets a part.
    pub fn remove(&self, part: &str) -> io::Result<()> {
        match fs::remove_file(self.path(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{part}.json"))
    }

    /// A name is durable once its folder is.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let bound = PART_AT_MOST as u64 + 1;
    File::open(path)?.take(bound).read_to_string(&mut text)?;
    if text.len() > PART_AT_MOST {
        return Err(io::Error::other("larger than a part may be"));
    }
    Ok(text)
}

/// A part's name becomes a file's name: a DNS label or subdomain, so no path leads out of the folder.
pub fn is_part_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=200).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')
}
