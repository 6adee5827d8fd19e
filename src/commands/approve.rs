//! `fourhundred approve`: writes an Approval bound to the digest of what is reviewed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::output::tell;
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
    fourhundred approve tenant acme --reject --reason 'The seal is missing' --kubeconfig ~/.kube/config

A rejection wins over approvals of the same papers for as long as it stands: delete it, then approve. Folders below PATH
named `invalid` are read past.

Exit code: 0 written, 1 a rejection of the same papers stands in the way, 2 the question was wrong.";

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
    /// Name of the Approval; made from the tenant's name, the verdict and the digest when absent
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
            tell("error: say where the tenant is: --kubeconfig FILE for a cluster, or --folder PATH for a manifest");
            Err(ExitCode::from(2))
        }
    };
    let tenant = match tenant {
        Ok(tenant) if tenant.spec.papers.is_none() => {
            tell(format_args!("error: Tenant {} has no spec.papers: there is nothing to review", arguments.name));
            return ExitCode::from(2);
        }
        Ok(tenant) => tenant,
        Err(code) => return code,
    };
    let approval = approval(&arguments, &tenant);
    if let Some(client) = &client
        && let Err(code) = stands_alone(client, &approval).await
    {
        return code;
    }
    arguments.cluster.put(client, &approval, Api::all, "--approval-name").await
}

/// An approval beside a rejection of the same papers would be written for nothing.
async fn stands_alone(client: &Client, approval: &Approval) -> Result<(), ExitCode> {
    if approval.spec.verdict == Verdict::Rejected {
        return Ok(());
    }
    let listed = Api::<Approval>::all(client.clone()).list(&ListParams::default()).await;
    let rejections = rejections_of(&listed.map_err(|error| super::fail(&error))?.items, &approval.spec.subject);
    if rejections.is_empty() {
        return Ok(());
    }
    let (names, subject) = (rejections.join(" "), &approval.spec.subject.name);
    tell(format_args!(
        "error: the papers of Tenant {subject} are rejected, and a rejection wins: `kubectl delete approvals {names}` \
         first"
    ));
    Err(ExitCode::FAILURE)
}

/// Names of the rejections of exactly what `subject` describes, in order.
fn rejections_of(approvals: &[Approval], subject: &ApprovalSubject) -> Vec<String> {
    let rejects =
        |approval: &&Approval| approval.spec.verdict == Verdict::Rejected && approval.spec.subject == *subject;
    let mut names: Vec<String> = approvals.iter().filter(rejects).map(kube::ResourceExt::name_any).collect();
    names.sort();
    names
}

fn approval(arguments: &Arguments, tenant: &Tenant) -> Approval {
    let digest = reviewed_digest(tenant);
    let short: String = digest.short().chars().take(8).collect();
    let (verdict, word) =
        if arguments.reject { (Verdict::Rejected, "rejected") } else { (Verdict::Approved, "approved") };
    let made = || format!("tenant-{}-{word}-{short}", tenant.name_any());
    let name = arguments.approval_name.clone().unwrap_or_else(made);
    let spec = ApprovalSpec {
        subject: ApprovalSubject {
            kind: SubjectKind::Tenant,
            namespace: None,
            name: tenant.name_any(),
            digest: digest.to_string(),
        },
        verdict,
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
                tell(problem);
            }
            ExitCode::from(2)
        };
        let folder = Folder::read(path, &schemas).map_err(told)?;
        let tenants = folder.objects.of_kind::<Tenant>().map_err(told)?;
        if let Some(tenant) = tenants.into_iter().find(|tenant| tenant.name_any() == arguments.name) {
            return Ok(tenant);
        }
    }
    tell(format_args!("error: no manifest of Tenant {} is in these folders", arguments.name));
    Err(ExitCode::from(2))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::commands::{Cli, Command};

    fn written(more: &str) -> Approval {
        let words = format!("fourhundred approve tenant acme --reason Seen{more}");
        let Command::Approve(arguments) = Cli::try_parse_from(words.split(' ')).unwrap().command else {
            panic!("approve")
        };
        let spec = serde_json::json!({"displayName": "Acme", "kind": "Enterprise", "papers": {"licence": "L", "realNameForm": "F"}});
        approval(&arguments, &Tenant::new("acme", serde_json::from_value(spec).unwrap()))
    }

    #[test]
    fn the_two_verdicts_on_the_same_papers_have_names_of_their_own() {
        let (approved, rejected) = (written("").name_any(), written(" --reject").name_any());
        assert!(approved.starts_with("tenant-acme-approved-"), "{approved}");
        assert!(rejected.starts_with("tenant-acme-rejected-"), "{rejected}");
        assert_eq!(written(" --approval-name mine").name_any(), "mine");
    }

    #[test]
    fn only_a_rejection_of_the_same_papers_stands_in_the_way() {
        let approval = written("");
        let mut of_other_papers = written(" --reject --approval-name other");
        of_other_papers.spec.subject.digest = "sha256:0".to_owned();
        let standing = [of_other_papers, written(""), written(" --reject --approval-name b"), written(" --reject")];
        let names = rejections_of(&standing, &approval.spec.subject);
        assert_eq!(names, ["b".to_owned(), written(" --reject").name_any()]);
    }
}
