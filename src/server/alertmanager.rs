//! What Alertmanager sends to a webhook, version 4: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::{Alert, AlertStatus};

/// The one version there is.
const VERSION: &str = "4";
/// The label that is the name of the rule.
const NAME: &str = "alertname";

/// Why a body is not what Alertmanager sends.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayloadError {
    /// Not JSON, or not of that form.
    #[error("the body is no payload of Alertmanager: {0}")]
    Form(#[from] serde_json::Error),
    /// Another form.
    #[error("expected version `{VERSION}` of Alertmanager's payload, found `{0}`")]
    Version(String),
    /// A rule has a name.
    #[error("expected a label `{NAME}` in each alert, found none in alert {0}")]
    Nameless(usize),
}

#[derive(Deserialize)]
struct Envelope {
    version: String,
}

/// What of it matters here; Alertmanager may add more.
#[derive(Deserialize)]
struct Payload {
    alerts: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    status: Status,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Timestamp,
    fingerprint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

/// Reads a body. The texts stay as they are.
pub(super) fn read(body: &[u8]) -> Result<Vec<Alert>, PayloadError> {
    // The version comes first: another one may have another form.
    let Envelope { version } = serde_json::from_slice(body)?;
    if version != VERSION {
        return Err(PayloadError::Version(version));
    }
    let Payload { alerts } = serde_json::from_slice(body)?;
    let read = |(index, item): (usize, Item)| {
        let Item { status, mut labels, mut annotations, starts_at, fingerprint } = item;
        Ok(Alert {
            name: labels.remove(NAME).ok_or(PayloadError::Nameless(index + 1))?,
            status: match status {
                Status::Firing => AlertStatus::Firing,
                Status::Resolved => AlertStatus::Resolved,
            },
            labels,
            summary: annotations.remove("summary").unwrap_or_default(),
            description: annotations.remove("description").unwrap_or_default(),
            starts_at,
            fingerprint,
        })
    };
    alerts.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Alertmanager 0.25 sends it.
    const PAYLOAD: &str = r#"{
        "receiver": "sayso", "status": "firing", "version": "4", "groupKey": "{}:{alertname=\"HighErrorRate\"}",
        "truncatedAlerts": 0, "groupLabels": {"alertname": "HighErrorRate"}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": [
            {"status": "firing", "labels": {"alertname": "HighErrorRate", "service": "checkout"},
             "annotations": {"summary": "12 % fail", "description": "since the release", "runbook_url": "https://x"},
             "startsAt": "2026-11-21T09:52:26.739266876+02:00", "endsAt": "0001-01-01T00:00:00Z",
             "generatorURL": "http://prometheus:9090/graph?g0.expr=x", "fingerprint": "a3b1c7d2e4f60912"},
            {"status": "resolved", "labels": {"alertname": "HighErrorRate", "service": "web"}, "annotations": {},
             "startsAt": "2026-11-21T07:00:00Z", "endsAt": "2026-11-21T07:05:00Z", "fingerprint": "0912a3b1c7d2e4f6"}
        ]}"#;

    #[test]
    fn what_alertmanager_sends_is_read() {
        let [firing, resolved] = &read(PAYLOAD.as_bytes()).unwrap()[..] else { panic!("expected two") };
        assert_eq!(
            *firing,
            Alert {
                name: "HighErrorRate".to_owned(),
                status: AlertStatus::Firing,
                labels: BTreeMap::from([("service".to_owned(), "checkout".to_owned())]),
                summary: "12 % fail".to_owned(),
                description: "since the release".to_owned(),
                starts_at: "2026-11-21T07:52:26.739266876Z".parse().unwrap(),
                fingerprint: "a3b1c7d2e4f60912".to_owned(),
            }
        );
        assert_eq!((resolved.status, resolved.summary.as_str()), (AlertStatus::Resolved, ""));
        assert_eq!(read(br#"{"version": "4", "alerts": []}"#).unwrap(), []);
    }

    /// The error, but for the line and the column.
    fn without_place(error: &PayloadError) -> String {
        let text = error.to_string();
        text.split(" at line ").next().unwrap().to_owned()
    }

    #[test]
    fn what_is_no_payload_is_told_apart() {
        for (from, to, expected) in [
            ("\"version\": \"4\"", "\"version\": \"5\"", "expected version `4` of Alertmanager's payload, found `5`"),
            (
                "\"version\": \"4\"",
                "\"version\": 4",
                "the body is no payload of Alertmanager: invalid type: integer `4`, expected a string",
            ),
            (
                "\"status\": \"resolved\"",
                "\"status\": \"over\"",
                "the body is no payload of Alertmanager: unknown variant `over`, expected `firing` or `resolved`",
            ),
            (
                "{\"alertname\": \"HighErrorRate\", \"service\": \"web\"}",
                "{}",
                "expected a label `alertname` in each alert, found none in alert 2",
            ),
            ("\"alerts\"", "\"alarms\"", "the body is no payload of Alertmanager: missing field `alerts`"),
        ] {
            let error = read(PAYLOAD.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!(without_place(&error), expected);
        }
        let error = without_place(&read(b"not json").unwrap_err());
        assert_eq!(error, "the body is no payload of Alertmanager: expected ident");
    }
}
