//! Random requests and replies, which have to be the same on every host that runs in this process. What a
//! host has declared to lack is left out for it.

mod plan;
mod reduce;

use anyhost::lambda::Mode::{Buffer, Stream};
use anyhost::lambda::front_door::FrontDoor;
use anyhost::server::Server;
use anyhost_conformance::{
    CgiInProcess, InProcess, Lambda, Normal, Received, Transport, Wire, app, profile,
};
use plan::{ReplyPlan, RequestPlan};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

/// What failed once, and why. New ones are added by hand, with the plan that proptest prints.
fn found() -> Vec<(&'static str, RequestPlan)> {
    vec![
        (
            "an encoded path with a dot that a server resolves",
            RequestPlan {
                segments: vec!["%21".into(), ".".into()],
                ..RequestPlan::default()
            },
        ),
        (
            "a GET with a body of unknown length",
            RequestPlan {
                body: b"\0".to_vec(),
                ..RequestPlan::default()
            },
        ),
    ]
}

fn found_replies() -> Vec<(&'static str, ReplyPlan)> {
    vec![
        (
            "a body that breaks off at once",
            ReplyPlan {
                fails: true,
                ..ReplyPlan::default()
            },
        ),
        (
            "a header value that is UTF-8 as well as Latin-1",
            ReplyPlan {
                headers: vec![("a".into(), b"\xC2\x80".to_vec())],
                ..ReplyPlan::default()
            },
        ),
    ]
}

#[test]
fn random_requests_are_the_same_on_every_host() {
    let hosts = Hosts::start();
    for (name, plan) in found() {
        let same = hosts.alike(|can| plan.reduced(can).request());
        assert_eq!(same, Ok(()), "{name}");
    }
    let mut runner = TestRunner::new(config());
    let tried = runner.run(&plan::requests(), |plan| {
        hosts
            .alike(|can| plan.reduced(can).request())
            .map_err(TestCaseError::fail)
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn random_replies_are_the_same_on_every_host() {
    let hosts = Hosts::start();
    for (name, plan) in found_replies() {
        let same = hosts.alike(|can| plan.reduced(can).request());
        assert_eq!(same, Ok(()), "{name}");
    }
    let mut runner = TestRunner::new(config());
    let tried = runner.run(&plan::replies(), |plan| {
        hosts
            .alike(|can| plan.reduced(can).request())
            .map_err(TestCaseError::fail)
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}

/// `PROPTEST_CASES` makes more of them.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Every host that runs in this process, and a call to compare them with.
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
            tokio::spawn(server.with_stop(std::future::pending()).serve(app()));
            let named = |name: &str| profile(name).unwrap();
            let mut others: Vec<Box<dyn Transport>> = vec![
                Box::new(Wire::tcp(&address, named("http1"))),
                Box::new(Wire::tcp(&address, named("http2")).with_http2()),
                Box::new(CgiInProcess::new()),
            ];
            for (door, mode, name) in [
                (FrontDoor::RestApi, Buffer, "lambda-rest-api"),
                (FrontDoor::RestApi, Stream, "lambda-rest-api-stream"),
                (FrontDoor::HttpApi, Buffer, "lambda-http-api"),
                (FrontDoor::FunctionUrl, Buffer, "lambda-function-url"),
                (FrontDoor::FunctionUrl, Stream, "lambda-function-url-stream"),
                (FrontDoor::Alb, Buffer, "lambda-alb"),
                (FrontDoor::AlbMultiValue, Buffer, "lambda-alb-multi-value"),
                (FrontDoor::Lattice, Buffer, "lambda-lattice"),
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

    /// Sends to each host what it can carry, and holds its reply against the call's.
    fn alike(
        &self,
        request: impl Fn(&anyhost_conformance::Capabilities) -> anyhost::Request,
    ) -> Result<(), String> {
        self.runtime.block_on(async {
            for host in &self.others {
                let profile = host.profile();
                let reference = self.reference.send(request(&profile.can)).await?;
                let reference = Normal::of(&Received::read(reference).await);
                let reply = host.send(request(&profile.can)).await;
                let reply = reply.map_err(|error| format!("{}: {error}", profile.name))?;
                let reply = Received::read(reply).await;
                reference
                    .equals(&reply, profile)
                    .map_err(|why| format!("{}: {why}", profile.name))?;
            }
            Ok(())
        })
    }
}
