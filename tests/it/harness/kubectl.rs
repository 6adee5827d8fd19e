//! kubectl as a user runs it.

use std::path::Path;

use super::launch;

/// What a finished program said.
#[derive(Debug, Clone)]
pub struct Output {
    command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output of a program that must have succeeded.
    pub fn ok(self) -> String {
        assert!(self.code == Some(0), "{} ended with {:?}:\n{}{}", self.command, self.code, self.stdout, self.stderr);
        self.stdout
    }

    /// Standard error of a program that must have been refused.
    pub fn refused(self) -> String {
        assert!(self.code != Some(0), "{} must be refused, but said:\n{}", self.command, self.stdout);
        self.stderr
    }

    /// Standard output of a success, as JSON.
    pub fn json(self) -> serde_json::Value {
        let command = self.command.clone();
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command} printed no JSON ({error}):\n{text}"))
    }
}

/// `home` keeps kubectl's discovery cache out of the developer's own.
pub async fn run(kubectl: &Path, kubeconfig: &Path, home: &Path, arguments: &[&str]) -> Output {
    let output = launch::program(kubectl)
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", home)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{} does not run: {error}", kubectl.display()));
    Output {
        command: format!("kubectl {}", arguments.join(" ")),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
