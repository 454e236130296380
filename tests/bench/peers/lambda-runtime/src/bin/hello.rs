use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use http::HeaderValue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use peer_lambda_runtime::response;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(hello)).await
}

async fn hello(
    _: LambdaEvent<LambdaFunctionUrlRequest>,
) -> Result<LambdaFunctionUrlResponse, Error> {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(response(content_type, "Hello, world!".into(), false))
}
