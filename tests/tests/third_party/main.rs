//! How an adapter of another project runs the conformance suite: an adapter, a transport that speaks its protocol, and
//! a profile that declares what this protocol does not support.

mod adapter;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhost::{Body, Request, Response, async_trait};
use anyhost_conformance::{
    Ability, Capabilities, Observed, Profile, Suite, Transport, app, silence_probe_panics,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_for_another_protocol_passes_the_suite() {
    silence_probe_panics();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(adapter::serve(listener, Arc::new(app())));
    let transport = JsonLines {
        address,
        profile: profile(),
    };
    let column = Suite::new().await.run(&transport).await;
    assert_eq!(column.failures(), Vec::<String>::new());
}

fn profile() -> Profile {
    const DOCUMENT: &str = "the documentation of the protocol";
    const NO_TRAILERS: Ability = Ability::lacking(
        Observed::Response("the body arrives without trailers", |_, response| {
            response.has_status(200)?;
            match response.trailers {
                None => Ok(()),
                Some(_) => Err("there are trailers".to_owned()),
            }
        }),
        "The protocol has no trailers",
        DOCUMENT,
    );
    let can = Capabilities {
        request_trailers: NO_TRAILERS,
        response_trailers: NO_TRAILERS,
        http1_bytes: Ability::lacking(
            Observed::Untestable,
            "The protocol is not HTTP/1.1",
            DOCUMENT,
        ),
        ..Capabilities::ALL
    };
    Profile::new("json-lines", "json-lines", "", can)
}

/// A client of the protocol that the adapter documents.
struct JsonLines {
    address: SocketAddr,
    profile: Profile,
}

#[async_trait]
impl Transport for JsonLines {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        self.exchange(request)
            .await
            .map_err(|error| error.to_string())
    }
}

impl JsonLines {
    async fn exchange(&self, request: Request) -> Result<Response, anyhost::BoxError> {
        let (head, body) = request.into_parts();
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| {
                let value: String = value
                    .as_bytes()
                    .iter()
                    .map(|&byte| char::from(byte))
                    .collect();
                json!([name.as_str(), value])
            })
            .collect();
        let line = json!({
            "method": head.method.as_str(),
            "target": head.uri.to_string(),
            "headers": headers,
            "body": BASE64.encode(body.collect().await?.to_bytes()),
        });
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut lines = BufReader::new(stream).lines();
        let head = read(&mut lines).await?;
        let mut response = Response::new(Body::from_stream(stream::unfold(lines, chunk)));
        let status = head["status"].as_u64().ok_or("missing status")?;
        *response.status_mut() = StatusCode::from_u16(u16::try_from(status)?)?;
        for header in head["headers"].as_array().into_iter().flatten() {
            let name: HeaderName = header[0].as_str().unwrap_or_default().parse()?;
            let value = header[1].as_str().unwrap_or_default().chars();
            let value: Vec<u8> = value.map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
            response
                .headers_mut()
                .append(name, HeaderValue::from_bytes(&value)?);
        }
        Ok(response)
    }
}

type Stream = Lines<BufReader<TcpStream>>;

/// The next chunk of the body. The stream ends after the line `end`, and fails without one.
async fn chunk(mut lines: Stream) -> Option<(Result<Vec<u8>, anyhost::BoxError>, Stream)> {
    let line = match read(&mut lines).await {
        Ok(line) => line,
        Err(error) => return Some((Err(error), lines)),
    };
    let chunk = line["chunk"].as_str()?;
    let chunk = BASE64.decode(chunk).map_err(anyhost::BoxError::from);
    Some((chunk, lines))
}

async fn read(lines: &mut Stream) -> Result<Value, anyhost::BoxError> {
    let line = lines.next_line().await?.ok_or("the connection is closed")?;
    Ok(serde_json::from_str(&line)?)
}
