//! A server in a process of its own, pinned to one core, and what the system says that it took.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world;

const SERVER_CORE: &str = "0";
pub const GENERATOR_CORE: &str = "1";
/// Ticks of `/proc/PID/stat` in a second (`getconf CLK_TCK`), as Linux tells them to programs everywhere.
const TICKS: f64 = 100.0;

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Kamailio's children end with their parent on SIGTERM; SIGKILL would leave them.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

pub fn pin_generator() {
    run_on(GENERATOR_CORE);
}

/// What has no server beside it may have every core.
pub fn unpin() {
    run_on("0-1023");
}

/// Lets this process, and none that it starts, run before others of its core: what is measured is the server, and not how
/// long the flood on the same core keeps its answers from being looked at. Tells whether the system lets it.
pub fn go_first() -> bool {
    let done = Command::new("chrt").args(["-R", "-f", "-p", "10", &std::process::id().to_string()]).output();
    done.is_ok_and(|done| done.status.success())
}

fn run_on(cores: &str) {
    let done = Command::new("taskset").args(["-pc", cores, &std::process::id().to_string()]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).arg(program).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

impl Server {
    pub fn bare() -> Self {
        Self::ourselves(&["serve-bare"])
    }

    /// Ours inside this program, a number's rules changing all the while.
    pub fn swapping(numbers: u64) -> Self {
        Self::ourselves(&["serve-swapping", &numbers.to_string()])
    }

    fn ourselves(arguments: &[&str]) -> Self {
        let mut command = pinned(&std::env::current_exe().unwrap());
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap(), _folder: None }
    }

    pub fn kamailio(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = std::fs::read_to_string(root().join("benches/router/kamailio").join(file)).unwrap();
        let config = folder.path().join(file);
        std::fs::write(&config, text.replace("PORT", &port.to_string())).unwrap();
        let mut command = pinned(Path::new("kamailio"));
        // In the foreground, four megabytes for itself and a quarter of a gigabyte for the table.
        command.args(["-DD", "-E", "-m", "512", "-M", "8", "-f"]).arg(&config).arg("-Y").arg(folder.path());
        let child = command.stdout(Stdio::null()).spawn().expect("kamailio is in PATH: `tools/kamailio` installs it");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = Self { child, address, _folder: Some(folder) };
        server.answers();
        server
    }

    /// The real router, from a plan on disk.
    pub fn fourhundred(numbers: u64) -> Self {
        // A bound that is kept count of and never reached.
        Self::with(numbers, &["--calls-per-second-and-peer", "1000000"])
    }

    /// The same with flags of its own.
    pub fn with(numbers: u64, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        world::write(folder.path(), numbers);
        let mut command = pinned(Path::new(env!("CARGO_BIN_EXE_fourhundred")));
        command.args([
            "router",
            "--gateway",
            "telephony/east",
            "--bind",
            "127.0.0.1",
            "--http",
            "127.0.0.1:0",
            "--data",
        ]);
        command.arg(folder.path()).args(flags);
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_mins(2);
        let address = loop {
            let text = std::fs::read_to_string(folder.path().join("listeners")).unwrap_or_default();
            if let Some(address) = text.lines().find_map(|line| line.strip_prefix("sip ")?.parse().ok()) {
                break address;
            }
            assert!(Instant::now() < patience, "the router opens no listener: {text}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let server = Self { child, address, _folder: Some(folder) };
        server.answers();
        server
    }

    /// Waits for the first answer.
    fn answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut invite = Vec::new();
        world::invite(&mut invite, 1, 1, 0, socket.local_addr().unwrap().port());
        let mut buffer = [0; 2_048];
        for _ in 0..150 {
            socket.send_to(&invite, self.address).unwrap();
            if let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                assert!(text.starts_with("SIP/2.0 302 ") && text.matches("Contact: ").count() == 3, "{text}");
                return;
            }
        }
        panic!("{} answers nobody", self.address);
    }

    /// Seconds of CPU that the server has taken, its children's with it.
    pub fn cpu(&self) -> f64 {
        let ticks = |pid: u32| -> u64 {
            let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
            fields.get(11..13).map_or(0, |times| times.iter().map(|time| time.parse::<u64>().unwrap()).sum())
        };
        self.processes().into_iter().map(ticks).sum::<u64>() as f64 / TICKS
    }

    pub fn resident_kib(&self) -> u64 {
        let resident = |pid: u32| -> u64 {
            let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
        };
        self.processes().into_iter().map(resident).max().unwrap_or(0)
    }

    /// The server and whatever it forked.
    fn processes(&self) -> Vec<u32> {
        let of = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = std::fs::read_to_string(of).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(self.child.id()).chain(children).collect()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
