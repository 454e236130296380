//! Reads a body as a whole.

use std::pin::pin;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

/// Reads a body. Most bodies are one chunk, which is not copied.
///
/// # Errors
/// The error of the body.
pub(crate) async fn read<B: Body<Data = Bytes>>(body: B) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame?.into_data() else {
            continue;
        };
        if whole.is_empty() && body.is_end_stream() {
            return Ok(chunk);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use anyhost_core::Body;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn the_only_chunk_of_a_body_is_not_copied() {
        let chunk = Bytes::from(vec![b'x'; 100]);
        let whole = read(Body::from(chunk.clone())).await.unwrap();
        assert_eq!(whole, chunk);
        assert_eq!(whole.as_ptr(), chunk.as_ptr());
    }

    #[tokio::test]
    async fn the_chunks_of_a_body_are_joined_in_order() {
        for chunks in [vec![], vec!["a"], vec!["", "a"], vec!["a", "", "bc", "d"]] {
            let expected = chunks.concat();
            let chunks = chunks.into_iter().map(Ok::<_, Infallible>);
            let body = Body::from_stream(stream::iter(chunks));
            assert_eq!(read(body).await.unwrap(), expected);
        }
    }
}
