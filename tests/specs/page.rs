//! `docs/integrations.md`: what the manifests say of themselves, and what they were proved against. The test writes it anew
//! and compares; with `UPDATE=1` it replaces it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use sayso::catalogue::Manifest;
use sayso::catalogue::manifest::{Condition, SecretSource, Setting};

/// A system and the description that it is proved against.
pub(crate) struct Proof {
    pub(crate) system: &'static str,
    /// In the folder that `SAYSO_SPECS` names, or one of our own where the vendor has none.
    pub(crate) file: &'static str,
    /// Whose it is, for people.
    against: &'static str,
}

/// What each manifest is proved against.
pub(crate) const PROOFS: &[Proof] = &[
    proof("alertmanager", "alertmanager.swagger2.yaml", "Alertmanager's description of API v2"),
    proof("argocd", "argocd.swagger2.json", "Argo CD's description"),
    proof(
        "bamboo",
        "tests/specs/described/bamboo.yaml",
        "a description of ours, compared with Bamboo's documentation; what comes back from memory; not proved against a server",
    ),
    proof(
        "awx",
        "tests/specs/described/awx.yaml",
        "a description of ours of API v2, the launch compared with AWX's source, the rest from memory; not proved against a server",
    ),
    proof(
        "azure",
        "tests/specs/described/azure.yaml",
        "a description of ours of API 2023-12-01, compared with what Microsoft makes of its specification; not proved against a server",
    ),
    proof(
        "bitbucket",
        "apisguru-bitbucket.org.json",
        "Bitbucket's description of API 2.0; paging and ranges as its documentation tells",
    ),
    proof(
        "circleci",
        "tests/specs/described/circleci.yaml",
        "a description of ours of API v2, compared with the documentation of CircleCI's own client; not proved against a server",
    ),
    proof("datadog", "datadog-v1.openapi.yaml", "Datadog's description of API v1"),
    proof("docker", "docker-engine-v1.41.swagger2.yaml", "Docker's description of Engine API 1.41"),
    proof(
        "elasticsearch",
        "tests/specs/described/elasticsearch.yaml",
        "a description of ours, the queries compared with Elasticsearch's specification, the rest from memory; not proved against a server",
    ),
    proof("github", "github.openapi.json", "GitHub's description"),
    proof(
        "gitlab",
        "tests/specs/described/gitlab.yaml",
        "a description of ours of API v4, compared with GitLab's documentation, but for merging, users and projects; not proved against a server",
    ),
    proof(
        "grafana",
        "tests/specs/described/grafana.yaml",
        "a description of ours, compared with Grafana's documentation and source; not proved against a server",
    ),
    proof(
        "jenkins",
        "jenkins-unofficial.yml",
        "a description that is not Jenkins' own; other builds than the last as its documentation tells",
    ),
    proof(
        "jira",
        "apisguru-jira-cloud.openapi.json",
        "Atlassian's description of Jira Cloud API 3; the newer search as its documentation tells",
    ),
    proof("kubernetes", "kubernetes.swagger2.json", "Kubernetes' description; a patch as a part of what it changes"),
    proof(
        "loki",
        "tests/specs/described/loki.yaml",
        "a description of ours, compared with Loki's documentation; not proved against a server",
    ),
    proof("opsgenie", "opsgenie.swagger2.json", "Opsgenie's description"),
    proof(
        "otrs",
        "tests/specs/described/otrs.yaml",
        "a description of ours of the generic interface, compared with Znuny's source; not proved against a server",
    ),
    proof("pagerduty", "pagerduty.openapi.json", "PagerDuty's description of REST API 2"),
    proof(
        "patroni",
        "tests/specs/described/patroni.yaml",
        "a description of ours, compared with Patroni's documentation; not proved against a server",
    ),
    proof("prometheus", "prometheus.openapi31.yaml", "Prometheus' description of API v1"),
    proof(
        "rundeck",
        "rundeck.openapi.yml",
        "Rundeck's description of API 48; what comes back as its documentation tells",
    ),
    proof(
        "sensu",
        "tests/specs/described/sensu.yaml",
        "a description of ours, after Sensu's documentation of core/v2 (Sensu Go 6.9); not proved against a server",
    ),
    proof("sentry", "sentry.openapi.json", "Sentry's description"),
    proof(
        "servicenow",
        "tests/specs/described/servicenow.yaml",
        "a description of ours of the Table API, compared with ServiceNow's documentation; the fields from memory; not proved against a server",
    ),
    proof(
        "splunk",
        "tests/specs/described/splunk.yaml",
        "a description of ours, compared with Splunk's library for Python, the rest from memory; not proved against a server",
    ),
    proof("statuspage", "statuspage.json", "Statuspage's description of API 1"),
    proof(
        "teamforge",
        "tests/specs/described/teamforge.yaml",
        "a description of ours, written from memory and from how others use it; the token as its documentation tells; not proved against a server",
    ),
    proof(
        "travis",
        "tests/specs/described/travis.yaml",
        "a description of ours of API v3, compared with Travis CI's source; what comes back from memory; not proved against a server",
    ),
    proof(
        "trello",
        "apisguru-trello.com.json",
        "a description of Trello's API 1; what comes back as its documentation tells",
    ),
    proof(
        "unleash",
        "tests/specs/described/unleash.yaml",
        "a description of ours of the Admin API, compared with Unleash's source; not proved against a server",
    ),
    proof(
        "vault",
        "tests/specs/described/vault.yaml",
        "a description of ours, compared with Vault's documentation and source; not proved against a server",
    ),
];

