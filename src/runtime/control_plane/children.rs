//! The child processes of a control plane, kept by one thread.
//!
//! The parent-death signal follows the *thread* that made a child, not its process: a child made from a worker of the
//! async runtime would be killed when that worker retires. So one thread makes, signals and buries them all, and lives
//! exactly as long as [`Children`]: when that is dropped, the thread kills what still runs, waits for it and ends.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::oneshot;

use super::ControlPlaneError;
use crate::runtime::launch;

/// How often a child that was asked to end is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Etcd,
    ApiServer,
}

impl Role {
    /// The program's file name, also the log's.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
        }
    }
}

#[derive(Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) flags: Vec<String>,
    /// Standard output and error are added to it.
    pub(super) log: PathBuf,
}

/// A signal that ends nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stir {
    Pause,
    Resume,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Never started, or stopped on request.
    Absent,
    Running {
        pid: u32,
    },
    /// By itself.
    Ended(ExitStatus),
}

impl State {
    pub(super) fn pid(self) -> Option<u32> {
        if let Self::Running { pid } = self { Some(pid) } else { None }
    }
}

#[derive(Debug)]
enum Order {
    Start(Role, Launch, oneshot::Sender<io::Result<()>>),
    Stop(Role, Duration, oneshot::Sender<io::Result<()>>),
    Stir(Role, Stir, oneshot::Sender<io::Result<()>>),
    Look(Role, oneshot::Sender<State>),
}

/// The hand that holds the keeper thread.
#[derive(Debug)]
pub(super) struct Children {
    /// `None` only while being dropped.
    orders: Option<mpsc::Sender<Order>>,
    keeper: Option<thread::JoinHandle<()>>,
}

impl Children {
    pub(super) fn keep() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let keeper =
            thread::Builder::new().name("control-plane".to_owned()).spawn(move || Keeper::default().run(&inbox))?;
        Ok(Self { orders: Some(orders), keeper: Some(keeper) })
    }

    pub(super) async fn start(&self, role: Role, launch: Launch) -> Result<(), ControlPlaneError> {
        let program = role.program();
        self.ask(|reply| Order::Start(role, launch, reply))
            .await?
            .map_err(|source| ControlPlaneError::Spawn { program, source })
    }

    /// SIGTERM, then SIGKILL when the grace is over; no grace, no SIGTERM. Nothing to do is no error.
    pub(super) async fn stop(&self, role: Role, grace: Duration) -> Result<(), ControlPlaneError> {
        let program = role.program();
        self.ask(|reply| Order::Stop(role, grace, reply))
            .await?
            .map_err(|source| ControlPlaneError::Signal { program, source })
    }

    pub(super) async fn stir(&self, role: Role, stir: Stir) -> Result<(), ControlPlaneError> {
        let program = role.program();
        match self.ask(|reply| Order::Stir(role, stir, reply)).await? {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Err(ControlPlaneError::NotRunning { program }),
            done => done.map_err(|source| ControlPlaneError::Signal { program, source }),
        }
    }

    pub(super) async fn look(&self, role: Role) -> Result<State, ControlPlaneError> {
        self.ask(|reply| Order::Look(role, reply)).await
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, ControlPlaneError> {
        let (reply, answer) = oneshot::channel();
        self.orders.as_ref().and_then(|orders| orders.send(order(reply)).ok()).ok_or(ControlPlaneError::KeeperGone)?;
        answer.await.map_err(|_| ControlPlaneError::KeeperGone)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(keeper) = self.keeper.take() {
            // Killing takes milliseconds, and the caller removes the children's folder next.
            let _ = keeper.join();
        }
    }
}

#[derive(Default)]
struct Keeper {
    children: BTreeMap<Role, Child>,
}

