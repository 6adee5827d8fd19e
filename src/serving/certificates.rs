//! Certificates of TLS listeners from mounted Secrets: read again and again, since a mount tells nobody that it changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::routing::document::Protocol;
use crate::workers::house::House;
use crate::workers::router::certificates::KEYS;

/// A kubelet takes up to a minute to bring a new Secret; this adds little.
const AGAIN: Duration = Duration::from_secs(10);
/// A chain and a key are some kilobytes.
const FILE_AT_MOST: u64 = 1024 * 1024;

/// Brings `folder/LISTENER/tls.crt` and `tls.key` to each TLS listener of `gateway` until `stop`.
pub(super) async fn follow(folder: PathBuf, gateway: String, house: Arc<House>, stop: CancellationToken) {
    let mut changes = house.store.changes();
    loop {
        changes.borrow_and_update();
        let plan = house.store.snapshot();
        let listeners = plan.head(&gateway).into_iter().flat_map(|head| &head.listeners);
        for listener in listeners.filter(|listener| listener.protocol == Protocol::Tls) {
            // Two small files: not worth a thread.
            let pem = read(&folder.join(&listener.name));
            // Who is told here is the log: the operator reads this worker's listeners.
            let _ = house.certificates.tell(&gateway, &listener.name, pem.as_deref().map_err(String::as_str));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn read(folder: &Path) -> Result<String, String> {
    let mut texts = Vec::with_capacity(KEYS.len());
    for key in KEYS {
        let path = folder.join(key);
        let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
        if std::fs::metadata(&path).map_err(unreadable)?.len() > FILE_AT_MOST {
            return Err(format!("{} is larger than a certificate", path.display()));
        }
        texts.push(std::fs::read_to_string(&path).map_err(unreadable)?);
    }
    Ok(texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read_or_the_one_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().contains("tls.crt: "));
        std::fs::write(folder.path().join("tls.crt"), "chain").unwrap();
        assert!(read(folder.path()).unwrap_err().contains("tls.key: "));
        std::fs::write(folder.path().join("tls.key"), "key").unwrap();
        assert_eq!(read(folder.path()).as_deref(), Ok("chain\nkey"));
        std::fs::write(folder.path().join("tls.key"), "k".repeat(2 << 20)).unwrap();
        assert!(read(folder.path()).unwrap_err().ends_with("tls.key is larger than a certificate"));
    }
}