const fn proof(system: &'static str, file: &'static str, against: &'static str) -> Proof {
    Proof { system, file, against }
}

/// The part of the page that no manifest tells.
const HEAD: &str = "\
# Systems

What Sayso can talk to as it ships, one manifest each, `integrations/<system>.toml`. This page is made of them by
`tests/specs/page.rs`; a test keeps it true. What a manifest needs to be enabled is in bold: set it, and the rest of its
variables, and talk. [Another system](integration-manifest.md) is another file, without a line of Rust.

**Proved against a description** means: every action was planned and carried out for many values, ordinary and hostile ones;
every request, and every answer that the replies were made of, was held against the vendor's description of the API: path,
query, headers, body. It does not mean that a server of the vendor was asked. **A real server** means that one was, in
`tests/servers/`; **the real program** that the program itself was run, and its effect read back, in `tests/tools/`.

Known by another name: GitHub Actions and GitHub issues are in `github`, GitLab CI in `gitlab`, Kibana in `elasticsearch`, OpenBao in
`vault`, Znuny in `otrs`, Ansible Tower in `awx`, CollabNet in `teamforge`, Podman in `docker`, Amazon ECS in `aws`, Cloud Run in
`gcloud`, App Service in `azure`, Cinc in `chef`, OpenTofu in `terraform`.

";

/// What was asked of real servers, by the system that the manifest is for.
const SERVERS: &[(&str, &str)] = &[
    ("alertmanager", "Alertmanager 0.25"),
    ("docker", "Docker 20.10, Podman 4.3"),
    ("icinga", "Icinga 2.13"),
    ("nagios", "Nagios Core 4.4"),
    ("prometheus", "Prometheus 2.42"),
    ("redis", "Redis 7.0"),
    ("zabbix", "Zabbix 6.0"),
];

/// What was not real when a program was run in `tests/tools/`.
const PROGRAMS: &[(&str, &str)] = &[
    ("ansible", "the real program; reboots, of a machine that only looks like one"),
    ("aws", "the real program, against a small server of ours"),
    ("chef", "a stand-in for the program, after its documentation and source; not proved against the real program"),
    ("cloudformation", "the real program, against a small server of ours"),
    ("gcloud", "the real program, against a small server of ours"),
    ("vagrant", "the real program, with a provider of ours whose machines are files; not proved with a hypervisor"),
];

/// Those that nobody can talk to any more.
const DEAD: &str = "
## Gone

| system | until | what took its place |
|---|---|---|
| HipChat | 15 February 2019 | Slack, which Atlassian handed it to |
| Stride | 15 February 2019 | Slack, which Atlassian handed it to |
";

