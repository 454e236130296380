//! Random requests and responses must be the same on every host that can run inside this process. The parts of
//! a request that a host does not support, according to its profile, are removed for this host.

mod plan;
mod reduce;

use anyhost::lambda::Mode::{Buffer, Stream};
use anyhost::lambda::Source;
use anyhost::server::Server;
use anyhost_conformance::{
    Capabilities, CgiInProcess, HttpTransport, InProcess, Lambda, Normalized, Received, Transport,
    app, profile,
};
use plan::{RequestPlan, ResponsePlan};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

/// Requests that failed once. Add each new failure here, with the plan that proptest prints.
fn former_failures() -> Vec<(&'static str, RequestPlan)> {
    vec![
        (
            "a path with an encoded character and a dot segment, which a web server resolves",
            RequestPlan {
                segments: vec!["%21".into(), ".".into()],
                ..RequestPlan::default()
            },
        ),
        (
            "a GET request with a body of unknown length",
            RequestPlan {
                body: b"\0".to_vec(),
                ..RequestPlan::default()
            },
        ),
    ]
}

/// Responses that failed once.
fn former_response_failures() -> Vec<(&'static str, ResponsePlan)> {
    vec![
        (
            "a body that fails before its first chunk",
            ResponsePlan {
                fails: true,
                ..ResponsePlan::default()
            },
        ),
        (
            "a header value that is valid in UTF-8 and in Latin-1",
            ResponsePlan {
                headers: vec![("a".into(), b"\xC2\x80".to_vec())],
                ..ResponsePlan::default()
            },
        ),
    ]
}

#[test]
fn random_requests_reach_the_handler_identically_on_every_host() {
    let hosts = Hosts::start();
    for (name, plan) in former_failures() {
        let same = hosts.compare(|can| plan.reduced(can).request());
        assert_eq!(same, Ok(()), "{name}");
    }
    let mut runner = TestRunner::new(config());
    let result = runner.run(&plan::requests(), |plan| {
        hosts
            .compare(|can| plan.reduced(can).request())
            .map_err(TestCaseError::fail)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn random_responses_reach_the_client_identically_on_every_host() {
    let hosts = Hosts::start();
    for (name, plan) in former_response_failures() {
        let same = hosts.compare(|can| plan.reduced(can).request());
        assert_eq!(same, Ok(()), "{name}");
    }
    let mut runner = TestRunner::new(config());
    let result = runner.run(&plan::responses(), |plan| {
        hosts
            .compare(|can| plan.reduced(can).request())
            .map_err(TestCaseError::fail)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// The environment variable `PROPTEST_CASES` sets the number of random requests.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Every host that can run inside this process, and the in-process call that they are compared with.
struct Hosts {
    runtime: Runtime,
    reference: InProcess,
    others: Vec<Box<dyn Transport>>,
}

impl Hosts {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let others = runtime.block_on(async {
            let server = Server::bind("127.0.0.1:0").await.unwrap();
            let url = server.url();
            let address = url.strip_prefix("http://").unwrap().to_owned();
            tokio::spawn(
                server
                    .with_graceful_shutdown(std::future::pending())
                    .serve(app()),
            );
            let named = |name: &str| profile(name).unwrap();
            let mut others: Vec<Box<dyn Transport>> = vec![
                Box::new(HttpTransport::tcp(&address, named("http1"))),
                Box::new(HttpTransport::tcp(&address, named("http2")).with_http2()),
                Box::new(CgiInProcess::new()),
            ];
            for (door, mode, name) in [
                (Source::RestApi, Buffer, "lambda-rest-api"),
                (Source::RestApi, Stream, "lambda-rest-api-stream"),
                (Source::HttpApi, Buffer, "lambda-http-api"),
                (Source::FunctionUrl, Buffer, "lambda-function-url"),
                (Source::FunctionUrl, Stream, "lambda-function-url-stream"),
                (Source::Alb, Buffer, "lambda-alb"),
                (Source::AlbMultiValue, Buffer, "lambda-alb-multi-value"),
                (Source::Lattice, Buffer, "lambda-lattice"),
            ] {
                others.push(Box::new(Lambda::behind(door, mode, named(name))));
            }
            others
        });
        Self {
            runtime,
            reference: InProcess::new(),
            others,
        }
    }

    /// Sends to each host the request that it supports, and compares the response with the in-process response.
    fn compare(&self, request: impl Fn(&Capabilities) -> anyhost::Request) -> Result<(), String> {
        self.runtime.block_on(async {
            for host in &self.others {
                let profile = host.profile();
                let reference = self.reference.send(request(&profile.can)).await?;
                let reference = Normalized::of(&Received::read(reference).await);
                let response = host.send(request(&profile.can)).await;
                let response = response.map_err(|error| format!("{}: {error}", profile.name))?;
                let response = Received::read(response).await;
                reference
                    .equals(&response, profile)
                    .map_err(|why| format!("{}: {why}", profile.name))?;
            }
            Ok(())
        })
    }
}
