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
        let unusable = compiled.compilation_errors().iter().map(ToString::to_string).collect();
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

impl Broken {
    pub fn at(self, manifest: &Node) -> Flaw {
        Flaw { position: manifest.position_of(&self.path), path: self.path, fault: Fault::Rule(self.sentence) }
    }
}