#[test]
fn the_page_says_what_the_manifests_say() {
    let mut files: Vec<_> = std::fs::read_dir("integrations").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let servers = std::fs::read_dir("tests/servers").unwrap().map(|entry| entry.unwrap().path());
    let servers: String = servers.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut page = HEAD.to_owned();
    page.push_str("| system | what it can do | proved against | what it needs | variables |\n|---|---|---|---|---|\n");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let manifest = Manifest::parse(&format!("{}", file.display()), &text, &mut Vec::new()).unwrap();
        let intents: BTreeSet<_> = manifest.actions.iter().map(|action| action.implements.as_str()).collect();
        let intents: Vec<_> = intents.iter().map(|intent| format!("`{intent}`")).collect();
        writeln!(
            page,
            "| **{}** ({}) | {} | {} | {} | {} |",
            manifest.name,
            manifest.summary,
            intents.join(" "),
            proved(&manifest, &servers),
            needs(&text),
            variables(&manifest),
        )
        .unwrap();
    }
    page.push_str(DEAD);
    let path = Path::new("docs/integrations.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/integrations.md is not what the manifests say; UPDATE=1 writes it anew");
}

fn proved(manifest: &Manifest, servers: &str) -> String {
    let described = PROOFS.iter().find(|proof| proof.system == manifest.name).map(|proof| proof.against.to_owned());
    let asked = SERVERS.iter().find(|(system, _)| *system == manifest.name);
    let shipped = regex::Regex::new(r"shipped: &\[([^\]]*)\]").unwrap();
    let tested = shipped.captures_iter(servers).any(|list| list[1].contains(&format!("\"{}\"", manifest.name)));
    assert_eq!(asked.is_some(), tested, "{}: in `SERVERS` of this file is what `tests/servers/` asks", manifest.name);
    let asked = asked.map(|(_, version)| format!("a real server: {version}"));
    let run = Path::new(&format!("tests/tools/{}.rs", manifest.name)).exists();
    let told = PROGRAMS.iter().find(|(system, _)| *system == manifest.name).map(|(_, told)| *told);
    assert!(run || told.is_none(), "{}: in `PROGRAMS` of this file is what `tests/tools/` runs", manifest.name);
    let program = run.then(|| told.unwrap_or("the real program").to_owned());
    let own = manifest.actions.iter().all(|action| action.builtin().is_some()).then(|| "its own tests".to_owned());
    let proofs: Vec<_> = described.into_iter().chain(asked).chain(program).chain(own).collect();
    if proofs.is_empty() { "nothing yet".to_owned() } else { proofs.join("; ") }
}

/// The first paragraph of the head comment.
fn needs(text: &str) -> String {
    let lines =
        text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The variables that it reads; those that enable it in bold, those it can do without in brackets.
fn variables(manifest: &Manifest) -> String {
    let mut found: Vec<(String, bool)> = Vec::new();
    let connection = manifest.connection.iter().flat_map(|connection| {
        let files = connection.tls.files().map(|(_, file)| file);
        std::iter::once(&connection.url).chain(files).chain(connection.values.values())
    });
    for setting in connection.chain(manifest.settings.values()) {
        gather(setting, &mut found);
    }
    let enabling: BTreeSet<&str> = manifest
        .requires
        .iter()
        .flat_map(|requirement| &requirement.0)
        .filter_map(|condition| match condition {
            Condition::Env(variable) => Some(variable.as_str()),
            Condition::Always
            | Condition::Alone
            | Condition::Path(_)
            | Condition::Socket(_)
            | Condition::Program(_) => None,
        })
        .collect();
    found.extend(enabling.iter().map(|variable| ((*variable).to_owned(), false)));
    found.sort();
    found.dedup_by(|after, before| after.0 == before.0);
    found.sort_by_key(|(variable, optional)| (!enabling.contains(variable.as_str()), *optional, variable.clone()));
    let shown = found.iter().map(|(variable, optional)| match (enabling.contains(variable.as_str()), optional) {
        (true, _) => format!("**`{variable}`**"),
        (false, true) => format!("(`{variable}`)"),
        (false, false) => format!("`{variable}`"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn gather(setting: &Setting, found: &mut Vec<(String, bool)>) {
    match setting {
        Setting::Env { variable, default, optional } => found.push((variable.clone(), *optional || default.is_some())),
        Setting::Secret { source: SecretSource::Variable(variable), optional } => {
            found.push((variable.clone(), *optional));
        }
        Setting::Secret { source: SecretSource::Token { url, form }, optional } => {
            let mut asked = Vec::new();
            std::iter::once(url.as_ref()).chain(form.values()).for_each(|setting| gather(setting, &mut asked));
            found.extend(asked.into_iter().map(|(variable, needless)| (variable, needless || *optional)));
        }
        Setting::Table(settings) => settings.values().for_each(|setting| gather(setting, found)),
        Setting::Secret { .. } | Setting::Value(_) | Setting::Template(_) => {}
    }
}
