//! `fourhundred approve`: writes an Approval bound to the digest of what is reviewed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use kube::{Api, ResourceExt as _};

use super::target::Cluster;
use crate::api::approval::{ApprovalSubject, SubjectKind, Verdict};
use crate::api::{Approval, ApprovalSpec, Tenant, crds};
use crate::controllers::tenant::reviewed_digest;
use crate::folder::{Folder, Schemas};

const EXAMPLES: &str = "\
EXAMPLES
  Approve a tenant's papers as they stand on the cluster:
    fourhundred approve tenant acme --reason 'Licence and form seen' --until 2028-11-22 --kubeconfig ~/.kube/config

  Print the Approval for Git, from the tenant's manifest:
    fourhundred approve tenant acme --folder examples/platform --reason 'Licence and form seen'

  Reject:
    fourhundred approve tenant acme --reject --reason 'The seal is missing' --kubeconfig ~/.kube/config";

/// What is reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Tenant,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Kind of what is reviewed
    #[arg(value_enum)]
    pub kind: Kind,
    /// Its name
    pub name: String,
    /// Read it from these folders or files instead of the cluster
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub folder: Vec<PathBuf>,
    /// The verdict is Rejected
    #[arg(long)]
    pub reject: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Last day on which the verdict holds, such as 2028-11-22; for ever when absent
    #[arg(long, value_name = "DATE")]
    pub until: Option<jiff::civil::Date>,
    /// Name of the Approval; made from the tenant's name and the digest when absent
    #[arg(long = "approval-name", value_name = "NAME")]
    pub approval_name: Option<String>,
    #[command(flatten)]
    pub cluster: Cluster,
}

/// Writes the verdict.
pub async fn run(arguments: Arguments) -> ExitCode {
    let client = match arguments.cluster.client().await {
        Ok(client) => client,
        Err(code) => return code,
    };
    let tenant = match (&client, arguments.folder.is_empty()) {
        (_, false) => from_folders(&arguments),
        (Some(client), true) => {
            Api::<Tenant>::all(client.clone()).get(&arguments.name).await.map(Arc::new).map_err(|e| super::fail(&e))
        }
        (None, true) => {
            eprintln!(
                "error: say where the tenant is: --kubeconfig FILE for a cluster, or --folder PATH for a manifest"
            );
            Err(ExitCode::from(2))
        }
    };
    match tenant {
        Ok(tenant) if tenant.spec.papers.is_none() => {
            eprintln!("error: Tenant {} has no spec.papers: there is nothing to review", arguments.name);
            ExitCode::from(2)
        }
        Ok(tenant) => arguments.cluster.put(client, &approval(&arguments, &tenant), Api::all).await,
        Err(code) => code,
    }
}

fn approval(arguments: &Arguments, tenant: &Tenant) -> Approval {
    let digest = reviewed_digest(tenant);
    let short: String = digest.short().chars().take(8).collect();
    let name = arguments.approval_name.clone().unwrap_or_else(|| format!("tenant-{}-{short}", tenant.name_any()));
    let spec = ApprovalSpec {
        subject: ApprovalSubject {
            kind: SubjectKind::Tenant,
            namespace: None,
            name: tenant.name_any(),
            digest: digest.to_string(),
        },
        verdict: if arguments.reject { Verdict::Rejected } else { Verdict::Approved },
        reason: arguments.reason.clone(),
        until: arguments.until.map(|date| date.to_string()),
    };
    Approval::new(&name, spec)
}

fn from_folders(arguments: &Arguments) -> Result<Arc<Tenant>, ExitCode> {
    let schemas = Schemas::from_crds(&crds::all()).map_err(|error| super::fail(&error))?;
    for path in &arguments.folder {
        let told = |problems: Vec<crate::folder::Problem>| {
            for problem in &problems {
                eprintln!("{problem}");
            }
            ExitCode::from(2)
        };
        let folder = Folder::read(path, &schemas).map_err(told)?;
        let tenants = folder.objects.of_kind::<Tenant>().map_err(told)?;
        if let Some(tenant) = tenants.into_iter().find(|tenant| tenant.name_any() == arguments.name) {
            return Ok(tenant);
        }
    }
    eprintln!("error: no manifest of Tenant {} is in these folders", arguments.name);
    Err(ExitCode::from(2))
}
