//! The file by which `kubectl` finds its cluster: the address, the authority and the credentials of one context. What we could
//! not keep to is refused, not passed over: a file that asks to skip a check, or to act as somebody else.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::redact::Redactor;
use super::secret::read_file;
use super::settings::Surroundings;
use super::tls::{Own, Pem, Tls};
use crate::catalogue::manifest::{Kubeconfig, SecretSource};
use crate::domain::Secret;

/// What the context says.
pub(super) struct Current {
    /// The cluster's address.
    pub(super) server: String,
    /// Where the token comes from, if it takes one.
    pub(super) token: Option<SecretSource>,
    /// Its authority, and the certificate that we show.
    pub(super) tls: Tls,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    current_context: Option<String>,
    contexts: Option<Vec<NamedContext>>,
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedUser>>,
}

#[derive(Debug, Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Debug, Deserialize)]
struct Context {
    cluster: String,
    user: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    username: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
    #[serde(rename = "as")]
    impersonated: Option<IgnoredAny>,
    exec: Option<Exec>,
}

/// It holds secrets.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User(…)")
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exec {
    api_version: String,
    command: String,
    args: Option<Vec<String>>,
    env: Option<Vec<Variable>>,
    #[serde(default)]
    provide_cluster_info: bool,
    interactive_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    name: String,
    value: String,
}

/// A part of a file, and the folder that its paths begin in.
type Placed<T> = (T, PathBuf);

/// Reads what `kubectl` would go by: the files of `KUBECONFIG`, else `~/.kube/config`. The redactor knows what is secret in it
/// from now on. The error is for people, and holds nothing of the file but names. It reads files, and blocks.
pub(super) fn current(wanted: &Kubeconfig, here: &Surroundings, redactor: &Redactor) -> Result<Current, String> {
    let files = read_all(here)?;
    let named = here.variable(&wanted.context).or_else(|| {
        let mut named = files.iter().filter_map(|(file, _)| file.current_context.clone());
        named.find(|name| !name.is_empty())
    });
    let named =
        named.ok_or_else(|| format!("the kubeconfig has no current context; `{}` can name one", wanted.context))?;
    pick(files, &named, &wanted.inherit, redactor)
        .map_err(|reason| format!("the context `{named}` of the kubeconfig {reason}"))
}

fn read_all(here: &Surroundings) -> Result<Vec<Placed<File>>, String> {
    let paths: Vec<PathBuf> = match (here.variable("KUBECONFIG"), here.variable("HOME")) {
        (Some(paths), _) => std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect(),
        (None, Some(home)) => vec![Path::new(&home).join(".kube/config")],
        (None, None) => Vec::new(),
    };
    let mut files = Vec::new();
    // Of several, some may be missing: that is how `kubectl` does it.
    for path in paths.iter().filter(|path| paths.len() == 1 || path.exists()) {
        let text = read_file(path).map_err(|reason| format!("the kubeconfig `{}` {reason}", path.display()))?;
        // What it says of a fault may repeat what stands there.
        let file = serde_saphyr::from_str(text.expose()).map_err(|_| {
            format!("`{}` is no kubeconfig: expected YAML with clusters, users and contexts", path.display())
        })?;
        files.push((file, path.parent().map(Path::to_owned).unwrap_or_default()));
    }
    if files.is_empty() { Err("there is no kubeconfig".to_owned()) } else { Ok(files) }
}

/// The first part of that name, as `kubectl` merges files.
fn first<T>(files: &mut [Placed<File>], take: impl Fn(&mut File) -> Option<T>) -> Option<Placed<T>> {
    files.iter_mut().find_map(|(file, folder)| Some((take(file)?, folder.clone())))
}

