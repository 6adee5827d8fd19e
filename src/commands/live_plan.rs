//! The plan that a cluster's routers have to load, read from its ConfigMaps as they read it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::output::tell;
use super::target;
use crate::domain::digest::Digest;
use crate::domain::routing::document::PART_KEY;
use crate::domain::routing::place;
use crate::workers::feed::{DIGEST_ANNOTATION, GATEWAY_LABEL, SELECTOR};
use crate::workers::plan::{Offer, PlanStore, Verdict};

/// Objects asked for at once: a part has 128 KiB and more.
const AT_ONCE: u32 = 100;

/// Which cluster, and where in it.
#[derive(Debug, Args)]
pub struct LivePlan {
    /// Ask the plan of this kubeconfig's cluster, as its routers load it, instead of a folder
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Namespaces of the gateways, comma-separated, whose ConfigMaps are listed; every namespace when absent
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "kubeconfig")]
    pub gateway_namespaces: Vec<String>,
}

impl LivePlan {
    /// Reads it; `None` where no cluster is named. What went wrong has been told.
    pub async fn read(&self) -> Result<Option<PlanStore>, ExitCode> {
        let Some(client) = target::client(self.kubeconfig.as_deref(), self.context.as_deref()).await? else {
            return Ok(None);
        };
        let maps = self.maps(&client).await.map_err(|(place, error)| refused(&place, &error))?;
        let mut texts: Vec<(String, Digest, String)> = Vec::new();
        for mut map in maps {
            let (namespace, name) = (map.namespace().unwrap_or_default(), map.name_any());
            let announced = map.annotations().get(DIGEST_ANNOTATION).and_then(|digest| digest.parse::<Digest>().ok());
            let text = map.data.as_mut().and_then(|data| data.remove(PART_KEY));
            let (Some(digest), Some(text)) = (announced, text) else {
                tell(format_args!("warning: ConfigMap {namespace}/{name} has no digest or text: routers pass it over"));
                continue;
            };
            match place::check(&text, &namespace, &name, map.labels().get(GATEWAY_LABEL).map(String::as_str)) {
                Ok(()) => texts.push((format!("{namespace}.{name}"), digest, text)),
                Err(error) => tell(format_args!("warning: ConfigMap {namespace}/{name} is read past: {error}")),
            }
        }
        if texts.is_empty() {
            tell("error: no part of a plan is there: does an operator lead, and are these its gateways' namespaces?");
            return Err(ExitCode::from(2));
        }
        let store = PlanStore::new("live".to_owned());
        let offers: Vec<Offer<'_>> =
            texts.iter().map(|(part, digest, text)| Offer { part, digest: *digest, text }).collect();
        for (offer, verdict) in offers.iter().zip(store.offer_all(&offers)) {
            if let Verdict::Refused { reason } = verdict {
                tell(format_args!("warning: ConfigMap {} is refused by routers of this version: {reason}", offer.part));
            }
        }
        Ok(Some(store))
    }

    async fn maps(&self, client: &Client) -> Result<Vec<ConfigMap>, (String, kube::Error)> {
        if self.gateway_namespaces.is_empty() {
            let all = list(&Api::all(client.clone())).await;
            return all.map_err(|error| ("every namespace".to_owned(), error));
        }
        let mut maps = Vec::new();
        for namespace in &self.gateway_namespaces {
            let some = list(&Api::namespaced(client.clone(), namespace)).await;
            maps.extend(some.map_err(|error| (format!("namespace {namespace}"), error))?);
        }
        Ok(maps)
    }
}

async fn list(api: &Api<ConfigMap>) -> Result<Vec<ConfigMap>, kube::Error> {
    let mut maps = Vec::new();
    let mut wanted = ListParams::default().labels(SELECTOR).limit(AT_ONCE);
    loop {
        let page = api.list(&wanted).await?;
        maps.extend(page.items);
        match page.metadata.continue_.filter(|more| !more.is_empty()) {
            Some(more) => wanted = wanted.continue_token(&more),
            None => return Ok(maps),
        }
    }
}

fn refused(place: &str, error: &kube::Error) -> ExitCode {
    if let kube::Error::Api(status) = error
        && status.is_forbidden()
    {
        tell(format_args!(
            "error: you may not list ConfigMaps in {place}: name your gateways' namespaces with --gateway-namespaces, \
             or be granted list on configmaps there ({})",
            status.message
        ));
        return ExitCode::from(2);
    }
    super::fail(error)
}
