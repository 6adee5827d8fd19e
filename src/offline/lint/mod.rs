//! What is wrong, or probably not meant, in a folder: each with a code, a place and a sentence that says what to change.
//!
//! Errors are what a cluster would refuse: schema and CEL rules, the operator's checks, references. Warnings and hints
//! are facts that no schema can see: a rule that nothing reaches, a pattern that catches less than it seems to.
//! [`CODES`] is the manual; `docs/lint.md` is printed from it.

mod codes;
mod lists;
mod numbers;
mod platform;
pub mod repair;
mod shadow;

use serde::Serialize;

pub use self::codes::{CODES, Code, Severity};
pub use self::repair::Repair;
use super::{Offline, OfflineError, places};
use crate::api::conditions as types;
use crate::folder::objects::NamespaceOrigin;
use crate::folder::{ObjectKey, Place, Problem};

/// One thing to change, or to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    pub code: &'static str,
    pub severity: Severity,
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// `KIND NAMESPACE/NAME`; empty for a file that is no object.
    pub object: String,
    /// Path of the field; empty where it is about the object as a whole.
    pub path: String,
    /// Reason of the condition that a cluster would show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    pub message: String,
    /// Where the repair is certain: what `--fix` does.
    #[serde(rename = "fixable", skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

/// Everything to say of a folder that was read.
pub fn run(offline: &Offline) -> Vec<Diagnostic> {
    let mut report = Report { offline, found: Vec::new() };
    report.verdicts();
    report.reading();
    numbers::look(&mut report);
    lists::look(&mut report);
    platform::look(&mut report);
    let mut found = report.found;
    found.sort_by(|one, other| {
        (&one.file, one.line, one.column, one.code).cmp(&(&other.file, other.line, other.column, other.code))
    });
    found
}

/// A folder that could not be read, as diagnostics; other errors are given back.
pub fn unreadable(error: OfflineError) -> Result<Vec<Diagnostic>, OfflineError> {
    match error {
        OfflineError::Manifests(problems) => Ok(problems.iter().map(of_problem).collect()),
        other => Err(other),
    }
}

fn of_problem(problem: &Problem) -> Diagnostic {
    let subject = if problem.path.is_empty() { "the document" } else { &problem.path };
    Diagnostic {
        code: codes::MANIFEST.name,
        severity: codes::MANIFEST.severity,
        file: problem.place.file.display().to_string(),
        line: problem.place.position.line,
        column: problem.place.position.column,
        object: String::new(),
        path: problem.path.clone(),
        reason: None,
        message: format!("{subject} {}", problem.fault),
        repair: repair::of_problem(problem),
    }
}

/// Where findings are collected.
struct Report<'a> {
    offline: &'a Offline,
    found: Vec<Diagnostic>,
}

impl Report<'_> {
    /// Says something of an object's field; items of lists may be named (`rules[night].to`).
    fn tell(&mut self, code: &'static Code, object: &ObjectKey, field: &str, message: impl Into<String>) {
        let Some(manifest) = self.offline.folder.objects.get(object) else { return };
        let path = places::counted(&manifest.node, &format!("spec.{field}")).unwrap_or_default();
        let place = manifest.place_of(&path);
        self.tell_at(code, &place, object.to_string(), path, message.into());
    }

    fn tell_at(&mut self, code: &'static Code, place: &Place, object: String, path: String, message: String) {
        self.found.push(Diagnostic {
            code: code.name,
            severity: code.severity,
            file: place.file.display().to_string(),
            line: place.position.line,
            column: place.position.column,
            object,
            path,
            reason: None,
            message,
            repair: None,
        });
    }

    /// The repair of what was told last.
    fn with_repair(&mut self, repair: Repair) {
        if let Some(last) = self.found.last_mut() {
            last.repair = Some(repair);
        }
    }

    fn verdicts(&mut self) {
        for verdict in self.offline.verdicts() {
            let code = match verdict.condition {
                types::ACCEPTED => &codes::NOT_ACCEPTED,
                types::RESOLVED_REFS => &codes::UNRESOLVED,
                types::FULLY_ENFORCED => &codes::NOT_ENFORCED,
                _ => &codes::YEAR_MISSING,
            };
            self.tell_at(code, &verdict.place, verdict.object.to_string(), verdict.path, verdict.finding.sentence);
            if let Some(last) = self.found.last_mut() {
                last.reason = Some(verdict.finding.reason.name);
            }
        }
    }

    fn reading(&mut self) {
        for note in &self.offline.folder.notes {
            self.tell_at(&codes::READ_PAST, &note.place, String::new(), String::new(), note.sentence.clone());
        }
        for (key, object) in self.offline.folder.objects.iter() {
            if object.namespace_origin == NamespaceOrigin::Defaulted {
                let sentence =
                    "metadata.namespace is missing: kubectl would take its context's, here it is \"default\"";
                let place = object.place_of("metadata");
                self.tell_at(&codes::NAMESPACE_MISSING, &place, key.to_string(), "metadata".into(), sentence.into());
            }
        }
    }
}

#[cfg(test)]
mod tests;
