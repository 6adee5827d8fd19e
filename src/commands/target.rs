//! Where a command that writes an object puts it: printed as YAML, or created on a cluster named on the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kube::api::PostParams;
use kube::config::Kubeconfig;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::output::yaml;
use crate::runtime::kubernetes;

/// The cluster to write to; without one nothing is written.
#[derive(Debug, Args)]
pub struct Cluster {
    /// Create it on the cluster of this kubeconfig; without it the YAML is printed, ready for Git
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
}

impl Cluster {
    /// A client, if a cluster is named; tells first which one it is.
    pub async fn client(&self) -> Result<Option<Client>, ExitCode> {
        let Some(path) = &self.kubeconfig else { return Ok(None) };
        let read = Kubeconfig::read_from(path).map_err(|error| super::fail(&error))?;
        let context = self.context.clone().or(read.current_context).unwrap_or_default();
        eprintln!("cluster: context {context} of {}", path.display());
        kubernetes::connect(Some(path), self.context.clone()).await.map(Some).map_err(|error| super::fail(&error))
    }

    /// Creates `object`, or prints it where no cluster is named.
    pub async fn put<K>(&self, client: Option<Client>, object: &K, api: impl FnOnce(Client) -> Api<K>) -> ExitCode
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    {
        let Some(client) = client else {
            return match yaml(object) {
                Ok(text) => {
                    print!("{text}");
                    ExitCode::SUCCESS
                }
                Err(error) => super::fail(&error),
            };
        };
        match api(client).create(&PostParams::default(), object).await {
            Ok(created) => {
                let name = created.meta().name.clone().unwrap_or_default();
                println!("{}.{}/{name} created", K::kind(&()).to_lowercase(), crate::api::GROUP);
                ExitCode::SUCCESS
            }
            Err(error) => super::fail(&error),
        }
    }
}
