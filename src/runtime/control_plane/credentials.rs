//! Who may speak to a private control plane: bearer tokens, the key of service accounts, kubeconfigs.
//!
//! Everything is written with mode 0600 into a folder of mode 0700. The serving certificate is the API server's own
//! affair: it makes one at its first start.

use std::{
    collections::BTreeMap,
    fmt,
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};

use super::{ADMIN, ControlPlaneError, User};

/// Everything of a P-256 `SubjectPublicKeyInfo` (RFC 5480 §2) before the point itself.
const P256_PUBLIC_KEY_HEADER: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// RFC 7468 §2.
const PEM_LINE: usize = 64;
const TOKEN_BYTES: usize = 32;

/// The system gave no randomness, or the fresh key did not read back.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    #[error("no P-256 key could be generated")]
    Generate,
}

/// Files for the API server's flags, and the tokens in them.
pub(super) struct Credentials {
    tokens: BTreeMap<String, String>,
    pub(super) token_file: PathBuf,
    pub(super) private_key_file: PathBuf,
    pub(super) public_key_file: PathBuf,
}

/// Without the tokens.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("users", &self.tokens.keys().collect::<Vec<_>>())
            .field("token_file", &self.token_file)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Makes `folder` and writes the files. A key that is there stays, so that service account tokens outlive a restart.
    pub(super) fn prepare(folder: &Path, users: &[User]) -> Result<Self, ControlPlaneError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| ControlPlaneError::File { path: folder.to_owned(), source })?;
        let admin = User::new(ADMIN, ["system:masters"]);
        let mut tokens = BTreeMap::new();
        let mut rows = String::new();
        for user in users.iter().chain([&admin]) {
            let token = random_token()?;
            rows.push_str(&token_row(&token, user));
            tokens.insert(user.name.clone(), token);
        }
        let credentials = Self {
            tokens,
            token_file: folder.join("tokens.csv"),
            private_key_file: folder.join("service-account.key"),
            public_key_file: folder.join("service-account.pub"),
        };
        write_private(&credentials.token_file, rows.as_bytes())?;
        if !(credentials.private_key_file.exists() && credentials.public_key_file.exists()) {
            let (private_key, public_key) = service_account_key()?;
            write_private(&credentials.private_key_file, private_key.as_bytes())?;
            write_private(&credentials.public_key_file, public_key.as_bytes())?;
        }
        Ok(credentials)
    }

    pub(super) fn token(&self, user: &str) -> Option<&str> {
        self.tokens.get(user).map(String::as_str)
    }
}

fn random_token() -> Result<String, KeyError> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(bytes.iter().fold(String::with_capacity(2 * TOKEN_BYTES), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// `token,user,uid,"group,group"`, each field quoted.
fn token_row(token: &str, user: &User) -> String {
    let quote = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
    format!("{token},{name},{name},{groups}\n", name = quote(&user.name), groups = quote(&user.groups.join(",")))
}

/// Private (PKCS #8) and public (`SubjectPublicKeyInfo`) halves of a new P-256 key, as PEM.
fn service_account_key() -> Result<(String, String), KeyError> {
    let random = SystemRandom::new();
    let private_key =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(|_| KeyError::Generate)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private_key.as_ref(), &random)
        .map_err(|_| KeyError::Generate)?;
    let public_key = [P256_PUBLIC_KEY_HEADER.as_slice(), pair.public_key().as_ref()].concat();
    Ok((pem("PRIVATE KEY", private_key.as_ref()), pem("PUBLIC KEY", &public_key)))
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut rest = text.as_str();
    let mut lines = format!("-----BEGIN {label}-----\n");
    while let Some((line, after)) = rest.split_at_checked(PEM_LINE) {
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    if !rest.is_empty() {
        lines.push_str(rest);
        lines.push('\n');
    }
    lines + &format!("-----END {label}-----\n")
}

/// Stands alone: no path in it, so that it works wherever it is copied.
pub(super) fn kubeconfig(url: &str, certificate: &[u8], user: &str, token: &str) -> String {
    let certificate = STANDARD.encode(certificate);
    let user = serde_json::Value::from(user);
    format!(
        "apiVersion: v1
kind: Config
clusters:
  - name: fourhundred
    cluster:
      server: {url}
      certificate-authority-data: {certificate}
users:
  - name: {user}
    user:
      token: {token}
contexts:
  - name: fourhundred
    context:
      cluster: fourhundred
      user: {user}
current-context: fourhundred
"
    )
}

/// Replaces the file by one that only its owner may read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), ControlPlaneError> {
    let write = || -> io::Result<()> {
        let fresh = path.with_added_extension("new");
        // The mode counts only for a file that is created.
        if let Err(error) = fs::remove_file(&fresh)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        fs::rename(&fresh, path)
    };
    write().map_err(|source| ControlPlaneError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tokens_are_private_and_differ_and_stay_out_of_debug_output() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        let credentials = Credentials::prepare(&data, &[User::new("lin", ["ops", "night"])]).unwrap();
        let (lin, admin) = (credentials.token("lin").unwrap(), credentials.token(ADMIN).unwrap());
        assert_eq!(lin.len(), 2 * TOKEN_BYTES);
        assert_ne!(lin, admin);
        assert_eq!(credentials.token("nobody"), None);
        assert!(!format!("{credentials:?}").contains(lin));
        let rows = fs::read_to_string(&credentials.token_file).unwrap();
        assert_eq!(
            rows,
            format!("{lin},\"lin\",\"lin\",\"ops,night\"\n{admin},\"admin\",\"admin\",\"system:masters\"\n")
        );
        for file in [&credentials.token_file, &credentials.private_key_file] {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_second_start_keeps_the_service_account_key_and_makes_new_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let prepare = || {
            let credentials = Credentials::prepare(folder.path(), &[]).unwrap();
            let key = fs::read_to_string(&credentials.private_key_file).unwrap();
            (key, credentials.token(ADMIN).unwrap().to_owned())
        };
        let (first, second) = (prepare(), prepare());
        assert_eq!(first.0, second.0);
        assert_ne!(first.1, second.1);
    }

    #[test]
    fn pem_lines_are_sixty_four_characters() {
        assert_eq!(
            pem("KEY", &[0xff; 50]),
            format!("-----BEGIN KEY-----\n{}\n//8=\n-----END KEY-----\n", "/".repeat(64))
        );
        assert_eq!(pem("KEY", &[0; 48]), format!("-----BEGIN KEY-----\n{}\n-----END KEY-----\n", "A".repeat(64)));
    }

    #[test]
    fn a_quote_in_a_user_name_stays_one_field() {
        let row = token_row("t", &User::new("a\"b,c", ["g"]));
        assert_eq!(row, "t,\"a\"\"b,c\",\"a\"\"b,c\",\"g\"\n");
    }
}
