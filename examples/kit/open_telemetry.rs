//! Traces with OpenTelemetry: one span for each request, as part of the trace that the client or AWS started.
//!
//! `curl -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' http://localhost:3000/orders/7`

use std::collections::HashMap;
use std::process::ExitCode;

use anyhost::http::HeaderMap;
use anyhost::{Error, Handler, Next, Request, RequestExt, Response, Result, Router};
use anyhost::{with_middleware, with_state};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::field::Empty;
use tracing::{Instrument, Subscriber, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

/// Makes a span for each request.
async fn trace(request: Request, next: Next) -> Result<Response> {
    let provider = request.state::<SdkTracerProvider>()?;
    let context = request.context();
    let method = request.method().to_string();
    let span = info_span!(
        "request",
        otel.kind = "server",
        otel.name = method,
        otel.status_code = Empty,
        http.request.method = method,
        http.response.status_code = Empty,
        http.route = Empty,
        url.path = request.uri().path(),
    );
    // Fails if a filter disables the span.
    let _ = span.set_parent(parent(request.headers()));
    let result = next.run(request).instrument(span.clone()).await;
    if let Some(route) = context.route() {
        span.record("http.route", &*route);
        let name = format!("{method} {route}");
        span.context().span().update_name(name);
    }
    let status = result.as_ref().map_or_else(Error::status, Response::status);
    // OpenTelemetry has no unsigned integers.
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    // Lambda freezes the process after this work, so spans that are not exported by then would wait for the next request.
    context.wait_until(async move {
        let flushed = tokio::task::spawn_blocking(move || provider.force_flush()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!(?flushed, "failed to export spans");
        }
    });
    result
}

/// The span that called this program: the header of W3C Trace Context, or of AWS X-Ray, which load balancers add and
/// which every invocation of a Lambda function has.
fn parent(headers: &HeaderMap) -> opentelemetry::Context {
    let text = |name| {
        Some((
            String::from(name),
            headers.get(name)?.to_str().ok()?.to_owned(),
        ))
    };
    let carrier: HashMap<_, _> = ["traceparent", "tracestate"]
        .into_iter()
        .filter_map(text)
        .collect();
    let parent = TraceContextPropagator::new().extract(&carrier);
    let x_ray = || x_ray(headers.get("x-amzn-trace-id")?.to_str().ok()?);
    match parent.span().span_context().is_valid() {
        true => parent,
        false => x_ray().map_or_else(Default::default, |span| {
            opentelemetry::Context::new().with_remote_span_context(span)
        }),
    }
}

/// Parses `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1` ("AWS X-Ray concepts").
fn x_ray(header: &str) -> Option<SpanContext> {
    let field = |name| {
        header
            .split(';')
            .find_map(|field| field.trim().strip_prefix(name))
    };
    let trace = TraceId::from_hex(&field("Root=1-")?.replace('-', "")).ok()?;
    let span = SpanId::from_hex(field("Parent=")?).ok()?;
    let flags = TraceFlags::default().with_sampled(field("Sampled=") == Some("1"));
    Some(SpanContext::new(
        trace,
        span,
        flags,
        true,
        TraceState::default(),
    ))
}

/// Sends the spans of the crate `tracing` to OpenTelemetry, and the events to the log.
fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Without a level, the internal spans of HTTP/2 are exported as well.
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(spans)
        .with(log)
}

async fn order(request: Request) -> Result<String> {
    let id: u32 = request.param("id")?;
    let load = async {
        if id == 0 {
            Err(std::io::Error::other("no such row"))
        } else {
            Ok(())
        }
    };
    load.instrument(info_span!("load order", id)).await?;
    Ok(format!("order {id}"))
}

fn app(provider: SdkTracerProvider) -> impl Handler {
    let routes = Router::new().get("/orders/{id}", order);
    with_state(provider, with_middleware(trace, routes))
}

/// Prints spans. A program in production uses the exporter of the crate `opentelemetry-otlp` in its place.
#[derive(Debug)]
struct Print;

