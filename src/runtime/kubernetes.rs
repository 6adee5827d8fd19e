//! The Kubernetes client: from an explicit kubeconfig or the pod's own service account, never from an inherited
//! variable, and the wait for the CRDs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio_util::sync::CancellationToken;

/// No client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("kubeconfig {0} cannot be read")]
    Kubeconfig(PathBuf, #[source] kube::config::KubeconfigError),
    #[error("this is not a pod with a service account: give --kubeconfig FILE")]
    NotInCluster(#[source] kube::config::InClusterError),
    #[error("kubeconfig {0} has no context {1:?}: name one of its contexts with --context")]
    NoContext(PathBuf, String),
    #[error("no client for the API server could be made")]
    Client(#[source] kube::Error),
}

/// Which cluster a kubeconfig leads to, to be told before it is touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterName {
    pub context: String,
    pub kubeconfig: PathBuf,
    pub server: String,
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context {} of {}: {}", self.context, self.kubeconfig.display(), self.server)
    }
}

/// The cluster of `kubeconfig`'s current context, or of `context`.
pub fn name_cluster(kubeconfig: &Path, context: Option<&str>) -> Result<ClusterName, ConnectError> {
    let read = Kubeconfig::read_from(kubeconfig).map_err(|e| ConnectError::Kubeconfig(kubeconfig.to_owned(), e))?;
    let context = context.map(str::to_owned).or(read.current_context).unwrap_or_default();
    let named = read.contexts.iter().find(|named| named.name == context).and_then(|named| named.context.as_ref());
    let Some(named) = named else { return Err(ConnectError::NoContext(kubeconfig.to_owned(), context)) };
    let cluster = read.clusters.iter().find(|cluster| cluster.name == named.cluster);
    let server = cluster.and_then(|cluster| cluster.cluster.as_ref()?.server.clone()).unwrap_or_default();
    Ok(ClusterName { context, kubeconfig: kubeconfig.to_owned(), server })
}

/// A client for the cluster of `kubeconfig` (its current context, or `context`), else for the one this pod runs in.
pub async fn connect(kubeconfig: Option<&Path>, context: Option<String>) -> Result<Client, ConnectError> {
    let mut config = match kubeconfig {
        Some(path) => {
            let read = Kubeconfig::read_from(path).map_err(|e| ConnectError::Kubeconfig(path.to_owned(), e))?;
            let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
            Config::from_custom_kubeconfig(read, &options)
                .await
                .map_err(|e| ConnectError::Kubeconfig(path.to_owned(), e))?
        }
        None => Config::incluster().map_err(ConnectError::NotInCluster)?,
    };
    config.connect_timeout = Some(Duration::from_secs(5));
    // Retries belong to the reconcile's own back-off; hidden ones would hold its slot.
    config.default_retry = false;
    Client::try_from(config).map_err(ConnectError::Client)
}

/// Waits until every one of `names` (such as `tenants.fourhundred.io`) is established, telling `progress` which are
/// missing each time that changes. Returns false when `stop` came first.
pub async fn wait_for_crds(
    client: &Client,
    names: &[String],
    stop: &CancellationToken,
    mut progress: impl FnMut(&[String], Option<&kube::Error>),
) -> bool {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut pause = Duration::from_millis(200);
    loop {
        let missing = match missing_crds(&api, names).await {
            Ok(missing) if missing.is_empty() => return true,
            Ok(missing) => {
                progress(&missing, None);
                missing
            }
            Err(error) => {
                progress(&[], Some(&error));
                Vec::new()
            }
        };
        drop(missing);
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

async fn missing_crds(api: &Api<CustomResourceDefinition>, names: &[String]) -> Result<Vec<String>, kube::Error> {
    let mut missing = Vec::new();
    for name in names {
        let established = api.get_opt(name).await?.and_then(|crd| crd.status).is_some_and(|status| {
            status
                .conditions
                .unwrap_or_default()
                .iter()
                .any(|condition| condition.type_ == "Established" && condition.status == "True")
        });
        if !established {
            missing.push(name.clone());
        }
    }
    Ok(missing)
}
