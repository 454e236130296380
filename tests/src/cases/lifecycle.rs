//! What one request has to do with the next, and with the work that it leaves behind.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{TEXT, echo, get, post, with};
use crate::capability::Need::*;
use crate::case::{Case, same};
use crate::story::{counted, fresh_key, reply};

pub(super) const CASES: &[Case] = &[
    Case::new("waiting is possible").sends(
        || get("/sleep/20"),
        |reply, _| reply.is(200, Some(TEXT), b"slept"),
    ),
    Case::new("a process remembers")
        .needs(&[Memory])
        .tells(|transport| {
            Box::pin(async move {
                let target = format!("/count/{}", fresh_key());
                for count in 1..=3u64 {
                    let reply = reply(transport, post(&target, "x")).await?;
                    reply.is(200, Some(TEXT), count.to_string().as_bytes())?;
                }
                Ok(())
            })
        }),
    Case::new("what belongs to a request is gone with it")
        .sends(
            || get("/marked"),
            |reply, _| reply.is(200, Some(TEXT), b"fresh"),
        )
        .after(&[|| get("/marked")]),
    Case::new("a hundred requests at once get a hundred replies, each its own").tells(
        |transport| {
            Box::pin(async move {
                let all = (0..100).map(async |index| {
                    let target = format!("/echo/{index}");
                    let request = with(
                        post(&target, format!("body {index}")),
                        "x-index",
                        index.to_string(),
                    );
                    let reply = reply(transport, request).await?;
                    let seen = echo(&reply)?;
                    same(&seen["path"], &serde_json::json!(target), "path")?;
                    let length = format!("body {index}").len();
                    same(
                        &seen["body"]["length"],
                        &serde_json::json!(length),
                        "length",
                    )?;
                    super::has(&reply, "x-index", &index.to_string())
                });
                try_join_all(all).await.map(drop)
            })
        },
    ),
    Case::new("work after the reply is taken on").sends(
        || post("/after/1", "x"),
        |reply, _| reply.is(200, Some(TEXT), b"scheduled"),
    ),
    Case::new("and done").needs(&[Memory]).tells(|transport| {
        Box::pin(async move {
            let key = fresh_key();
            reply(transport, post(&format!("/later/{key}"), "x")).await?;
            // A server does it beside the next request, the others before.
            for _ in 0..100 {
                if counted(transport, &key).await? > 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            same(
                &counted(transport, &key).await?,
                &1,
                "times that it was done",
            )
        })
    }),
];
