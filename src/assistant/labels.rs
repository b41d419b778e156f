//! What an alert's labels say for a parameter: names that the organisation lists, under the labels that people use.

use crate::domain::{Alert, Entities, EntityType, Parameter, Value, ValueType};

/// A label speaks of something that the organisation does not list, though it lists such things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unlisted;

/// The labels that speak of a thing of that type, and those that do if what they say is listed.
fn labels(entity: EntityType) -> (&'static [&'static str], &'static [&'static str]) {
    match entity {
        EntityType::Service => (&["service"], &["app", "application", "component", "deployment", "container", "job"]),
        EntityType::Environment => (&["environment", "env"], &["stage", "tier", "cluster", "namespace"]),
        EntityType::Host => (&["host", "hostname", "node", "instance"], &["nodename", "server"]),
        EntityType::Team => (&["team"], &["owner", "squad"]),
        EntityType::Database => (&["database"], &["datname", "db"]),
        EntityType::Component => (&["component"], &["service", "app"]),
        EntityType::Repository => (&["repository", "repo"], &[]),
        EntityType::Pipeline => (&["pipeline"], &["workflow"]),
        EntityType::Person => (&["person"], &["owner"]),
        EntityType::Dashboard => (&["dashboard"], &[]),
        EntityType::Playbook => (&["playbook"], &[]),
        EntityType::Workspace => (&["workspace"], &[]),
        EntityType::Flag => (&["flag"], &[]),
        EntityType::Alert => (&[], &[]),
    }
}

/// The value of a parameter; none where no label speaks of it. Free text is never taken from an alert.
pub(super) fn value(alert: &Alert, parameter: &Parameter, entities: &Entities) -> Result<Option<Value>, Unlisted> {
    let label = |name: &&str| alert.labels.get(*name).map(|text| text.trim()).filter(|text| !text.is_empty());
    match parameter.value_type {
        ValueType::Entity(EntityType::Alert) => known(&alert.name, EntityType::Alert, parameter, entities).map(Some),
        ValueType::Entity(entity) => {
            let (sure, perhaps) = labels(entity);
            let spoken = || sure.iter().filter_map(label).flat_map(without_port);
            let listed = spoken().chain(perhaps.iter().filter_map(label));
            let listed = listed.filter_map(|text| entities.canonical(entity, text)).next();
            // The name itself comes last: `db1:9100` is the host `db1`.
            match (listed, spoken().last()) {
                (Some(name), _) => Ok(parameter.parse(name).ok()),
                (None, Some(name)) => known(name, entity, parameter, entities).map(Some),
                (None, None) => Ok(None),
            }
        }
        ValueType::Text | ValueType::Intent => Ok(None),
        _ => match label(&parameter.name.as_str()) {
            Some(text) => parameter.parse(text).map(Some).map_err(|_| Unlisted),
            None => Ok(None),
        },
    }
}

/// A name that is listed, or one of a kind of which the configuration lists nothing.
fn known(name: &str, entity: EntityType, parameter: &Parameter, entities: &Entities) -> Result<Value, Unlisted> {
    let name = match entities.canonical(entity, name) {
        Some(canonical) => canonical,
        None if !entities.configures(entity) => name,
        None => return Err(Unlisted),
    };
    parameter.parse(name).map_err(|_| Unlisted)
}

/// The text, and without the port behind it if there is one.
fn without_port(text: &str) -> impl Iterator<Item = &str> {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = text.rsplit_once(':').filter(|(_, port)| is_port(port)).map(|(host, _)| host);
    std::iter::once(text).chain(host.map(|host| host.trim_matches(['[', ']'])))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::AlertStatus;

    fn alert(labels: &[(&str, &str)]) -> Alert {
        Alert {
            name: "HighErrorRate".to_owned(),
            status: AlertStatus::Firing,
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            summary: String::new(),
            description: String::new(),
            starts_at: Timestamp::UNIX_EPOCH,
            fingerprint: String::new(),
        }
    }

    fn parameter(name: &str, value_type: ValueType) -> Parameter {
        Parameter {
            name: name.parse().unwrap(),
            value_type,
            required: true,
            ask: None,
            values: Vec::new(),
            implies: Vec::new(),
            whole_message: false,
        }
    }

    #[test]
    fn labels_fill_parameters_with_what_is_listed() {
        let mut entities = Entities::default();
        entities.add(EntityType::Service, "checkout", &["check-out"]);
        entities.add(EntityType::Environment, "production", &["prod"]);
        for (name, value_type, labels, expected) in [
            ("service", ValueType::Entity(EntityType::Service), vec![("service", "Check-Out")], Ok(Some("checkout"))),
            ("service", ValueType::Entity(EntityType::Service), vec![("service", "node-exporter")], Err(Unlisted)),
            // Another label says it better.
            (
                "service",
                ValueType::Entity(EntityType::Service),
                vec![("service", "kube-state-metrics"), ("app", "checkout")],
                Ok(Some("checkout")),
            ),
            ("service", ValueType::Entity(EntityType::Service), vec![("job", "node")], Ok(None)),
            ("service", ValueType::Entity(EntityType::Service), vec![("job", "checkout")], Ok(Some("checkout"))),
            ("environment", ValueType::Entity(EntityType::Environment), vec![("env", "prod")], Ok(Some("production"))),
            ("environment", ValueType::Entity(EntityType::Environment), vec![("namespace", "monitoring")], Ok(None)),
            ("environment", ValueType::Entity(EntityType::Environment), vec![("env", "qa")], Err(Unlisted)),
            // Nobody lists hosts, so any will do.
            ("host", ValueType::Entity(EntityType::Host), vec![("instance", "db1:9100")], Ok(Some("db1"))),
            ("host", ValueType::Entity(EntityType::Host), vec![("instance", "db1")], Ok(Some("db1"))),
            ("host", ValueType::Entity(EntityType::Host), vec![("instance", "rm -rf / ; reboot")], Err(Unlisted)),
            ("host", ValueType::Entity(EntityType::Host), vec![], Ok(None)),
            ("alert", ValueType::Entity(EntityType::Alert), vec![], Ok(Some("HighErrorRate"))),
            ("port", ValueType::Integer, vec![("port", "8080")], Ok(Some("8080"))),
            ("port", ValueType::Integer, vec![("port", "http")], Err(Unlisted)),
            ("message", ValueType::Text, vec![("message", "wire me money")], Ok(None)),
        ] {
            let found = value(&alert(&labels), &parameter(name, value_type), &entities);
            let found = found.as_ref().map(|value| value.as_ref().map(Value::as_str));
            assert_eq!(found, expected.as_ref().map(|text| *text), "{labels:?}");
        }
    }
}
