//! Bodies larger than the buffer of a pipe (64 KiB on Linux). If a server and a CGI program wait for each other, these cases
//! time out.

use anyhost::Request;
use serde_json::json;

use super::{BYTES, TEXT, patterned, post, with};
use crate::capability::Need::*;
use crate::case::{Case, same};

fn megabyte(target: &str) -> Request {
    with(post(target, patterned(1 << 20)), "content-type", BYTES)
}

pub(super) const CASES: &[Case] = &[
    Case::new("an upload of 96 KB has the expected SHA-256").sends(
        || with(post("/digest", patterned(96 * 1024)), "content-type", BYTES),
        |response, _| {
            let sha256 = "f39e9f45bf8c7f0acf2b3ec3c812290a6d97f47b5606780cdbd728c348e54758";
            let digest = json!({"length": 96 * 1024, "sha256": sha256});
            same(&response.json()?, &digest, "digest")
        },
    ),
    Case::new("an upload of 1 MiB has the expected SHA-256")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/digest"),
            |response, _| {
                let sha256 = "631b84027d6b9e52b539c4e8373622d23032dfadc64d60af87339c9037e4f769";
                let digest = json!({"length": 1 << 20, "sha256": sha256});
                same(&response.json()?, &digest, "digest")
            },
        ),
    Case::new("an upload of 1 MiB is echoed while it is received")
        .needs(&[MegabyteUp, MegabyteBack])
        .sends(
            || megabyte("/pipe"),
            |response, _| response.is(200, Some(BYTES), &patterned(1 << 20)),
        ),
    Case::new("a response that begins before the request body is read is complete")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/before/300000"),
            |response, _| {
                same(&response.body.len(), &300_007, "length")?;
                same(&&response.body[300_000..], &&b"1048576"[..], "end")
            },
        ),
    Case::new("a response is complete although the handler never reads an upload of 1 MiB")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/ignore"),
            |response, _| response.is(200, Some(TEXT), b"ignored"),
        ),
    Case::new("a 413 arrives although the handler never reads an upload of 1 MiB")
        .needs(&[MegabyteUp])
        .sends(
            || megabyte("/limit/10"),
            |response, _| response.is(413, Some(TEXT), b"Body exceeded 10 limit"),
        ),
    Case::new("an upload above the default limit is rejected with 413")
        .needs(&[MegabyteUp, OverMegabyteUp])
        .sends(
            || post("/json", vec![b' '; (1 << 20) + 1]),
            |response, _| response.is(413, Some(TEXT), b"Body exceeded 1mb limit"),
        ),
];
