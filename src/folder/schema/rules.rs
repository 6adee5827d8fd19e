//! CEL rules (`x-kubernetes-validations`) evaluated without a cluster, by kube's own evaluator.

use std::fmt;

use kube_cel::{CompiledSchema, ErrorKind, Validator, compile_schema};
use serde_json::Value;

use crate::folder::fault::{Fault, Flaw};
use crate::folder::yaml::Node;

/// The compiled rules of one kind.
pub struct Rules {
    compiled: CompiledSchema,
    unusable: Vec<String>,
}

/// A rule that a manifest breaks.
#[derive(Debug)]
pub struct Broken {
    path: String,
    sentence: String,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("unusable", &self.unusable).finish_non_exhaustive()
    }
}

impl Rules {
    pub fn new(schema: &Value) -> Self {
        let compiled = compile_schema(schema);
        let mut unusable = Vec::new();
        collect_errors(&compiled, &mut unusable);
        unusable.sort();
        Self { compiled, unusable }
    }

    pub fn unusable(&self) -> Vec<String> {
        self.unusable.clone()
    }

    pub fn check(&self, manifest: &Value) -> Vec<Broken> {
        let Err(errors) = Validator::new().validate_compiled(&self.compiled, manifest, None) else {
            return Vec::new();
        };
        errors
            .into_vec()
            .into_iter()
            // A rule the evaluator cannot run says nothing about the manifest; the API server will judge it.
            .filter(|error| !matches!(error.kind, ErrorKind::UnsupportedReference | ErrorKind::CompilationFailure))
            .map(|error| Broken { path: error.field_path, sentence: error.message })
            .collect()
    }
}

fn collect_errors(schema: &CompiledSchema, errors: &mut Vec<String>) {
    errors.extend(schema.compilation_errors().iter().map(ToString::to_string));
    let below =
        schema.properties.values().chain(schema.items.as_deref()).chain(schema.additional_properties.as_deref());
    below.for_each(|field| collect_errors(field, errors));
}

impl Broken {
    pub fn at(self, manifest: &Node) -> Flaw {
        Flaw { position: manifest.position_of(&self.path), path: self.path, fault: Fault::Rule(self.sentence) }
    }
}
