//! A folder of the examples' manifests, and `fourhundred serve` on it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::child::{self, Program};
use crate::harness::{eventually, workspace};

/// A Monday morning, so that the timetable says `work`; the examples' override is of the evening.
const CLOCK: &str = "2026-11-23T10:00:00+08:00";

/// See the module's text.
pub struct Site {
    pub folder: TempDir,
}

impl Site {
    pub fn new() -> Self {
        let folder = workspace().folder("serve-");
        child::examples(&folder.path().join("manifests"));
        Self { folder }
    }

    pub fn manifest(&self, name: &str) -> PathBuf {
        self.folder.path().join("manifests").join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn start(&self) -> Program {
        std::fs::create_dir_all(self.data()).unwrap();
        let manifests = self.folder.path().join("manifests");
        Program::start(&self.data(), &["serve", manifests.to_str().unwrap(), "--clock-at", CLOCK])
    }

    pub fn get(&self, arguments: &[&str]) -> String {
        let data = self.data();
        let output = child::run(&[&["get"], arguments, &["--data", data.to_str().unwrap()]].concat());
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let text = self.get(&[kind, name, "-n", namespace, "-o", "json"]);
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// Waits until the number is ready.
    pub async fn number_ready(&self, name: &str) {
        let what = format!("number {name} is ready");
        eventually(Duration::from_secs(20), &what, async || {
            let object = self.object("fhn", "acme", name)?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready =
                conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
            if ready { Ok(()) } else { Err(object["status"].to_string()) }
        })
        .await;
    }

    /// Where a listener of the gateway is.
    pub async fn listener(&self, name: &str) -> SocketAddr {
        eventually(Duration::from_secs(20), "the gateway shows its addresses", async || {
            let gateway = self.object("cgw", "telephony", "east")?;
            let addresses = gateway["status"]["addresses"].as_array().cloned().unwrap_or_default();
            let found = addresses.iter().find(|address| address["listener"] == name);
            found.and_then(|address| address["value"].as_str()?.parse().ok()).ok_or(gateway["status"].to_string())
        })
        .await
    }
}
