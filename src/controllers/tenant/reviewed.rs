//! What an Approval covers: the digest of what the reviewer saw. Pure.

use serde::Serialize;

use crate::api::Tenant;
use crate::domain::digest::Digest;

#[derive(Serialize)]
struct Reviewed<'a, K: Serialize, P: Serialize> {
    name: &'a str,
    kind: K,
    papers: P,
}

/// The digest of a tenant's display name, kind and papers: changing any of them voids the approval.
pub fn reviewed_digest(tenant: &Tenant) -> Digest {
    let spec = &tenant.spec;
    Digest::of_json(&Reviewed { name: &spec.display_name, kind: &spec.kind, papers: &spec.papers })
}
