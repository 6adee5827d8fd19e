//! The Kubernetes client: from an explicit kubeconfig or the pod's own service account, never from an inherited
//! variable.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio_util::sync::CancellationToken;

use super::sentence::with_causes;

/// A client that cannot be made yet is tried again after this.
const RETRY: Duration = Duration::from_secs(2);

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

/// [`connect`], as often as it takes: a kubeconfig may be mounted later, or be written anew. `failed` is told once per
/// sentence; `None` when `stop` came first.
pub async fn connect_when_possible(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
    stop: &CancellationToken,
    mut failed: impl FnMut(&ConnectError),
) -> Option<Client> {
    let mut told = None;
    loop {
        match connect(kubeconfig, context.map(str::to_owned)).await {
            Ok(client) => return Some(client),
            Err(error) => {
                let sentence = with_causes(&error);
                if told.as_ref() != Some(&sentence) {
                    told = Some(sentence);
                    failed(&error);
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_yet_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kubeconfig");
        let (late, stop) = (path.clone(), CancellationToken::new());
        let mut told = 0;
        let client = connect_when_possible(Some(&path), None, &stop, |_| {
            told += 1;
            let text = "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
                        contexts: [{name: here, context: {cluster: here, user: me}}]\n\
                        clusters: [{name: here, cluster: {server: 'http://127.0.0.1:1'}}]\n\
                        users: [{name: me, user: {}}]\n";
            std::fs::write(&late, text).expect("written");
        })
        .await;
        assert_eq!((client.is_some(), told), (true, 1));
        stop.cancel();
        let nowhere = folder.path().join("nowhere");
        assert!(connect_when_possible(Some(&nowhere), None, &stop, |_| {}).await.is_none());
    }
}
