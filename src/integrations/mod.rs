//! The one place that acts: manifests, executors, templates, redaction.
