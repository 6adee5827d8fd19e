//! The control plane under the tests: one shared, and own ones for tests that break it.

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fourhundred::runtime::control_plane::{ADMIN, ControlPlane, Durability, Options, User};
use fourhundred::runtime::sentence::with_causes;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::PostParams};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{kubectl, requests, workspace};

/// The service account under which the operator runs when it is installed, so that the shipped roles apply to it.
pub const OPERATOR: &str = "system:serviceaccount:fourhundred-system:fourhundred";
/// In no group and in no role binding.
pub const OUTSIDER: &str = "outsider";

static SHARED: OnceCell<Result<Cluster, String>> = OnceCell::const_new();

/// The folder with kube-apiserver, etcd and kubectl, or the sentence that says how to get it.
pub fn assets() -> Result<PathBuf, String> {
    match env::var_os("KUBEBUILDER_ASSETS") {
        Some(folder) if Path::new(&folder).join("kubectl").exists() => Ok(folder.into()),
        Some(folder) => Err(format!(
            "KUBEBUILDER_ASSETS is {}, and no kubectl is there: kube-apiserver, etcd and kubectl are needed",
            folder.display()
        )),
        None => {
            Err("The integration tests need a Kubernetes API server. Run them with `make test`, or build one once and \
             name its folder:\n  export KUBEBUILDER_ASSETS=$(tools/control-plane assets)"
                .to_owned())
        }
    }
}

/// The control plane all tests share. Do not break it: that is what [`Cluster::own`] is for.
pub async fn cluster() -> &'static Cluster {
    let started = SHARED.get_or_init(async || Cluster::start(|_| {}).await).await;
    started.as_ref().unwrap_or_else(|error| panic!("the shared control plane did not start: {error}"))
}

pub async fn take_down() {
    if let Some(Ok(cluster)) = SHARED.get() {
        cluster.control_plane.stop().await.expect("the shared control plane stops");
    }
}

/// A control plane with what tests ask of it. Dropping kills it and removes its folder.
pub struct Cluster {
    // Before the folder: fields are dropped in this order.
    pub control_plane: ControlPlane,
    folder: TempDir,
    client: Client,
    /// From the start of the programs to a ready API server.
    pub start_took: Duration,
}

impl Cluster {
    /// One for this test alone. Its API server takes a core for three seconds: share where you can.
    pub async fn own() -> Self {
        Self::own_with(|_| {}).await
    }

    /// The same, with other options.
    pub async fn own_with(change: impl FnOnce(&mut Options)) -> Self {
        Self::start(change).await.unwrap_or_else(|error| panic!("a control plane did not start: {error}"))
    }

    async fn start(change: impl FnOnce(&mut Options)) -> Result<Self, String> {
        let folder = workspace().folder("control-plane-");
        let mut options = Options::new(assets()?, folder.path());
        options.users =
            vec![User::service_account("fourhundred-system", "fourhundred"), User::new(OUTSIDER, Vec::<String>::new())];
        options.durability = Durability::Unsynced;
        options.audit_policy = Some(requests::AUDIT_POLICY.to_owned());
        // One file for the whole run: counting reads on from an offset.
        options.api_server_flags = vec!["--audit-log-maxsize=100000".to_owned()];
        options.stop_grace = Duration::from_millis(500);
        change(&mut options);
        let since = Instant::now();
        let control_plane = ControlPlane::start(options).await.map_err(|error| with_causes(&error))?;
        let start_took = since.elapsed();
        let client = control_plane.client(ADMIN).await.map_err(|error| with_causes(&error))?;
        for user in [ADMIN, OPERATOR, OUTSIDER] {
            let kubeconfig = control_plane.kubeconfig_yaml(user).map_err(|error| with_causes(&error))?;
            std::fs::write(kubeconfig_in(folder.path(), user), kubeconfig).map_err(|error| error.to_string())?;
        }
        Ok(Self { control_plane, folder, client, start_took })
    }

    /// May do everything.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Speaks as [`OPERATOR`], [`OUTSIDER`] or [`ADMIN`].
    pub async fn client_as(&self, user: &str) -> Client {
        self.control_plane.client(user).await.unwrap()
    }

    /// For programs that are given a file.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        kubeconfig_in(self.folder.path(), user)
    }

    /// Runs kubectl of the API server's own version as [`ADMIN`].
    pub async fn kubectl(&self, arguments: &[&str]) -> kubectl::Output {
        self.kubectl_as(ADMIN, arguments).await
    }

    pub async fn kubectl_as(&self, user: &str, arguments: &[&str]) -> kubectl::Output {
        let assets = &self.control_plane.options().assets_dir;
        kubectl::run(&assets.join("kubectl"), &self.kubeconfig(user), self.folder.path(), arguments).await
    }

    /// 36 of Kubernetes 1.36.
    pub async fn minor_version(&self) -> u32 {
        let version = self.client.apiserver_version().await.unwrap();
        version.minor.parse().unwrap_or_else(|_| panic!("{version:?}"))
    }

    /// A new namespace for one test, `NAME-` and a random end. It goes with the control plane.
    pub async fn namespace(&self, name: &str) -> String {
        let mut namespace = Namespace::default();
        namespace.metadata.generate_name = Some(format!("{name}-"));
        let made = Api::<Namespace>::all(self.client()).create(&PostParams::default(), &namespace).await.unwrap();
        made.metadata.name.expect("the API server names it")
    }

    /// Counts requests from now on.
    pub fn requests(&self) -> requests::Requests {
        requests::Requests::from_now(self.control_plane.audit_log())
    }
}

fn kubeconfig_in(folder: &Path, user: &str) -> PathBuf {
    folder.join(format!("{}.kubeconfig", user.replace(':', "_")))
}
