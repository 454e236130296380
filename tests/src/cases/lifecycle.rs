//! Successive and concurrent requests, and `wait_until` work.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{TEXT, echo, get, post, with};
use crate::capability::Need::*;
use crate::case::{Case, same};
use crate::scenario::{counted, exchange, fresh_key};

pub(super) const CASES: &[Case] = &[
    Case::new("a handler can wait before it responds").sends(
        || get("/sleep/20"),
        |response, _| response.is(200, Some(TEXT), b"slept"),
    ),
    Case::new("a handler can call block_in_place")
        .needs(&[BlockInPlace])
        .sends(
            || get("/block-in-place"),
            |response, _| response.is(200, Some(TEXT), b"blocked"),
        ),
    Case::new("successive requests share the state of the process")
        .needs(&[Memory])
        .scenario(|transport| {
            Box::pin(async move {
                let target = format!("/count/{}", fresh_key());
                for count in 1..=3u64 {
                    let response = exchange(transport, post(&target, "x")).await?;
                    response.is(200, Some(TEXT), count.to_string().as_bytes())?;
                }
                Ok(())
            })
        }),
    Case::new("extensions of a request do not leak into the next one")
        .sends(
            || get("/marked"),
            |response, _| response.is(200, Some(TEXT), b"fresh"),
        )
        .after(&[|| get("/marked")]),
    Case::new("100 concurrent requests each get their own response").scenario(|transport| {
        Box::pin(async move {
            let all = (0..100).map(async |index| {
                let target = format!("/echo/{index}");
                let request = with(
                    post(&target, format!("body {index}")),
                    "x-index",
                    index.to_string(),
                );
                let response = exchange(transport, request).await?;
                let seen = echo(&response)?;
                same(&seen["path"], &serde_json::json!(target), "path")?;
                let length = format!("body {index}").len();
                same(
                    &seen["body"]["length"],
                    &serde_json::json!(length),
                    "length",
                )?;
                super::has(&response, "x-index", &index.to_string())
            });
            try_join_all(all).await.map(drop)
        })
    }),
    Case::new("wait_until work does not delay the response").sends(
        || post("/after/1", "x"),
        |response, _| response.is(200, Some(TEXT), b"scheduled"),
    ),
    Case::new("wait_until work runs once")
        .needs(&[Memory])
        .scenario(|transport| {
            Box::pin(async move {
                let key = fresh_key();
                exchange(transport, post(&format!("/later/{key}"), "x")).await?;
                // A server runs the work during the next request; other hosts run the work before the next request.
                for _ in 0..100 {
                    if counted(transport, &key).await? > 0 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                same(
                    &counted(transport, &key).await?,
                    &1,
                    "the number of times that the work ran",
                )
            })
        }),
];
