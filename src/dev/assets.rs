//! Finds kube-apiserver, etcd and kubectl: where `KUBEBUILDER_ASSETS` says, else in the cache that
//! `tools/control-plane assets` fills.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const PROGRAMS: [&str; 3] = ["kube-apiserver", "kubectl", "etcd"];

/// There is no control plane to start.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    #[error("KUBEBUILDER_ASSETS is {0}, where kube-apiserver, kubectl and etcd are needed, all executable")]
    Incomplete(PathBuf),
    #[error(
        "no Kubernetes API server is found in {0}: run `make demo` or `tools/control-plane assets`, which build one \
         once, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, kubectl and etcd"
    )]
    Missing(PathBuf),
}

/// The folder with the programs; of several in the cache, the one of the newest version.
pub(super) fn find() -> Result<PathBuf, AssetsError> {
    if let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
        let folder = PathBuf::from(folder);
        return if is_whole(&folder) { Ok(folder) } else { Err(AssetsError::Incomplete(folder)) };
    }
    let cache = cache();
    newest(&cache).ok_or(AssetsError::Missing(cache))
}

/// As `tools/control-plane` names it.
fn cache() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    caches.unwrap_or_else(|| PathBuf::from(".cache")).join("fourhundred").join("control-plane")
}

/// Folders are named VERSION-CHECKSUM.
fn newest(cache: &Path) -> Option<PathBuf> {
    let version = |path: &PathBuf| -> Option<Vec<u32>> {
        let name = path.file_name()?.to_str()?;
        name.split_once('-')?.0.split('.').map(|part| part.parse().ok()).collect()
    };
    let folders = std::fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path());
    let whole = folders.filter(|path| is_whole(path));
    whole.filter_map(|path| Some((version(&path)?, path))).max().map(|(_, path)| path)
}

fn is_whole(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| {
        let file = folder.join(program).metadata();
        file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(cache: &Path, name: &str, programs: &[&str]) {
        let folder = cache.join(name);
        std::fs::create_dir(&folder).unwrap();
        for program in programs {
            std::fs::write(folder.join(program), "").unwrap();
            std::fs::set_permissions(folder.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn the_newest_whole_version_is_taken() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(newest(cache.path()), None);
        make(cache.path(), "1.9.30-aa", &PROGRAMS);
        make(cache.path(), "1.34.4-bb", &PROGRAMS);
        make(cache.path(), "1.36.3-cc", &PROGRAMS[..2]);
        make(cache.path(), ".1.40.0-dd.x1", &PROGRAMS);
        assert_eq!(newest(cache.path()), Some(cache.path().join("1.34.4-bb")));
    }
}
