//! What a run has on the machine: its processes, told by a word of their environment, which children inherit, and the
//! sockets on which these listen.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug, Formatter},
    fs,
    path::{Path, PathBuf},
};

/// A socket that somebody can reach.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    protocol: &'static str,
    port: u16,
    /// Tells it from a later socket on the same port.
    inode: u64,
}

impl Debug for Listening {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.protocol, self.port)
    }
}

/// A process and its command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    pub command: String,
}

impl Debug for Process {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, self.command)
    }
}

/// The processes in whose environment `variable` is `value`; none of them is this one.
pub fn processes(variable: &str, value: &str) -> Vec<Process> {
    let wanted = format!("{variable}={value}");
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let found = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // Another user's, or one that has just ended, cannot be read: it is none of the run's.
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let is_of_run = environment.split(|byte| *byte == 0).any(|word| word == wanted.as_bytes());
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        is_of_run.then_some(Process { pid, command })
    });
    found.filter(|process| process.pid != std::process::id()).collect()
}

/// Where these processes listen now.
pub fn listening(processes: &[Process]) -> Vec<Listening> {
    let held: BTreeSet<u64> = processes.iter().flat_map(sockets).collect();
    every_listening().into_iter().filter(|socket| held.contains(&socket.inode)).collect()
}

/// Those of `sockets` that are still open, whoever holds them.
pub fn still_open(sockets: &[Listening]) -> Vec<Listening> {
    let open = every_listening();
    sockets.iter().filter(|socket| open.contains(socket)).cloned().collect()
}

fn sockets(process: &Process) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else { return Vec::new() };
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter_map(|link| inode(&link)).collect()
}

/// `socket:[12345]`
fn inode(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn every_listening() -> BTreeSet<Listening> {
    let tables = ["tcp", "tcp6", "udp", "udp6"];
    tables.into_iter().flat_map(|protocol| table(protocol, &Path::new("/proc/net").join(protocol))).collect()
}

/// Lines of proc(5)'s `/proc/net/tcp`: the local address is the second word, the state the fourth, the inode the tenth.
fn table(protocol: &'static str, path: &PathBuf) -> Vec<Listening> {
    const LISTEN: &str = "0A";
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (address, state) = (words.get(1)?, words.get(3)?);
        let port = u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok()?;
        let reachable = protocol.starts_with("udp") || *state == LISTEN;
        reachable.then_some(Listening { protocol, port, inode: words.get(9)?.parse().ok()? })
    });
    lines.collect()
}
