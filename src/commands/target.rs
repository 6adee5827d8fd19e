//! Where a command that writes an object puts it: printed as a manifest, or created on a cluster named on the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output::{ManifestForm, end_with, manifest, tell};
use crate::runtime::kubernetes;

/// The cluster to write to; without one nothing is written.
#[derive(Debug, Args)]
pub struct Cluster {
    /// Create it on the cluster of this kubeconfig; without it the manifest is printed, ready for Git
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Form of the manifest that is printed, YAML when absent; with --kubeconfig, print what was created
    #[arg(long, short, value_enum)]
    pub output: Option<ManifestForm>,
}

/// A client, if a cluster is named; tells first which one it is.
pub async fn client(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Option<Client>, ExitCode> {
    let Some(path) = kubeconfig else { return Ok(None) };
    let named = kubernetes::name_cluster(path, context).map_err(|error| super::fail(&error))?;
    tell(format_args!("cluster: {named}"));
    let context = context.map(str::to_owned);
    kubernetes::connect(Some(path), context).await.map(Some).map_err(|error| super::fail(&error))
}

impl Cluster {
    /// See [`client`].
    pub async fn client(&self) -> Result<Option<Client>, ExitCode> {
        client(self.kubeconfig.as_deref(), self.context.as_deref()).await
    }

    /// Creates `object`, or prints it where no cluster is named. `name_flag` gives it another name.
    pub async fn put<K>(
        &self,
        client: Option<Client>,
        object: &K,
        api: impl FnOnce(Client) -> Api<K>,
        name_flag: &str,
    ) -> ExitCode
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    {
        let Some(client) = client else { return printed(self.output.unwrap_or_default(), object) };
        match (api(client).create(&PostParams::default(), object).await, self.output) {
            (Ok(created), Some(form)) => printed(form, &created),
            (Ok(created), None) => {
                let name = created.meta().name.clone().unwrap_or_default();
                let kind = K::kind(&()).to_lowercase();
                end_with(&format!("{kind}.{}/{name} created\n", crate::api::GROUP), ExitCode::SUCCESS)
            }
            (Err(kube::Error::Api(status)), _) if status.is_already_exists() => {
                tell(format_args!("error: {}: give {name_flag}, or delete the old one", status.message));
                ExitCode::from(2)
            }
            (Err(error), _) => super::fail(&error),
        }
    }
}

fn printed(form: ManifestForm, object: &impl Serialize) -> ExitCode {
    match manifest(form, object) {
        Ok(text) => end_with(&text, ExitCode::SUCCESS),
        Err(error) => super::fail(&error),
    }
}
