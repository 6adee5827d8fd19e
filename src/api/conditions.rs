//! Condition types and their reasons: a closed set per type, each with the sentence that `kubectl describe` and the
//! manual show. Pure; `now` is an argument.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

/// Most bytes of a condition's message.
pub const MESSAGE_BYTES: usize = 1024;

/// The schema of every kind's `status.conditions`: metav1.Condition with its bounds.
pub(super) fn list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z]+$",
                    "description": "What is told."
                },
                "status": {
                    "type": "string", "enum": ["True", "False", "Unknown"],
                    "description": "Whether it holds."
                },
                "observedGeneration": {
                    "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64,
                    "description": "Generation of the spec for which it was found."
                },
                "lastTransitionTime": {
                    "type": "string", "format": "date-time", "maxLength": 40,
                    "description": "When the status last changed."
                },
                "reason": {
                    "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z]+$",
                    "description": "Why, in one word of a closed set."
                },
                "message": {
                    "type": "string", "maxLength": MESSAGE_BYTES,
                    "description": "Why, in a sentence that says what to change."
                }
            }
        }
    })
}