fn pick(mut files: Vec<Placed<File>>, named: &str, inherit: &[String], redactor: &Redactor) -> Result<Current, String> {
    let context = |file: &mut File| {
        let at = file.contexts.as_ref()?.iter().position(|context| context.name == named)?;
        Some(file.contexts.as_mut()?.swap_remove(at).context)
    };
    let (context, _) = first(&mut files, context).ok_or("is not in it")?;
    let cluster = |file: &mut File| {
        let at = file.clusters.as_ref()?.iter().position(|cluster| cluster.name == context.cluster)?;
        Some(file.clusters.as_mut()?.swap_remove(at).cluster)
    };
    let no_cluster = || format!("names the cluster `{}`, which is not in it", context.cluster);
    let (cluster, beside) = first(&mut files, cluster).ok_or_else(no_cluster)?;
    if cluster.insecure_skip_tls_verify {
        return Err("has `insecure-skip-tls-verify`: whoever stands between could take the credentials".to_owned());
    }
    if cluster.tls_server_name.is_some() || cluster.proxy_url.is_some() {
        return Err("has `tls-server-name` or `proxy-url`, which Sayso does not know".to_owned());
    }
    let ca = pem(cluster.certificate_authority, cluster.certificate_authority_data, &beside)
        .map_err(|reason| format!("has a `certificate-authority-data` that {reason}"))?;
    let mut current = Current { server: cluster.server, token: None, tls: Tls { ca, own: None } };
    let Some(wanted) = context.user.filter(|user| !user.is_empty()) else { return Ok(current) };
    let user = |file: &mut File| {
        let at = file.users.as_ref()?.iter().position(|user| user.name == wanted)?;
        Some(file.users.as_mut()?.swap_remove(at).user)
    };
    let no_user = || format!("names the user `{wanted}`, which is not in it");
    let (user, beside) = first(&mut files, user).ok_or_else(no_user)?;
    for (there, what) in [
        (user.impersonated.is_some(), "`as`: Sayso acts as nobody else"),
        (user.auth_provider.is_some(), "an `auth-provider`, which Kubernetes has given up; use `exec`"),
        (user.username.is_some(), "`username` and `password`, which Kubernetes has given up"),
    ] {
        if there {
            return Err(format!("has a user with {what}"));
        }
    }
    let certificate = pem(user.client_certificate, user.client_certificate_data, &beside)
        .map_err(|reason| format!("has a `client-certificate-data` that {reason}"))?;
    let key = pem(user.client_key, user.client_key_data, &beside)
        .map_err(|reason| format!("has a `client-key-data` that {reason}"))?;
    if let Some(Pem::Text(key)) = &key {
        redactor.learn(key);
    }
    current.tls.own = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Own { certificate, key }),
        (None, None) => None,
        _ => return Err("has a client certificate without its key, or a key without its certificate".to_owned()),
    };
    current.token = match (user.token_file, user.token.filter(|token| !token.trim().is_empty()), user.exec) {
        // The file counts, as it may be another one tomorrow.
        (Some(file), _, _) => Some(SecretSource::File(beside.join(file))),
        (None, Some(token), _) => Some(SecretSource::Known(Secret::new(token.trim().to_owned()))),
        (None, None, Some(exec)) => Some(program(exec, &beside, inherit)?),
        (None, None, None) => None,
    };
    Ok(current)
}

/// Data stand before a file. The error is the end of a sentence.
fn pem(file: Option<PathBuf>, data: Option<String>, beside: &Path) -> Result<Option<Pem>, &'static str> {
    let Some(data) = data.filter(|data| !data.is_empty()) else {
        return Ok(file.map(|file| Pem::File(beside.join(file))));
    };
    let bytes = STANDARD.decode(data.split_whitespace().collect::<String>()).map_err(|_| "is no base64")?;
    String::from_utf8(bytes).map(|text| Some(Pem::Text(Secret::new(text)))).map_err(|_| "is no text")
}

/// The program that tells the token.
fn program(exec: Exec, beside: &Path, inherit: &[String]) -> Result<SecretSource, String> {
    if !["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"].contains(&exec.api_version.as_str())
    {
        return Err(format!("has an `exec` of `{}`, which Sayso does not know", exec.api_version));
    }
    if exec.provide_cluster_info {
        return Err("has an `exec` with `provideClusterInfo`, which Sayso does not know".to_owned());
    }
    if exec.interactive_mode.as_deref() == Some("Always") {
        return Err("has an `exec` that asks somebody at the terminal".to_owned());
    }
    // Without a slash it is looked for in `PATH`.
    let command =
        if exec.command.contains('/') { beside.join(&exec.command).display().to_string() } else { exec.command };
    let asked = json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": { "interactive": false } });
    let own = exec.env.unwrap_or_default().into_iter().map(|variable| (variable.name, variable.value));
    Ok(SecretSource::Credential {
        argv: std::iter::once(command).chain(exec.args.unwrap_or_default()).collect(),
        env: own.chain([("KUBERNETES_EXEC_INFO".to_owned(), asked.to_string())]).collect(),
        inherit: inherit.to_vec(),
    })
}

/// The token of a credential as such a program prints it. The error holds nothing of what it printed.
pub(super) fn token_of(said: &Secret) -> Result<Secret, &'static str> {
    let credential: serde_json::Value =
        serde_json::from_str(said.expose()).map_err(|_| "expected an `ExecCredential` as JSON, found other text")?;
    let token = credential["status"]["token"].as_str().unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("expected an `ExecCredential` with a token, found none");
    }
    Ok(Secret::new(token.to_owned()))
}
