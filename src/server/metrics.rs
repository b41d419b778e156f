//! What is counted, in the text that Prometheus reads. Labels are words of closed lists and names of the configuration
//! and the catalogue: nothing that somebody says becomes one.

use std::borrow::Cow;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{AlertStatus, Counted, Tally};

/// The form of [`Metrics::text`].
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: a message takes milliseconds, and a full queue of them a second.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

type By<const LABELS: usize> = Family<[(&'static str, Cow<'static, str>); LABELS], Counter>;

/// All counters of the program.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    messages: By<1>,
    understanding: Histogram,
    proposals: By<1>,
    executions: By<2>,
    presses_refused: Counter,
    alerts: By<2>,
    replies_lost: Counter,
    overloads: Counter,
    not_heard: By<1>,
    names: Family<[(&'static str, Cow<'static, str>); 2], Gauge>,
    lists_failed: By<2>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sayso"),
            messages: By::default(),
            understanding: Histogram::new(SECONDS),
            proposals: By::default(),
            executions: By::default(),
            presses_refused: Counter::default(),
            alerts: By::default(),
            replies_lost: Counter::default(),
            overloads: Counter::default(),
            not_heard: By::default(),
            names: Family::default(),
            lists_failed: By::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("messages", "Messages that were read, by what they were read as", metrics.messages.clone());
        registry.register_with_unit(
            "understanding",
            "Time to read a message",
            Unit::Seconds,
            metrics.understanding.clone(),
        );
        registry.register("proposals", "Proposals, by what became of them", metrics.proposals.clone());
        registry.register("executions", "Executions, by where and how they ended", metrics.executions.clone());
        registry.register("presses_refused", "Presses that did not count", metrics.presses_refused.clone());
        registry.register("alerts", "Alerts that came in, repeated ones included", metrics.alerts.clone());
        registry.register("replies_lost", "Replies that nobody was there to take", metrics.replies_lost.clone());
        registry.register("encoder_overloads", "Messages the encoder had no room for", metrics.overloads.clone());
        registry.register("not_heard", "Messages and presses of which too many came", metrics.not_heard.clone());
        registry.register("listed_names", "Names that systems list, by list", metrics.names.clone());
        registry.register("list_failures", "Lists that could not be read", metrics.lists_failed.clone());
        metrics
    }
}

impl Metrics {
    /// An alert came in by a webhook.
    pub(super) fn received(&self, webhook: &str, status: AlertStatus) {
        let labels = [("webhook", webhook.to_owned().into()), ("status", status.as_str().into())];
        self.alerts.get_or_create(&labels).inc();
    }

    /// Everything, as Prometheus reads it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Tally for Metrics {
    fn count(&self, counted: Counted<'_>) {
        match counted {
            Counted::Understood { outcome, time } => {
                self.messages.get_or_create(&[("outcome", outcome.into())]).inc();
                self.understanding.observe(time.as_secs_f64());
            }
            Counted::Proposal(event) => drop(self.proposals.get_or_create(&[("event", event.into())]).inc()),
            Counted::PressRefused => drop(self.presses_refused.inc()),
            Counted::Executed { integration, status } => {
                let labels = [("integration", integration.to_owned().into()), ("status", status.as_str().into())];
                self.executions.get_or_create(&labels).inc();
            }
            Counted::ReplyLost => drop(self.replies_lost.inc()),
            Counted::Overloaded => drop(self.overloads.inc()),
            Counted::Listed { integration, list, names } => {
                let labels = [("integration", integration.to_owned().into()), ("list", list.to_owned().into())];
                match names.map(i64::try_from) {
                    Some(names) => {
                        self.names.get_or_create(&labels).set(names.unwrap_or(i64::MAX));
                    }
                    None => drop(self.lists_failed.get_or_create(&labels).inc()),
                }
            }
            Counted::NotHeard(because) => drop(self.not_heard.get_or_create(&[("of", because.into())]).inc()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::OutcomeStatus;

    #[test]
    fn everything_is_counted_under_its_name() {
        let metrics = Metrics::default();
        let time = Duration::from_millis(250);
        metrics.count(Counted::Understood { outcome: "command", time });
        metrics.count(Counted::Understood { outcome: "none", time });
        metrics.count(Counted::Understood { outcome: "none", time });
        metrics.count(Counted::Proposal("created"));
        metrics.count(Counted::PressRefused);
        metrics.count(Counted::Executed { integration: "host", status: OutcomeStatus::Unknown });
        metrics.count(Counted::ReplyLost);
        metrics.count(Counted::Overloaded);
        metrics.count(Counted::NotHeard("person"));
        metrics.count(Counted::Listed { integration: "docker", list: "services", names: Some(41) });
        metrics.count(Counted::Listed { integration: "docker", list: "services", names: None });
        metrics.received("main", AlertStatus::Firing);
        let text = metrics.text();
        for line in [
            "sayso_messages_total{outcome=\"command\"} 1\n",
            "sayso_messages_total{outcome=\"none\"} 2\n",
            "sayso_understanding_seconds_sum 0.75\n",
            "sayso_understanding_seconds_bucket{le=\"0.2\"} 0\n",
            "sayso_understanding_seconds_bucket{le=\"0.5\"} 3\n",
            "sayso_proposals_total{event=\"created\"} 1\n",
            "sayso_executions_total{integration=\"host\",status=\"unknown\"} 1\n",
            "sayso_presses_refused_total 1\n",
            "sayso_alerts_total{webhook=\"main\",status=\"firing\"} 1\n",
            "sayso_replies_lost_total 1\n",
            "sayso_encoder_overloads_total 1\n",
            "sayso_not_heard_total{of=\"person\"} 1\n",
            "sayso_listed_names{integration=\"docker\",list=\"services\"} 41\n",
            "sayso_list_failures_total{integration=\"docker\",list=\"services\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
