//! Bodies that do not fit into a pipe: servers and programs that wait for each other would hang here.

use anyhost::Request;
use serde_json::json;

use super::{BYTES, TEXT, patterned, post, with};
use crate::capability::Need::*;
use crate::case::{Case, same};

fn megabyte(target: &str) -> Request {
    with(post(target, patterned(1 << 20)), "content-type", BYTES)
}

pub(super) const CASES: &[Case] = &[
    Case::new("96 KB are digested").sends(
        || with(post("/digest", patterned(96 * 1024)), "content-type", BYTES),
        |reply, _| {
            let sha256 = "f39e9f45bf8c7f0acf2b3ec3c812290a6d97f47b5606780cdbd728c348e54758";
            let digest = json!({"length": 96 * 1024, "sha256": sha256});
            same(&reply.json()?, &digest, "digest")
        },
    ),
    Case::new("a megabyte is digested")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/digest"),
            |reply, _| {
                let sha256 = "631b84027d6b9e52b539c4e8373622d23032dfadc64d60af87339c9037e4f769";
                let digest = json!({"length": 1 << 20, "sha256": sha256});
                same(&reply.json()?, &digest, "digest")
            },
        ),
    Case::new("a megabyte is echoed piece by piece")
        .needs(&[MegabyteUp, MegabyteBack])
        .sends(
            || megabyte("/pipe"),
            |reply, _| reply.is(200, Some(BYTES), &patterned(1 << 20)),
        ),
    Case::new("a reply that begins before its request was read arrives whole")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/before/300000"),
            |reply, _| {
                same(&reply.body.len(), &300_007, "length")?;
                same(&&reply.body[300_000..], &&b"1048576"[..], "end")
            },
        ),
    Case::new("a body that nobody reads does no harm")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/ignore"),
            |reply, _| reply.is(200, Some(TEXT), b"ignored"),
        ),
    Case::new("a 413 arrives although a megabyte was never read")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/limit/10"),
            |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 10b limit"),
        ),
    Case::new("more than the default limit is a 413")
        .needs(&[MegabyteUp, OverMegabyteUp])
        .sends(
            || post("/json", vec![b' '; (1 << 20) + 1]),
            |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 1mb limit"),
        ),
];
