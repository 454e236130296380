//! A rate limit for each client address, with the crate `governor`.
//!
//! The limit applies to one process. On Lambda, each execution environment counts separately, so the limit of a client
//! is multiplied by the number of environments. Under CGI, every request is a new process, so this limit has no effect.
//! On these hosts, use the limits of the platform (throttling of API Gateway, `limit_req` of nginx), or count in a
//! database that all processes share.
//!
//! `for i in 1 2 3 4 5 6; do curl -i http://localhost:3000/; done`

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::process::ExitCode;

use anyhost::http::header::RETRY_AFTER;
use anyhost::{Error, Handler, Next, Request, RequestExt, Response, Result};
use anyhost::{with_middleware, with_state};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

type Limiter = RateLimiter<Option<IpAddr>, HashMapStateStore<Option<IpAddr>>, DefaultClock>;

/// The number of addresses after which addresses without recent requests are forgotten.
const MANY: usize = 10_000;

async fn rate_limit(request: Request, next: Next) -> Result<Response> {
    let limiter = request.state::<Limiter>()?;
    if limiter.len() > MANY {
        limiter.retain_recent();
    }
    // Clients whose address the host does not know, for example on a Unix socket, share one limit.
    let Err(exceeded) = limiter.check_key(&request.context().peer().map(network)) else {
        return next.run(request).await;
    };
    let wait = exceeded.wait_time_from(limiter.clock().now());
    let seconds = wait.as_secs() + 1;
    Err(Error::new(429, "Too many requests").with_header(RETRY_AFTER, seconds.into()))
}

/// One client of an IPv6 network usually owns all addresses with the same first 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn app() -> impl Handler {
    let five = NonZeroU32::new(5).unwrap_or(NonZeroU32::MIN);
    let limiter: Limiter = RateLimiter::hashmap(Quota::per_minute(five));
    with_state(limiter, with_middleware(rate_limit, || "Hello, world!"))
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;
    use anyhost::{Context, Handler, Host};
    use anyhost_examples_kit::{everywhere, header, text};
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_over_the_limit_gets_a_429_with_the_seconds_to_wait() {
        for client in everywhere(super::app).await {
            for _ in 0..5 {
                assert_eq!(client.get("/").await.status(), 200, "{client}");
            }
            let response = client.get("/").await;
            assert_eq!(response.status(), 429, "{client}");
            assert_eq!(text(&response), "Too many requests", "{client}");
            // Five requests a minute are one in twelve seconds.
            let wait: u64 = header(&response, "retry-after").unwrap().parse().unwrap();
            assert!((1..=12).contains(&wait), "{client} {wait}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_address_and_each_ipv6_network_has_its_own_limit() {
        let app: Arc<dyn Handler> = Arc::new(super::app());
        let send = async |peer: &str| {
            let context = Context::new(Host::HTTP).with_peer(peer.parse().unwrap());
            let client = Client::new(app.clone()).with_context(context);
            client.get("/").await.status().as_u16()
        };
        for _ in 0..5 {
            assert_eq!(send("192.0.2.1").await, 200);
            assert_eq!(send("2001:db8::1").await, 200);
        }
        for (peer, status) in [
            ("192.0.2.1", 429),
            ("::ffff:192.0.2.1", 429),
            ("192.0.2.2", 200),
            ("2001:db8::ffff", 429),
            ("2001:db8:0:1::1", 200),
        ] {
            assert_eq!(send(peer).await, status, "{peer}");
        }
    }
}
