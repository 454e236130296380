//! The extensions that [`lambda_http::RequestExt`] reads.

use std::collections::HashMap;
use std::env;
use std::sync::{Arc, LazyLock};
use std::time::UNIX_EPOCH;

use anyhost_core::http::{HeaderValue, Version, header::USER_AGENT};
use anyhost_core::{Context, Request, RequestExt as _};
use lambda_http::RequestExt as _;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayV2httpRequestContext, ApiGatewayV2httpRequestContextHttpDescription,
};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::lambda_runtime::Config;
use lambda_http::request::RequestContext;
use serde::Deserialize;
use serde_json::Value;

use crate::context::LambdaContext;

/// Adds all extensions to a request, and the X-Ray trace id to its headers.
pub(super) fn add(request: &mut Request) {
    let lambda = request.extensions().get::<LambdaContext>().cloned();
    let context = request.context().clone();
    let variables = lambda.as_ref().map(Variables::of).unwrap_or_default();
    let request_context = lambda.as_ref().and_then(LambdaContext::request_context);
    let request_context = request_context.unwrap_or_else(|| context_of(request, &context));
    let lambda_context = lambda_context(lambda.as_ref(), &context);
    if let Some(trace_id) = &lambda_context.xray_trace_id
        && let Ok(trace_id) = HeaderValue::from_str(trace_id)
    {
        request.headers_mut().insert("x-amzn-trace-id", trace_id);
    }
    let query = request.uri().query().unwrap_or_default();
    let query = query.parse::<QueryMap>().unwrap_or_default();
    let path = request.uri().path().to_owned();
    let extensions = std::mem::take(request.extensions_mut());
    *request.extensions_mut() = extensions
        .with_lambda_context(lambda_context)
        .with_request_context(request_context)
        .with_query_string_parameters(query)
        .with_path_parameters(variables.path_parameters)
        .with_stage_variables(variables.stage_variables)
        .with_raw_http_path(path);
}

/// The variables that an API Gateway adds to a request.
#[derive(Default)]
struct Variables {
    path_parameters: HashMap<String, String>,
    stage_variables: HashMap<String, String>,
}

impl Variables {
    fn of(lambda: &LambdaContext) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Event {
            path_parameters: Value,
            stage_variables: Value,
        }
        let event: Event = serde_json::from_slice(lambda.event()).unwrap_or_default();
        Self {
            path_parameters: strings(event.path_parameters),
            stage_variables: strings(event.stage_variables),
        }
    }
}

/// The entries of a map whose values are strings.
fn strings(map: Value) -> HashMap<String, String> {
    let Value::Object(map) = map else {
        return HashMap::new();
    };
    let entries = map.into_iter();
    let entries = entries.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    entries.collect()
}

/// Builds the request context of a Function URL from the request. Used on hosts other than Lambda, and for events
/// that do not fit the types of `lambda_http`.
fn context_of(request: &Request, context: &Context) -> RequestContext {
    let mut http = ApiGatewayV2httpRequestContextHttpDescription::default();
    http.method = request.method().clone();
    http.path = Some(request.uri().path().to_owned());
    http.protocol = Some(protocol(request.version()).to_owned());
    http.source_ip = context.peer().map(|peer| peer.to_string());
    let user_agent = request.headers().get(USER_AGENT);
    http.user_agent = user_agent.and_then(|agent| agent.to_str().ok().map(str::to_owned));
    let mut v2 = ApiGatewayV2httpRequestContext::default();
    v2.http = http;
    v2.route_key = Some("$default".to_owned());
    v2.stage = Some("$default".to_owned());
    v2.request_id = context.request_id().map(str::to_owned);
    v2.domain_name = request.authority().map(ToString::to_string);
    RequestContext::ApiGatewayV2(v2)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

fn lambda_context(lambda: Option<&LambdaContext>, context: &Context) -> lambda_http::Context {
    let mut result = lambda_http::Context::default();
    result.request_id = context.request_id().unwrap_or_default().to_owned();
    let deadline = context.deadline();
    let deadline = deadline.and_then(|deadline| deadline.duration_since(UNIX_EPOCH).ok());
    let deadline = deadline.and_then(|deadline| u64::try_from(deadline.as_millis()).ok());
    result.deadline = deadline.unwrap_or_default();
    result.env_config = CONFIG.clone();
    if let Some(lambda) = lambda {
        let metadata = lambda.metadata();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        result.invoked_function_arn = owned(metadata.function_arn()).unwrap_or_default();
        result.xray_trace_id = owned(metadata.trace_id());
        result.tenant_id = owned(metadata.tenant_id());
        // The caller of Invoke controls both values, so the values may be invalid.
        result.client_context = from_json(metadata.client_context());
        result.identity = from_json(metadata.cognito_identity());
    }
    result
}

fn from_json<T: for<'de> Deserialize<'de>>(json: Option<&str>) -> Option<T> {
    serde_json::from_str(json?).ok()
}

/// The function's configuration in the environment. On other hosts its fields are empty.
static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let var = |name| env::var(name).unwrap_or_default();
    Arc::new(Config {
        function_name: var("AWS_LAMBDA_FUNCTION_NAME"),
        memory: var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
            .parse()
            .unwrap_or_default(),
        version: var("AWS_LAMBDA_FUNCTION_VERSION"),
        log_stream: var("AWS_LAMBDA_LOG_STREAM_NAME"),
        log_group: var("AWS_LAMBDA_LOG_GROUP_NAME"),
    })
});
