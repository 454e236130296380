//! Compressed responses, and compressed request bodies with a limit on their decompressed size, with the crate
//! `tower-http`.
//!
//! `curl -i --compressed http://localhost:3000/report`, then
//! `echo hello | gzip | curl -H 'Content-Encoding: gzip' --data-binary @- http://localhost:3000/upload`

use std::process::ExitCode;

use anyhost::tower::layer;
use anyhost::{Handler, Request, RequestExt, Result, Router};
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

async fn report() -> String {
    "A line that compresses well.\n".repeat(1000)
}

/// The limit applies to the decompressed bytes. Decompression stops at the limit, so that a small upload cannot
/// occupy more memory than this.
async fn upload(mut request: Request) -> Result<usize> {
    Ok(request.buffer_limit("1mb").await?.len())
}

fn app() -> impl Handler {
    let routes = Router::new().get("/report", report).post("/upload", upload);
    // An event source of AWS can compress responses, too. Then leave out `CompressionLayer`.
    layer(
        (CompressionLayer::new(), RequestDecompressionLayer::new()),
        routes,
    )
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhost::Body;
    use anyhost::bytes::Bytes;
    use anyhost::http::Request;
    use anyhost::testing;
    use anyhost_examples_kit::{everywhere, header, text};
    use flate2::Compression;
    use flate2::read::GzDecoder;
    use flate2::write::GzEncoder;
    use futures_util::{StreamExt, stream};

    const MIB: usize = 1024 * 1024;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn upload(encoding: &str, body: Vec<u8>) -> Request<Vec<u8>> {
        let request = Request::post("/upload").header("content-encoding", encoding);
        request.body(body).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_response_is_compressed_if_the_client_accepts_gzip() {
        for client in everywhere(super::app).await {
            let plain = client.get("/report").await;
            assert_eq!(header(&plain, "content-encoding"), None, "{client}");

            let request = Request::get("/report").header("accept-encoding", "gzip");
            let response = client.send(request.body("").unwrap()).await;
            assert_eq!(
                header(&response, "content-encoding"),
                Some("gzip"),
                "{client}"
            );
            assert_eq!(
                header(&response, "vary"),
                Some("accept-encoding"),
                "{client}"
            );
            assert!(response.body().len() < 1000, "{client}");
            let mut decoded = String::new();
            let mut decoder = GzDecoder::new(&response.body()[..]);
            decoder.read_to_string(&mut decoded).unwrap();
            assert_eq!(decoded, text(&plain), "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_error_response_is_readable_for_a_client_that_accepts_gzip() {
        for client in everywhere(super::app).await {
            let request = Request::get("/nowhere").header("accept-encoding", "gzip");
            let response = client.send(request.body("").unwrap()).await;
            assert_eq!(response.status(), 404, "{client}");
            assert_eq!(header(&response, "content-encoding"), None, "{client}");
            assert_eq!(text(&response), "Not Found", "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_limit_of_an_upload_applies_to_its_decompressed_size() {
        let (fits, bomb) = (gzip(&vec![0; MIB]), gzip(&vec![0; MIB + 1]));
        assert!(bomb.len() < 10_000);
        for client in everywhere(super::app).await {
            let response = client.send(upload("gzip", fits.clone())).await;
            assert_eq!(
                (response.status().as_u16(), text(&response)),
                (200, "1048576"),
                "{client}"
            );
            let response = client.send(upload("gzip", bomb.clone())).await;
            assert_eq!(response.status(), 413, "{client}");
            assert_eq!(text(&response), "Body exceeded 1mb limit", "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_decompression_bomb_is_not_read_further_than_the_limit() {
        let bomb = Bytes::from(gzip(&vec![0; 32 * MIB]));
        let read = Arc::new(AtomicUsize::new(0));
        let counter = read.clone();
        let chunks = (0..bomb.len()).step_by(512).map({
            let bomb = bomb.clone();
            move |start| bomb.slice(start..bomb.len().min(start + 512))
        });
        let chunks = stream::iter(chunks).map(move |chunk| {
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
            Ok::<_, std::io::Error>(chunk)
        });
        let request = testing::Client::new(super::app()).post("/upload");
        let request = request.header("content-encoding", "gzip");
        let response = request.body(Body::from_stream(chunks)).await;
        assert_eq!(response.status(), 413);
        // One part in 32 of the bomb reaches the limit; the factor of two allows for what the decoder reads ahead.
        let read = read.load(Ordering::Relaxed);
        assert!(
            read < bomb.len() / 16,
            "read {read} of {} bytes",
            bomb.len()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_invalid_or_unknown_compression_is_a_client_error() {
        let mut cut = gzip(b"Hello, world!");
        cut.truncate(12);
        for client in everywhere(super::app).await {
            for (encoding, body, status) in [
                ("gzip", b"not gzip".to_vec(), 400),
                ("gzip", cut.clone(), 400),
                ("br", vec![1], 415),
                ("gzip, gzip", gzip(&gzip(b"twice")), 415),
            ] {
                let response = client.send(upload(encoding, body)).await;
                assert_eq!(response.status(), status, "{client} {encoding}");
            }
        }
    }
}
