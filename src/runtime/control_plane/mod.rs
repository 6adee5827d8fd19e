//! A private Kubernetes control plane: etcd and kube-apiserver as children of this process.
//!
//! `fourhundred dev` gives a developer a cluster with it, and the integration tests run on it. It listens on loopback
//! ports the system picked, makes its own keys and tokens, and keeps everything below one folder, whose removal is the
//! caller's. There is no controller-manager: namespaces never finish deleting and owners do not collect their children.
//!
//! The children die with this process however it ends: [`ControlPlane::stop`] ends them in order, dropping the value
//! kills them, and the parent-death signal covers a parent that was killed (where `setpriv` of util-linux is there).

mod children;
mod credentials;
mod flags;

use std::{
    fmt::Write as _,
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use axum::http::Request;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tokio::time::{Instant, sleep, timeout};

use self::{
    children::{Children, Launch, Role, State, Stir},
    credentials::{Credentials, KeyError},
    flags::Ports,
};

/// The user who may do everything (group `system:masters`); always there.
pub const ADMIN: &str = "admin";

/// How long one look at `/readyz` may take before the next is tried.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks at a child that is coming up.
const PAUSE: Duration = Duration::from_millis(50);
/// Another program may take a port between our choice and the child's bind; so often new ports are tried.
const PORT_ATTEMPTS: usize = 3;

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    #[error("{0} is not an executable file; kube-apiserver and etcd are needed there (`make assets` builds them)")]
    Program(PathBuf),
    #[error("cannot use {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("no free port on 127.0.0.1")]
    Port(#[source] io::Error),
    #[error("cannot make the key that signs service account tokens")]
    Key(#[from] KeyError),
    #[error("cannot start {program}")]
    Spawn { program: &'static str, source: io::Error },
    #[error("cannot signal {program}")]
    Signal { program: &'static str, source: io::Error },
    #[error("{program} is not running")]
    NotRunning { program: &'static str },
    #[error("{program} ended before it was ready ({status}); the end of {log}:\n{tail}")]
    Ended { program: &'static str, status: ExitStatus, log: PathBuf, tail: String },
    #[error("{program} was not ready within {seconds} s; the end of {log}:\n{tail}")]
    NotReady { program: &'static str, seconds: u64, log: PathBuf, tail: String },
    #[error("no user {0:?} in this control plane's token file")]
    UnknownUser(String),
    #[error("the kubeconfig of this control plane does not load")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    #[error("no client for this control plane")]
    Client(#[source] Box<kube::Error>),
    #[error("the thread that keeps the children is gone")]
    KeeperGone,
}

/// Whether etcd waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut loses nothing that was acknowledged.
    Synced,
    /// Faster; a power cut may corrupt the store. For tests.
    Unsynced,
}

/// A row of the token file: who a bearer token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As RBAC subjects name it.
    pub name: String,
    /// Besides `system:authenticated`, which the API server adds.
    pub groups: Vec<String>,
}

impl User {
    pub fn new(name: impl Into<String>, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { name: name.into(), groups: groups.into_iter().map(Into::into).collect() }
    }

    /// What a pod under this service account would be, so that the real role bindings apply to it.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::new(
            format!("system:serviceaccount:{namespace}:{name}"),
            ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")],
        )
    }
}

/// What to run and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Holds `kube-apiserver` and `etcd`.
    pub assets_dir: PathBuf,
    /// Holds everything this control plane writes. An old one is taken up again: objects and keys stay, tokens and
    /// ports are new.
    pub data_dir: PathBuf,
    /// Besides [`ADMIN`].
    pub users: Vec<User>,
    pub durability: Durability,
    /// An `audit.k8s.io/v1` Policy; the log is then at [`ControlPlane::audit_log`].
    pub audit_policy: Option<String>,
    /// Added after the API server's own flags, so that they win.
    pub api_server_flags: Vec<String>,
    /// The API server usually needs three seconds.
    pub ready_within: Duration,
    /// Between SIGTERM and SIGKILL. The API server waits up to a minute for open watches, so this one is usually used up
    /// unless all clients are gone.
    pub stop_grace: Duration,
}

impl Options {
    pub fn new(assets_dir: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            assets_dir: assets_dir.into(),
            data_dir: data_dir.into(),
            users: Vec::new(),
            durability: Durability::Synced,
            audit_policy: None,
            api_server_flags: Vec::new(),
            ready_within: Duration::from_mins(1),
            stop_grace: Duration::from_secs(3),
        }
    }
}

/// A running etcd and kube-apiserver.
#[derive(Debug)]
pub struct ControlPlane {
    options: Options,
    ports: Ports,
    credentials: Credentials,
    children: Children,
}

impl ControlPlane {
    /// Starts both programs and returns when the API server says it is ready.
    pub async fn start(options: Options) -> Result<Self, ControlPlaneError> {
        for role in [Role::Etcd, Role::ApiServer] {
            check_executable(&options.assets_dir.join(role.program()))?;
        }
        let mut plane = Self {
            credentials: Credentials::prepare(&options.data_dir, &options.users)?,
            ports: Ports::pick()?,
            children: Children::keep().map_err(|source| ControlPlaneError::Spawn { program: "a thread", source })?,
            options,
        };
        if let Some(policy) = &plane.options.audit_policy {
            credentials::write_private(&plane.audit_policy_file(), policy.as_bytes())?;
        }
        let mut attempt = 1;
        loop {
            match plane.start_both().await {
                Err(ControlPlaneError::Ended { .. }) if attempt < PORT_ATTEMPTS => {
                    attempt += 1;
                    plane.stop().await?;
                    plane.ports = Ports::pick()?;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(plane),
            }
        }
    }

    async fn start_both(&self) -> Result<(), ControlPlaneError> {
        self.start_etcd().await?;
        self.start_api_server().await
    }

    /// Starts etcd (again) and waits until it takes connections.
    pub async fn start_etcd(&self) -> Result<(), ControlPlaneError> {
        self.launch(Role::Etcd, self.etcd_flags()).await?;
        self.wait_until_ready(Role::Etcd).await
    }

    /// Starts the API server (again) on the same address and waits until it is ready.
    pub async fn start_api_server(&self) -> Result<(), ControlPlaneError> {
        self.launch(Role::ApiServer, self.api_server_flags()).await?;
        self.wait_until_ready(Role::ApiServer).await
    }

    /// Asks both to end, waits the grace, then kills: the API server first, etcd last. Their clients should be gone.
    pub async fn stop(&self) -> Result<(), ControlPlaneError> {
        self.children.stop(Role::ApiServer, self.options.stop_grace).await?;
        self.stop_etcd().await
    }

    /// SIGKILL, as a node that lost power. Clients see a reset connection.
    pub async fn kill_api_server(&self) -> Result<(), ControlPlaneError> {
        self.children.stop(Role::ApiServer, Duration::ZERO).await
    }

    /// The API server stays and answers with errors.
    pub async fn stop_etcd(&self) -> Result<(), ControlPlaneError> {
        self.children.stop(Role::Etcd, self.options.stop_grace).await
    }

    /// SIGSTOP: connections stay open and nothing answers, as behind a broken network.
    pub async fn pause_api_server(&self) -> Result<(), ControlPlaneError> {
        self.children.stir(Role::ApiServer, Stir::Pause).await
    }

    /// Takes back [`Self::pause_api_server`].
    pub async fn resume_api_server(&self) -> Result<(), ControlPlaneError> {
        self.children.stir(Role::ApiServer, Stir::Resume).await
    }

    /// SIGSTOP for etcd: the API server's writes hang.
    pub async fn pause_etcd(&self) -> Result<(), ControlPlaneError> {
        self.children.stir(Role::Etcd, Stir::Pause).await
    }

    /// Takes back [`Self::pause_etcd`].
    pub async fn resume_etcd(&self) -> Result<(), ControlPlaneError> {
        self.children.stir(Role::Etcd, Stir::Resume).await
    }

    /// `None` when it does not run.
    pub async fn api_server_pid(&self) -> Result<Option<u32>, ControlPlaneError> {
        Ok(self.children.look(Role::ApiServer).await?.pid())
    }

    /// `None` when it does not run.
    pub async fn etcd_pid(&self) -> Result<Option<u32>, ControlPlaneError> {
        Ok(self.children.look(Role::Etcd).await?.pid())
    }

    /// `https://127.0.0.1:PORT`; the same after a restart.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    /// A kubeconfig for [`ADMIN`] or one of [`Options::users`]. It holds a bearer token: keep it private.
    pub fn kubeconfig_yaml(&self, user: &str) -> Result<String, ControlPlaneError> {
        let token = self.credentials.token(user).ok_or_else(|| ControlPlaneError::UnknownUser(user.to_owned()))?;
        let certificate_file = self.options.data_dir.join("certificates").join("apiserver.crt");
        let certificate = std::fs::read(&certificate_file)
            .map_err(|source| ControlPlaneError::File { path: certificate_file, source })?;
        Ok(credentials::kubeconfig(&self.url(), &certificate, user, token))
    }

    /// A client that speaks as `user`.
    pub async fn client(&self, user: &str) -> Result<Client, ControlPlaneError> {
        let wrap = |error| ControlPlaneError::Kubeconfig(Box::new(error));
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig_yaml(user)?).map_err(wrap)?;
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(wrap)?;
        // Who asks a server that may be down wants to see that, and each request once.
        config.default_retry = false;
        Client::try_from(config).map_err(|error| ControlPlaneError::Client(Box::new(error)))
    }

    /// One JSON event per line, written before the answer goes out; there when an audit policy was given.
    pub fn audit_log(&self) -> PathBuf {
        self.options.data_dir.join("audit.log")
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    fn audit_policy_file(&self) -> PathBuf {
        self.options.data_dir.join("audit-policy.yaml")
    }

    fn log_file(&self, role: Role) -> PathBuf {
        self.options.data_dir.join(format!("{}.log", role.program()))
    }

    async fn launch(&self, role: Role, flags: Vec<String>) -> Result<(), ControlPlaneError> {
        let launch = Launch { program: self.options.assets_dir.join(role.program()), flags, log: self.log_file(role) };
        self.children.start(role, launch).await
    }

    async fn etcd_takes_connections(&self) -> bool {
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.etcd_client)).await.is_ok()
    }

    /// The server writes its certificate a moment after the start; until then there is nothing to trust, so no client.
    async fn api_server_is_ready(&self) -> bool {
        let Ok(client) = self.client(ADMIN).await else { return false };
        let Ok(request) = Request::get("/readyz").body(Vec::new()) else { return false };
        matches!(timeout(LOOK, client.request_text(request)).await, Ok(Ok(_)))
    }

    async fn wait_until_ready(&self, role: Role) -> Result<(), ControlPlaneError> {
        let program = role.program();
        let log = self.log_file(role);
        let deadline = Instant::now() + self.options.ready_within;
        loop {
            let ready = match role {
                Role::Etcd => self.etcd_takes_connections().await,
                Role::ApiServer => self.api_server_is_ready().await,
            };
            if ready {
                return Ok(());
            }
            match self.children.look(role).await? {
                State::Running { .. } if Instant::now() < deadline => sleep(PAUSE).await,
                State::Running { .. } => {
                    let seconds = self.options.ready_within.as_secs();
                    return Err(ControlPlaneError::NotReady { program, seconds, tail: tail(&log), log });
                }
                State::Ended(status) => {
                    return Err(ControlPlaneError::Ended { program, status, tail: tail(&log), log });
                }
                State::Absent => return Err(ControlPlaneError::NotRunning { program }),
            }
        }
    }
}

fn check_executable(program: &Path) -> Result<(), ControlPlaneError> {
    use std::os::unix::fs::PermissionsExt;
    let executable = program.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if executable { Ok(()) } else { Err(ControlPlaneError::Program(program.to_owned())) }
}

/// The last lines of a log, for an error's text.
fn tail(log: &Path) -> String {
    const LINES: usize = 15;
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let skip = text.lines().count().saturating_sub(LINES);
    text.lines().skip(skip).fold(String::new(), |mut tail, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(tail, "  {line}");
        tail
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_without_programs_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = ControlPlane::start(Options::new(folder.path(), folder.path().join("data"))).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}/etcd is not an executable file; kube-apiserver and etcd are needed there (`make assets` builds them)",
                folder.path().display()
            )
        );
        assert!(!folder.path().join("data").exists());
    }

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_reported_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        for program in ["etcd", "kube-apiserver"] {
            credentials::write_private(
                &folder.path().join(program),
                b"#!/bin/sh\necho disk is made of cheese\nexit 9\n",
            )
            .unwrap();
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(folder.path().join(program), executable).unwrap();
        }
        let error = ControlPlane::start(Options::new(folder.path(), folder.path().join("data"))).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("etcd ended before it was ready (exit status: 9)"), "{text}");
        assert!(text.contains("disk is made of cheese"), "{text}");
    }

    #[test]
    fn a_start_may_be_moved_to_another_thread() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&ControlPlane::start(Options::new("/assets", "/data")));
    }

    #[test]
    fn a_service_account_is_named_as_role_bindings_see_it() {
        let user = User::service_account("billing", "sweeper");
        assert_eq!(user.name, "system:serviceaccount:billing:sweeper");
        assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:billing"]);
    }
}