impl Keeper {
    /// A reply that nobody waits for any more is dropped: the caller was cancelled.
    fn run(&mut self, inbox: &mpsc::Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            match order {
                Order::Start(role, launch, reply) => drop(reply.send(self.start(role, &launch))),
                Order::Stop(role, grace, reply) => drop(reply.send(self.stop(role, grace))),
                Order::Stir(role, stir, reply) => drop(reply.send(self.stir(role, stir))),
                Order::Look(role, reply) => drop(reply.send(self.look(role))),
            }
        }
        for role in [Role::ApiServer, Role::Etcd] {
            let _ = self.stop(role, Duration::ZERO);
        }
    }

    fn start(&mut self, role: Role, launch: &Launch) -> io::Result<()> {
        self.stop(role, Duration::ZERO)?;
        self.children.insert(role, spawn(launch)?);
        Ok(())
    }

    fn stop(&mut self, role: Role, grace: Duration) -> io::Result<()> {
        let Some(mut child) = self.children.remove(&role) else { return Ok(()) };
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        if !grace.is_zero() {
            kill_process_group(Pid::from_child(&child), Signal::TERM)?;
            let deadline = Instant::now() + grace;
            while Instant::now() < deadline {
                if child.try_wait()?.is_some() {
                    return Ok(());
                }
                thread::sleep(LOOK_AGAIN);
            }
        }
        kill_process_group(Pid::from_child(&child), Signal::KILL)?;
        child.wait().map(drop)
    }

    fn stir(&mut self, role: Role, stir: Stir) -> io::Result<()> {
        let State::Running { .. } = self.look(role) else { return Err(io::ErrorKind::NotFound.into()) };
        let Some(child) = self.children.get(&role) else { return Err(io::ErrorKind::NotFound.into()) };
        let signal = match stir {
            Stir::Pause => Signal::STOP,
            Stir::Resume => Signal::CONT,
        };
        Ok(kill_process_group(Pid::from_child(child), signal)?)
    }

    fn look(&mut self, role: Role) -> State {
        let Some(child) = self.children.get_mut(&role) else { return State::Absent };
        match child.try_wait() {
            Ok(Some(status)) => State::Ended(status),
            // An error here means that somebody else reaped it, which nobody does.
            Ok(None) | Err(_) => State::Running { pid: child.id() },
        }
    }
}

fn spawn(launch: &Launch) -> io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(&launch.log)?;
    let mut command = launch::bound(&launch.program);
    command.args(&launch.flags).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // Ctrl-C in a terminal reaches the whole foreground group; a group of its own lets us end them in order.
    command.process_group(0).spawn()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shell(script: &str, folder: &Path) -> Launch {
        Launch {
            program: PathBuf::from("/bin/sh"),
            flags: vec!["-c".to_owned(), script.to_owned()],
            log: folder.join("log"),
        }
    }

    fn exists(pid: u32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }

    async fn running_pid(children: &Children, role: Role) -> u32 {
        children.look(role).await.unwrap().pid().expect("it runs")
    }

    #[tokio::test]
    async fn a_child_that_ignores_sigterm_is_killed_after_the_grace() {
        let folder = tempfile::tempdir().unwrap();
        let children = Children::keep().unwrap();
        let script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
        children.start(Role::ApiServer, shell(script, folder.path())).await.unwrap();
        let pid = running_pid(&children, Role::ApiServer).await;
        while !std::fs::read_to_string(folder.path().join("log")).unwrap().contains("up") {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let since = Instant::now();
        children.stop(Role::ApiServer, Duration::from_millis(200)).await.unwrap();
        assert!(since.elapsed() >= Duration::from_millis(200));
        assert!(!exists(pid));
    }

    #[tokio::test]
    async fn dropping_kills_and_reaps_a_paused_child_too() {
        let folder = tempfile::tempdir().unwrap();
        let children = Children::keep().unwrap();
        children.start(Role::Etcd, shell("sleep 1000", folder.path())).await.unwrap();
        let pid = running_pid(&children, Role::Etcd).await;
        children.stir(Role::Etcd, Stir::Pause).await.unwrap();
        drop(children);
        assert!(!exists(pid));
    }

    #[tokio::test]
    async fn a_child_that_ended_by_itself_tells_its_status() {
        let folder = tempfile::tempdir().unwrap();
        let children = Children::keep().unwrap();
        children.start(Role::Etcd, shell("exit 7", folder.path())).await.unwrap();
        let status = loop {
            if let State::Ended(status) = children.look(Role::Etcd).await.unwrap() {
                break status;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        assert_eq!(status.code(), Some(7));
        let refusal = children.stir(Role::Etcd, Stir::Pause).await.unwrap_err();
        assert_eq!(refusal.to_string(), "etcd is not running");
    }
}
