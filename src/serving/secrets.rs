//! The Secrets that gateways name, from the folders or from a file on the command line, brought to the workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;

use crate::api::{CallGateway, SecretKeyRef};
use crate::controllers::key::Key;
use crate::controllers::world::World;
use crate::embedding;
use crate::folder::Folder;
use crate::workers::house::{House, Secrets};
use crate::workers::router::certificates;

/// See the module's text.
pub(super) struct Bringer {
    pub(super) world: Arc<World>,
    pub(super) house: Arc<House>,
    /// For call record intake, where the folders hold no Secret.
    pub(super) token: Option<String>,
}

impl Bringer {
    /// Takes the secrets of `gateways` from `folders`.
    pub(super) fn bring(&self, gateways: &[CallGateway], folders: &[Arc<Folder>]) {
        for gateway in gateways {
            let key = Key::of(gateway);
            let intake = self.intake(gateway, folders);
            let listeners = gateway.spec.listeners.iter();
            let route = listeners.filter_map(|listener| {
                let token = find(gateway, listener.token_secret_ref.as_ref()?, folders).ok()?;
                Some((listener.name.clone(), token))
            });
            let secrets = Secrets {
                intake: intake.as_ref().and_then(|token| token.clone().ok()),
                route: route.collect(),
                ..Secrets::default()
            };
            self.house.set_secrets(&key.to_string(), secrets);
            let token = intake.map(|token| token.map(drop));
            let certificates = self.certificates(gateway, folders);
            embedding::told(&self.world, &key, |word| {
                word.token = token;
                word.certificates = certificates;
            });
        }
    }

    /// Certificates go to their listeners; told is which can be shown.
    fn certificates(&self, gateway: &CallGateway, folders: &[Arc<Folder>]) -> BTreeMap<String, Result<(), String>> {
        let name = Key::of(gateway).to_string();
        let listeners = gateway.spec.listeners.iter();
        let named = listeners.filter_map(|listener| Some((listener, listener.certificate_secret_ref.as_ref()?)));
        named
            .map(|(listener, reference)| {
                let part = |key: &str| {
                    let reference = SecretKeyRef { name: reference.name.clone(), key: key.to_owned() };
                    find(gateway, &reference, folders)
                };
                let parts: Result<Vec<String>, String> = certificates::KEYS.into_iter().map(part).collect();
                let pem = parts.map(|parts| parts.join("\n"));
                let pem = pem.as_deref().map_err(String::as_str);
                (listener.name.clone(), self.house.certificates.tell(&name, &listener.name, pem))
            })
            .collect()
    }

    fn intake(&self, gateway: &CallGateway, folders: &[Arc<Folder>]) -> Option<Result<String, String>> {
        let reference = gateway.spec.call_records.as_ref()?.token_secret_ref.as_ref()?;
        let found = find(gateway, reference, folders);
        Some(match (found, &self.token) {
            (Err(_), Some(token)) => Ok(token.clone()),
            (Err(why), None) if why.ends_with(": add it") => Err(format!("{why}, or give --token-file")),
            (found, _) => found,
        })
    }
}

/// The value, or the sentence that says what is missing.
fn find(gateway: &CallGateway, reference: &SecretKeyRef, folders: &[Arc<Folder>]) -> Result<String, String> {
    let namespace = gateway.namespace().unwrap_or_default();
    let name = &reference.name;
    let values = folders.iter().find_map(|folder| folder.objects.secret(&namespace, name));
    let Some(values) = values else {
        return Err(format!("the folder has no Secret {namespace}/{name}: add it"));
    };
    let value = values.0.get(&reference.key).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::trim);
    match value {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("Secret {namespace}/{name} has no text under the key {}", reference.key)),
    }
}
