//! Kubeconfigs, and systems that ask who we are by a certificate.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::common::Parts;

/// What a cluster says of a deployment.
const DEPLOYMENT: &str = r#"{"spec": {"replicas": 1}, "status": {"readyReplicas": 1}}"#;

/// An authority, a server that asks for its certificates, and somebody who has one.
struct Cluster {
    folder: tempfile::TempDir,
    url: String,
    ca: String,
    certificate: String,
    key: String,
    /// The `authorization` of each request; what came without a certificate never gets so far.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let signed = |names: &[&str]| {
            let key = KeyPair::generate().unwrap();
            let params =
                CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = signed(&["127.0.0.1"]);
        let (client, client_key) = signed(&["sayso"]);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let server_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server.der().clone()], server_key)
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let url = serve(TlsAcceptor::from(Arc::new(config)), Arc::clone(&seen)).await;
        let folder = tempfile::tempdir().unwrap();
        let certificate = |der: &[u8]| pem("CERTIFICATE", der);
        let (ca, certificate) = (certificate(ca.der()), certificate(client.der()));
        let key = pem("PRIVATE KEY", &client_key.serialize_der());
        Self { folder, url, ca, certificate, key, seen }
    }

    /// A file for us alone.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A kubeconfig with a context `here`, whose user is this.
    fn kubeconfig(&self, name: &str, user: &str) -> PathBuf {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- name: here\n  context: {{cluster: c, user: u}}\n\
             - name: elsewhere\n  context: {{cluster: nowhere, user: u}}\nclusters:\n- name: c\n  cluster:\n    server: {}\n    \
             certificate-authority-data: {}\nusers:\n- name: u\n  user:\n{user}\n",
            self.url,
            STANDARD.encode(&self.ca),
        );
        self.file(name, &text)
    }

    /// Who we are, as data.
    fn data(&self) -> String {
        let (certificate, key) = (STANDARD.encode(&self.certificate), STANDARD.encode(&self.key));
        format!("    client-certificate-data: {certificate}\n    client-key-data: {key}\n")
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

async fn serve(acceptor: TlsAcceptor, seen: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                        _ => return,
                    }
                }
                let request = String::from_utf8(request).unwrap();
                let header = request.lines().find_map(|line| line.strip_prefix("authorization: "));
                seen.lock().unwrap().push(header.unwrap_or("none").to_owned());
                let length = DEPLOYMENT.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{DEPLOYMENT}");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

