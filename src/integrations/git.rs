//! The files of a folder as they were at a revision, asked of `git` itself. It reads, and changes nothing.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the files of a revision cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git`, or it could not be started.
    #[error("`git` cannot be started")]
    NotStarted(#[source] std::io::Error),
    /// It did not end.
    #[error("`git` did not answer within {PATIENCE:?}")]
    TimedOut,
    /// It refused.
    #[error("`git {question}` failed: {answer}")]
    Failed {
        /// What was asked.
        question: String,
        /// What it said.
        answer: String,
    },
    /// The folder was not there.
    #[error("there is no `{folder}` at `{revision}`")]
    NoFolder {
        /// Which folder.
        folder: String,
        /// At which revision.
        revision: String,
    },
}

/// Name and content of each file directly in a folder, as of a revision. What is no UTF-8 is left out.
pub async fn files_at(folder: &Path, revision: &str) -> Result<Vec<(String, String)>, GitError> {
    // What a person wrote is asked about once, behind the end of options; from then on it is a digest.
    let asked = format!("{revision}^{{commit}}");
    let commit = ask(folder, &["rev-parse", "--verify", "--end-of-options", &asked]).await?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    let listed = ask(folder, &["ls-tree", "-z", "--name-only", &commit, "./"]).await?;
    let mut files = Vec::new();
    for name in listed.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()) {
        if name.is_empty() || name.ends_with('/') {
            continue;
        }
        let place = format!("{commit}:./{name}");
        if ask(folder, &["cat-file", "-t", &place]).await?.starts_with(b"blob")
            && let Ok(text) = String::from_utf8(ask(folder, &["cat-file", "blob", &place]).await?)
        {
            files.push((name.to_owned(), text));
        }
    }
    if files.is_empty() {
        let folder = folder.display().to_string();
        return Err(GitError::NoFolder { folder, revision: revision.to_owned() });
    }
    Ok(files)
}

async fn ask(folder: &Path, question: &[&str]) -> Result<Vec<u8>, GitError> {
    let answer = Command::new("git")
        .args(question)
        .current_dir(folder)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer =
        tokio::time::timeout(PATIENCE, answer).await.map_err(|_| GitError::TimedOut)?.map_err(GitError::NotStarted)?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        let answer = said.lines().next().unwrap_or("it said nothing").to_owned();
        return Err(GitError::Failed { question: question.join(" "), answer });
    }
    Ok(answer.stdout)
}
