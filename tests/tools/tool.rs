//! Finding a program, or a stand-in for it, and a rig over one shipped manifest.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::{Mutex, PoisonError};

use crate::common::{Parts, Rig};
use sayso::domain::OutcomeStatus;
use sayso::integrations::{Builtins, Limits, Previewed};

/// Whether a program is there; if not, its package is installed where that is wanted.
pub(crate) fn is_there(program: &str, package: &str) -> bool {
    static INSTALLING: Mutex<()> = Mutex::new(());
    if found(program).is_some() {
        return true;
    }
    if std::env::var_os("SAYSO_SERVERS").is_none() {
        eprintln!("skipped: `{program}` is not here, and without SAYSO_SERVERS nothing is installed");
        return false;
    }
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let install = ["install", "-y", "-qq", "--no-install-recommends", package];
    let tried = Process::new("apt-get").args(install).env("DEBIAN_FRONTEND", "noninteractive").output();
    let installed = tried.is_ok_and(|output| output.status.success()) && found(program).is_some();
    if !installed {
        eprintln!("skipped: `{program}` is not here, and the package `{package}` cannot be installed");
    }
    installed
}

fn found(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A folder to work in, and the variables that a manifest reads.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
    file: String,
    /// `[integrations]` of the configuration.
    config: &'static str,
    /// Programs that stand in for others.
    instead: Vec<(String, String)>,
}

impl Bench {
    /// For the manifest of that name.
    pub(crate) fn of(system: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        Self {
            folder,
            env: vec![("PATH", path)],
            file: format!("integrations/{system}.toml"),
            config: "",
            instead: Vec::new(),
        }
    }

    /// With a variable.
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.env.push((name, value.to_string()));
        self
    }

    /// With a configuration.
    pub(crate) fn configured(mut self, config: &'static str) -> Self {
        self.config = config;
        self
    }

    /// With another program in the place of the one that the manifest names.
    pub(crate) fn instead(mut self, program: &str, path: &str) -> Self {
        self.instead.push((program.to_owned(), path.to_owned()));
        self
    }

    /// Writes a file below the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// What lies in a file below the folder; none if there is no such file.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(name)).ok()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The manifest as it stands in the folder, so that trying out an edit takes no build.
    pub(crate) fn rig(&self) -> Rig {
        let mut text = std::fs::read_to_string(&self.file).unwrap();
        for (program, path) in &self.instead {
            text = text.replace(&format!("\"{program}\""), &format!("\"{path}\""));
        }
        let name = self.file.trim_start_matches("integrations/").trim_end_matches(".toml");
        Parts {
            manifests: vec![(name, text)],
            config: self.config,
            env: self.env.clone(),
            limits: Limits { timeout: std::time::Duration::from_secs(120), ..Limits::default() },
            files: Some(self.folder.path().join("files")),
            builtins: Builtins::of_this_machine(),
            ..Parts::default()
        }
        .rig()
    }
}

/// Runs it, and tells the summary and the output of its success.
pub(crate) async fn succeeds(rig: &Rig, line: &str) -> (String, String) {
    let outcome = rig.run(line).await;
    assert_eq!(outcome.status, OutcomeStatus::Succeeded, "{line}: {}\n{:?}", outcome.summary, outcome.output);
    (outcome.summary, outcome.output.unwrap_or_default())
}

/// What is shown before somebody decides, and what must still be so at the run.
pub(crate) async fn previewed(rig: &Rig, line: &str) -> Previewed {
    let plan = rig.plan(line).await.unwrap_or_else(|error| panic!("{line}: {error}"));
    rig.planner.preview(&plan).await.unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Values that are no names: none of them may get as far as a plan.
pub(crate) const HOSTILE: &[&str] =
    &["../x", "a/../../x", "-x", "--help", "@file", "!x", "a:b", "a,b", "*", "{{ 1 }}", "a b", "$(id)", "~", "."];

/// None of the hostile values is taken for this parameter.
pub(crate) async fn refuses_hostile(rig: &Rig, line: &str, parameter: &str) {
    for value in HOSTILE {
        let line = format!("{line} {parameter}={}", sayso::domain::quote(value));
        let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) else { continue };
        let planned = rig.planner.plan(&command, &crate::common::alice()).await;
        assert!(planned.is_err(), "{line}: {}", planned.unwrap().runs);
    }
}