/// What comes of asking the cluster, with these variables.
async fn asked(env: &[(&'static str, String)]) -> String {
    let mut env = env.to_vec();
    env.push(("PATH", std::env::var("PATH").unwrap()));
    let rig = Parts { shipped: &["kubernetes"], env, ..Parts::default() }.rig();
    match rig.plan("service.status service=checkout").await {
        Ok(_) => rig.told("service.status service=checkout").await,
        Err(error) => error.to_string(),
    }
}

fn at(path: &Path) -> (&'static str, String) {
    ("KUBECONFIG", path.display().to_string())
}

const WELL: &str = "succeeded: checkout has 1 of 1 replicas ready";

#[tokio::test]
async fn a_kubeconfig_says_where_and_who() {
    let cluster = Cluster::start().await;
    // By data, by files beside it, and among several files.
    assert_eq!(asked(&[at(&cluster.kubeconfig("data", &cluster.data()))]).await, WELL);
    cluster.file("client.pem", &cluster.certificate);
    cluster.file("client.key", &cluster.key);
    let files = cluster.kubeconfig("files", "    client-certificate: client.pem\n    client-key: client.key\n");
    assert_eq!(asked(&[at(&files)]).await, WELL);
    let other = cluster.file("other", "contexts: []\nclusters:\nusers: null\n");
    let several = format!("{}:/nonexistent:{}", other.display(), files.display());
    assert_eq!(asked(&[("KUBECONFIG", several)]).await, WELL);
    assert_eq!(*cluster.seen.lock().unwrap(), ["none"; 3]);
    // Without a certificate there is no way in.
    let nobody = asked(&[at(&cluster.kubeconfig("nobody", "    token: t0k3n-of-a-test\n"))]).await;
    assert!(nobody.starts_with("failed: `kubernetes` "), "{nobody}");
    assert_eq!(cluster.seen.lock().unwrap().len(), 3);
    // The file's token comes with the file's certificate.
    let both = format!("{}    token: t0k3n-of-a-test\n", cluster.data());
    assert_eq!(asked(&[at(&cluster.kubeconfig("both", &both))]).await, WELL);
    assert_eq!(cluster.seen.lock().unwrap().pop().unwrap(), "Bearer t0k3n-of-a-test");
    // A token of one's own comes alone: it may be one that lets do less than the certificate does.
    let own =
        asked(&[at(&cluster.kubeconfig("own", &cluster.data())), ("KUBERNETES_TOKEN", "an-0wn-token".to_owned())])
            .await;
    assert!(own.starts_with("failed: `kubernetes` "), "{own}");
}

#[tokio::test]
async fn a_program_tells_the_token() {
    let cluster = Cluster::start().await;
    let script = cluster.file(
        "tell",
        "#!/bin/sh\ncase \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":false'*) ;; *) exit 3;; esac\n\
         printf '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s-%s-%s\"}}' \"$1\" \"$WHO\" \"$AWS_PROFILE$HIDDEN\"\n",
    );
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let exec = |more: &str| {
        format!(
            "{}    exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./tell, args: [t0k3n], env: [{{name: WHO, value: bot}}]{more}}}\n",
            cluster.data()
        )
    };
    let env = |file: PathBuf| [at(&file), ("AWS_PROFILE", "ops".to_owned()), ("HIDDEN", "x".to_owned())];
    assert_eq!(asked(&env(cluster.kubeconfig("exec", &exec("")))).await, WELL);
    assert_eq!(*cluster.seen.lock().unwrap(), ["Bearer t0k3n-bot-ops"]);
    for (text, said) in [
        ("#!/bin/sh\necho s3cret-text", "expected an `ExecCredential` as JSON, found other text"),
        (
            "#!/bin/sh\necho '{\"status\": {\"token\": \"a b\"}}'",
            "expected an `ExecCredential` with a token, found none",
        ),
        ("#!/bin/sh\nexit 7", "ended with exit code 7"),
    ] {
        std::fs::write(&script, text).unwrap();
        let told = asked(&env(cluster.kubeconfig("exec", &exec("")))).await;
        assert!(told.contains("the secret `token` cannot be had") && told.contains(said), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    for (more, said) in [
        (", provideClusterInfo: true", "has an `exec` with `provideClusterInfo`, which Sayso does not know"),
        (", interactiveMode: Always", "has an `exec` that asks somebody at the terminal"),
    ] {
        let told = asked(&[at(&cluster.kubeconfig("exec", &exec(more)))]).await;
        assert!(told.contains(said), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_kept_to_is_refused() {
    let cluster = Cluster::start().await;
    let said = async |user: &str| asked(&[at(&cluster.kubeconfig("k", user))]).await;
    for (user, reason) in [
        ("    as: admin\n", "has a user with `as`: Sayso acts as nobody else"),
        (
            "    auth-provider: {name: gcp}\n",
            "has a user with an `auth-provider`, which Kubernetes has given up; use `exec`",
        ),
        (
            "    username: u\n    password: p\n",
            "has a user with `username` and `password`, which Kubernetes has given up",
        ),
        ("    client-certificate-data: '?'\n", "has a `client-certificate-data` that is no base64"),
        (
            "    client-certificate-data: YQ==\n",
            "has a client certificate without its key, or a key without its certificate",
        ),
        ("    exec: {apiVersion: v9, command: x}\n", "has an `exec` of `v9`, which Sayso does not know"),
    ] {
        let told = said(user).await;
        assert!(told.contains(&format!("the context `here` of the kubeconfig {reason}")), "{told}");
    }
    let told = said("    client-certificate-data: YQ==\n    client-key-data: YQ==\n").await;
    assert!(told.contains("the client certificate cannot be used"), "{told}");
    let good = cluster.kubeconfig("good", &cluster.data());
    for (context, reason) in [
        ("nosuch", "the context `nosuch` of the kubeconfig is not in it"),
        ("elsewhere", "the context `elsewhere` of the kubeconfig names the cluster `nowhere`, which is not in it"),
    ] {
        let told = asked(&[at(&good), ("KUBERNETES_CONTEXT", context.to_owned())]).await;
        assert!(told.contains(reason), "{told}");
    }
    let text = std::fs::read_to_string(&good).unwrap();
    for (text, reason) in [
        (
            text.replace("    server", "    insecure-skip-tls-verify: true\n    server"),
            "has `insecure-skip-tls-verify`",
        ),
        (text.replace("    server", "    proxy-url: http://x\n    server"), "has `tls-server-name` or `proxy-url`"),
        (
            text.replace("current-context: here\n", ""),
            "the kubeconfig has no current context; `KUBERNETES_CONTEXT` can name one",
        ),
        ("s3cret: [".to_owned(), "is no kubeconfig: expected YAML with clusters, users and contexts"),
    ] {
        let told = asked(&[at(&cluster.file("bad", &text))]).await;
        assert!(told.contains(reason) && !told.contains("s3cret"), "{told}");
    }
    std::fs::set_permissions(&good, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = asked(&[at(&good)]).await;
    assert!(told.contains("can be read by others (mode 644); run `chmod 600` on it"), "{told}");
}

#[tokio::test]
async fn the_environment_stands_before_the_kubeconfig() {
    let cluster = Cluster::start().await;
    let good = cluster.kubeconfig("good", &cluster.data());
    let url = ("KUBERNETES_URL", "https://127.0.0.1:1".to_owned());
    let told = asked(&[at(&good), url.clone()]).await;
    assert!(told.contains("`KUBERNETES_TOKEN` is not set"), "{told}");
    let told = asked(&[at(&good), url, ("KUBERNETES_TOKEN", "an-0wn-token".to_owned())]).await;
    assert!(told.starts_with("failed: `kubernetes` cannot be reached"), "{told}");
    assert!(cluster.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_system_may_ask_for_a_certificate() {
    let cluster = Cluster::start().await;
    let manifest = format!(
        "summary = \"x\"\nrequires.always = true\n[connection]\nurl = \"{}\"\n[actions.a]\nimplements = \"service.list\"\nhttp.path = \"/\"\n\
         summary = \"there\"\n",
        cluster.url
    );
    let ca = cluster.file("ca.pem", &cluster.ca);
    let certificate = cluster.file("client.pem", &cluster.certificate);
    let key = cluster.file("client.key", &cluster.key);
    let config = format!("[integrations.x]\nca = {ca:?}\nclient_certificate = {certificate:?}\nclient_key = {key:?}");
    let parts = || Parts { manifests: vec![("x", manifest.clone())], ..Parts::default() };
    assert_eq!(Parts { config: &config, ..parts() }.rig().told("service.list").await, "succeeded: there");
    let stranger = format!("[integrations.x]\nca = {ca:?}");
    let told = Parts { config: &stranger, ..parts() }.rig().told("service.list").await;
    assert!(told.starts_with("failed: ") || told.starts_with("unknown: "), "{told}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = Parts { config: &config, ..parts() }.rig().refusal("service.list").await;
    assert!(told.contains("the client certificate cannot be used") && told.contains("chmod 600"), "{told}");
}
