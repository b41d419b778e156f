//! Files that one command leaves for a later one, such as a plan that is shown, approved, and then applied as it is. They lie
//! in a folder that nobody else can look into. What such a file holds is part of what is approved.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::error::{ActionError, PlanError};
use super::plan::Planner;
use super::registry::Chosen;
use super::request::RequestError;
use super::scope::Circumstances;
use super::template::TemplateError;
use crate::domain::{Command, Digest};

/// The largest file whose content can be approved, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The longest name of a file, in bytes.
const MAX_NAME: usize = 200;

impl Planner {
    /// The files that the manifest names, for this command: `{<name>: {path, digest, modified}}`, the latter two only where
    /// there is one. A file that the action uses must be there.
    pub(super) async fn files(&self, chosen: &Chosen, command: &Command) -> Result<Json, PlanError> {
        let integration = || chosen.name().to_owned();
        let unreadable = |error: TemplateError| PlanError::Request { integration: integration(), source: error.into() };
        let mut files = Map::new();
        let named = &chosen.integration.manifest.files;
        let Some(folder) = chosen.integration.files.as_ref().filter(|_| !named.is_empty()) else {
            return Ok(Json::Object(files));
        };
        let views = self.views(chosen, command, &Circumstances::planned()).map_err(unreadable)?;
        for (name, template) in named {
            // A name that depends on what another intent gives is of no concern here.
            let Some(file) = self.templates.text(template, &views.told).map_err(unreadable)? else { continue };
            if !is_plain(&file) {
                let source = RequestError::BadSegment(file);
                return Err(PlanError::Request { integration: integration(), source });
            }
            let (folder, kind) = (folder.clone(), name.clone());
            let look = tokio::task::spawn_blocking(move || look(&folder, &kind, &file)).await;
            let looked = look.unwrap_or_else(|error| Err(error.to_string()));
            let file = looked.map_err(|reason| ActionError::NotSent { integration: integration(), reason })?;
            files.insert(name.clone(), file);
        }
        for (name, none) in &chosen.action().uses {
            if files.get(name).is_none_or(|file| file.get("digest").is_none()) {
                let said = self.templates.prose(none, &views.told).map_err(unreadable)?;
                return Err(PlanError::NotFound { said: self.redactor.clean(&said) });
            }
        }
        Ok(Json::Object(files))
    }
}

/// A plan's digest with what the files hold that its action uses, and its requests only name.
pub(super) fn bound_to(plan: Digest, chosen: &Chosen, files: &Json) -> Digest {
    let uses = &chosen.action().uses;
    if uses.is_empty() {
        return plan;
    }
    let content = |name: &str| format!("{name} {}", files[name]["digest"].as_str().unwrap_or_default());
    let parts: Vec<_> = std::iter::once(plan.to_string()).chain(uses.iter().map(|(name, _)| content(name))).collect();
    Digest::of(parts.iter().map(String::as_bytes))
}

/// A name that stands for itself within a folder.
fn is_plain(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Makes the folder if there is none, and looks at the file. It blocks.
fn look(folder: &Path, kind: &str, file: &str) -> Result<Json, String> {
    let folder = folder.join(kind);
    make(&folder)?;
    let path = folder.join(file);
    let unreadable = |error: std::io::Error| format!("`{}`: {error}", path.display());
    let metadata = match std::fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(json!({ "path": shown(&path)? })),
        Err(error) => return Err(unreadable(error)),
    };
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(format!("`{}` is no file of at most {MAX_BYTES} bytes", path.display()));
    }
    let content = std::fs::read(&path).map_err(unreadable)?;
    let modified = metadata.modified().ok().and_then(|modified| Timestamp::try_from(modified).ok());
    Ok(json!({
        "path": shown(&path)?,
        "digest": Digest::of_file(&content).to_string(),
        "modified": modified.map(|modified| modified.to_string()),
    }))
}

fn shown(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("`{}` is no text", path.display()))
}

/// A folder for us alone, with those above it.
pub(super) fn make(folder: &Path) -> Result<(), String> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let at = || format!("the folder `{}`", folder.display());
    builder.create(folder).map_err(|error| format!("{} cannot be made: {error}", at()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::symlink_metadata(folder).map_err(|error| format!("{}: {error}", at()))?;
        if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(format!("{} must be for the account that runs Sayso alone; run `chmod 700` on it", at()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for name in ["network-prod", "a.b_c", "7"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", ".", "..", ".x", "../x", "a/b", "-x", "a b", "a\n", "ä", &"x".repeat(201)] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_into_the_folder() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("files/terraform");
        let path = folder.join("plan/x");
        assert_eq!(look(&folder, "plan", "x").unwrap(), json!({ "path": path.to_str().unwrap() }));
        std::fs::write(&path, "a plan").unwrap();
        let digest = look(&folder, "plan", "x").unwrap()["digest"].clone();
        std::fs::write(&path, "another").unwrap();
        assert_ne!(look(&folder, "plan", "x").unwrap()["digest"], digest);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(look(&folder, "plan", "x").unwrap_err().contains("is no file of at most"));
        std::fs::set_permissions(folder.join("plan"), std::fs::Permissions::from_mode(0o750)).unwrap();
        assert!(look(&folder, "plan", "x").unwrap_err().contains("run `chmod 700` on it"));
    }
}
