//! Spans, exported as OTLP over HTTP: how long each part of a turn took, from a message to its outcome. Telemetry, which may be
//! lost: the record of what was done is the audit trail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value as Json;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::Failure;
use crate::config::Log;
use crate::integrations::{Post, Redactor, Surroundings};

/// How long one export may take.
const EXPORT: Duration = Duration::from_secs(10);
/// How long the end of the program waits for the last one.
const FLUSH: Duration = Duration::from_secs(5);

/// Where spans go, if anywhere.
#[derive(Default)]
pub(super) struct Traces {
    provider: Option<SdkTracerProvider>,
    /// What the exporter's own thread sends on, once there is one.
    runtime: Arc<OnceLock<Handle>>,
}

impl Traces {
    /// Nothing is sent before [`Self::begin`].
    pub(super) fn new(configured: &Log, redactor: &Arc<Redactor>) -> Result<Self, Failure> {
        let Some(url) = &configured.traces else { return Ok(Self::default()) };
        let token = configured.traces_token.as_ref().map(|variable| {
            let lacking = |reason: String| Failure::Said(format!("`log.traces_token` cannot be used: {reason}"));
            let secret = Surroundings::here().secret(variable).map_err(lacking)?;
            secret.ok_or_else(|| lacking(format!("`{variable}` is not set")))
        });
        let failed = |reason: String| Failure::Said(format!("`log.traces` cannot be used: {reason}"));
        let post =
            Post::new(url, token.transpose()?, Arc::clone(redactor)).map_err(|error| failed(error.to_string()))?;
        let runtime = Arc::<OnceLock<Handle>>::default();
        let way = Way {
            post: Arc::new(post),
            redactor: Arc::clone(redactor),
            runtime: Arc::clone(&runtime),
            silent: AtomicBool::default(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(way)
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(url)
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        // What the environment adds, by OTEL_RESOURCE_ATTRIBUTES, stays.
        let resource = Resource::builder().with_service_name("sayso").build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self { provider: Some(provider), runtime })
    }

    /// Takes our own spans, and no events: those are for the log, which cleans them.
    pub(super) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> Option<impl Layer<S> + use<S>> {
        let tracer = self.provider.as_ref()?.tracer("sayso");
        let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("sayso"));
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        Some(layer.with_filter(ours))
    }

    /// From now on spans are exported, by the runtime that this is called in.
    pub(super) fn begin(&self) {
        // Only the first runtime counts; a program has one.
        let _ = self.runtime.set(Handle::current());
    }

    /// Exports what is left, at most so long.
    pub(super) async fn finish(self) {
        let Some(provider) = self.provider else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// The way to the collector.
#[derive(Debug)]
struct Way {
    post: Arc<Post>,
    redactor: Arc<Redactor>,
    runtime: Arc<OnceLock<Handle>>,
    /// Whether it has been said that nothing arrives.
    silent: AtomicBool,
}

#[async_trait]
impl HttpClient for Way {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Some(runtime) = self.runtime.get() else { return Err("the program has not begun".into()) };
        let spans: Json = serde_json::from_slice(request.body())?;
        let (post, spans) = (Arc::clone(&self.post), self.redactor.clean_json(&spans));
        // The exporter's thread is none of the runtime's, which the request needs.
        match runtime.spawn(async move { post.send(&spans, EXPORT).await }).await? {
            Ok(()) => {
                self.silent.store(false, Ordering::Relaxed);
                Ok(Response::new(Bytes::new()))
            }
            Err(error) => {
                if !self.silent.swap(true, Ordering::Relaxed) {
                    tracing::warn!(error = &error as &dyn std::error::Error, "spans do not arrive");
                }
                Err(error.into())
            }
        }
    }
}
