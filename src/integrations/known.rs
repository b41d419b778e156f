//! Systems that are known to do what an intent asks for, for the moment in which nothing enabled does.

use crate::domain::IntentName;

/// The systems for an intent, whether or not a manifest for them is there.
pub(super) fn systems(intent: &IntentName) -> &'static [&'static str] {
    match intent.as_str() {
        "alert.acknowledge" => &["pagerduty", "opsgenie", "icinga", "nagios", "zabbix"],
        "deploy.promote" | "deploy.history" | "deploy.status" | "deploy.start" | "deploy.rollback" => {
            &["argocd", "kubernetes"]
        }
        "service.scale" | "node.drain" | "node.uncordon" => &["kubernetes"],
        "host.reboot" => &["ansible", "salt"],
        name => match name.split_once('.').map_or(name, |(noun, _)| noun) {
            "service" | "container" => &["systemd", "docker", "kubernetes"],
            "metric" => &["prometheus", "datadog"],
            "alert" => &["prometheus", "alertmanager", "icinga", "nagios", "zabbix"],
            "log" => &["loki", "elasticsearch", "splunk"],
            "dashboard" => &["grafana", "kibana"],
            "cache" => &["redis"],
            "flag" => &["unleash"],
            "build" => &["jenkins", "github", "gitlab", "bitbucket", "circleci"],
            "pullrequest" | "change" => &["github", "gitlab", "bitbucket"],
            "playbook" => &["ansible", "awx", "salt", "rundeck"],
            "infra" => &["terraform"],
            "backup" => &["restic", "pgbackrest"],
            "database" => &["patroni"],
            "secret" => &["vault"],
            "ticket" => &["jira", "github", "gitlab", "trello", "otrs"],
            "oncall" | "incident" => &["pagerduty", "opsgenie"],
            "statuspage" => &["statuspage"],
            _ => &[],
        },
    }
}