impl SpanExporter for Print {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        spans.iter().for_each(|span| eprintln!("{span:?}"));
        Ok(())
    }
}

fn main() -> ExitCode {
    anyhost::run_with(async || {
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Print)
            .build();
        tracing::subscriber::set_global_default(subscriber(&provider))?;
        Ok::<_, Error>(app(provider))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhost::http::Request;
    use anyhost_examples_kit::{Client, everywhere};
    use opentelemetry::Value;
    use opentelemetry::trace::{SpanKind, Status};
    use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, InMemorySpanExporter};

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const CALLER: &str = "b7ad6b7169203331";
    const STATUS: &str = "http.response.status_code";

    fn provider(exporter: InMemorySpanExporter) -> SdkTracerProvider {
        // No timer exports spans within an hour, so that the test sees only spans that were flushed.
        let config = BatchConfigBuilder::default().with_scheduled_delay(Duration::from_secs(3600));
        let batch = BatchSpanProcessor::builder(exporter).with_batch_config(config.build());
        SdkTracerProvider::builder()
            .with_span_processor(batch.build())
            .build()
    }

    /// Sends a request, and waits for its spans: that of the request, and that of the work in the handler.
    async fn spans(
        client: &Client,
        exporter: &InMemorySpanExporter,
        target: &str,
        header: (&str, &str),
    ) -> [SpanData; 2] {
        exporter.reset();
        let request = Request::get(target).header(header.0, header.1);
        let _ = client.send(request.body("").unwrap()).await;
        let exported = async {
            loop {
                match <[SpanData; 2]>::try_from(exporter.get_finished_spans().unwrap()) {
                    Ok(spans) => break spans,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let exported = tokio::time::timeout(Duration::from_secs(10), exported).await;
        let mut spans = exported.unwrap_or_else(|_| panic!("no spans from {client}"));
        spans.sort_by_key(|span| span.span_kind != SpanKind::Server);
        spans
    }

    fn attribute<'a>(span: &'a SpanData, name: &str) -> Option<&'a Value> {
        let mut attributes = span.attributes.iter();
        let found = attributes.find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| &attribute.value)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_spans_of_a_request_belong_to_the_trace_of_the_caller_and_are_exported_after_the_response()
     {
        let exporter = InMemorySpanExporter::default();
        let provider = provider(exporter.clone());
        tracing::subscriber::set_global_default(subscriber(&provider)).unwrap();
        let traceparent = format!("00-{TRACE}-{CALLER}-01");
        let x_ray = format!(
            "Root=1-{}-{};Parent={CALLER};Sampled=1",
            &TRACE[..8],
            &TRACE[8..]
        );
        for client in everywhere(|| app(provider.clone())).await {
            for header in [("traceparent", &*traceparent), ("x-amzn-trace-id", &x_ray)] {
                let [request, load] = spans(&client, &exporter, "/orders/7", header).await;
                let context = &request.span_context;
                assert_eq!(context.trace_id().to_string(), TRACE, "{client} {header:?}");
                assert_eq!(
                    request.parent_span_id.to_string(),
                    CALLER,
                    "{client} {header:?}"
                );
                assert_eq!(request.name, "GET /orders/{id}", "{client}");
                let route = attribute(&request, "http.route");
                assert_eq!(route, Some(&"/orders/{id}".into()), "{client}");
                assert_eq!(
                    attribute(&request, STATUS),
                    Some(&Value::I64(200)),
                    "{client}"
                );
                assert_eq!(load.span_context.trace_id(), context.trace_id(), "{client}");
                assert_eq!(load.parent_span_id, context.span_id(), "{client}");
            }
            let [failed, _] =
                spans(&client, &exporter, "/orders/0", ("traceparent", "invalid")).await;
            assert_ne!(
                failed.span_context.trace_id().to_string(),
                TRACE,
                "{client}"
            );
            assert_eq!(
                attribute(&failed, STATUS),
                Some(&Value::I64(500)),
                "{client}"
            );
            assert!(matches!(failed.status, Status::Error { .. }), "{client}");
        }
    }
}
