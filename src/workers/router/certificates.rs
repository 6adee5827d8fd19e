//! Certificates of TLS listeners: read from PEM, swapped while connections stand, kept when what comes is broken.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::domain::digest::Digest;

/// Where a Secret of type `kubernetes.io/tls` holds the certificate chain and its private key, both PEM.
pub const KEYS: [&str; 2] = ["tls.crt", "tls.key"];

/// Why a certificate cannot be used. Says nothing of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    #[error("tls.crt holds no PEM certificate")]
    NoCertificate,
    #[error("tls.key holds no PEM private key")]
    NoKey,
    #[error("tls.crt and tls.key cannot be used together: {0}")]
    Unusable(rustls::Error),
}

/// What TLS listeners show, by gateway and listener.
#[derive(Debug, Default)]
pub struct Certificates {
    known: Mutex<BTreeMap<(String, String), Known>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    certificate: Option<Certificate>,
    /// What was read last, by its digest: the same again is no news.
    digest: Option<Digest>,
    fault: Option<String>,
}

/// A listener's certificate as it changes.
#[derive(Debug, Clone)]
pub(super) struct Certificate(Arc<ArcSwap<ServerConfig>>);

impl Certificate {
    /// The newest.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

impl Certificates {
    /// What was read for a listener: chain and key in one PEM text, or why there is none. Returns what is to be told. What
    /// cannot be used changes nothing: the last good certificate is shown on.
    pub fn tell(&self, gateway: &str, listener: &str, pem: Result<&str, &str>) -> Result<(), String> {
        let mut all = self.lock();
        let known = all.entry((gateway.to_owned(), listener.to_owned())).or_default();
        let digest = pem.ok().map(|pem| Digest::of(pem.as_bytes()));
        let is_news = match pem {
            Ok(_) => known.digest != digest,
            Err(why) => known.fault.as_deref() != Some(why),
        };
        if is_news {
            known.digest = digest;
            known.fault = known.take(pem);
            if let Some(fault) = &known.fault {
                tracing::warn!(gateway, listener, fault, "a TLS listener's certificate cannot be used");
            }
            self.changes.send_modify(|count| *count += 1);
        }
        known.fault.clone().map_or(Ok(()), Err)
    }

    /// The certificate of a listener that is to open.
    pub(super) fn of(&self, gateway: &str, listener: &str) -> io::Result<Certificate> {
        let all = self.lock();
        let known = all.get(&(gateway.to_owned(), listener.to_owned()));
        match known.map(|known| (&known.certificate, &known.fault)) {
            Some((Some(certificate), _)) => Ok(certificate.clone()),
            Some((None, Some(fault))) => Err(io::Error::other(fault.clone())),
            _ => Err(io::Error::other("its certificate has not been read yet")),
        }
    }

    /// Told when what is known of a certificate changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Why what was read cannot be used, if it cannot.
    fn take(&mut self, pem: Result<&str, &str>) -> Option<String> {
        let config = match pem.map(server_config) {
            Ok(Ok(config)) => Arc::new(config),
            Ok(Err(fault)) => return Some(fault.to_string()),
            Err(why) => return Some(why.to_owned()),
        };
        match &self.certificate {
            Some(certificate) => certificate.0.store(config),
            None => self.certificate = Some(Certificate(Arc::new(ArcSwap::new(config)))),
        }
        None
    }
}

/// TLS 1.2 and 1.3, as RFC 8446 and RFC 5246 have it; peers show no certificate, `peers` says who they are.
fn server_config(pem: &str) -> Result<ServerConfig, CertificateFault> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateFault::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateFault::NoKey)?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(CertificateFault::Unusable)
}
