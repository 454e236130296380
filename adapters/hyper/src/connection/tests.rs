//! Connections in memory, with made time.

use anyhost_core::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, interval, sleep};

use super::*;
use crate::limits::Limits;
use crate::options::Options;
use crate::watch::TICK;

/// Has a piece whenever it is asked.
struct Endless;

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        let piece = bytes::Bytes::from_static(&[b'x'; 1000]);
        Poll::Ready(Some(Ok(http_body::Frame::data(piece))))
    }
}

type Served = tokio::task::JoinHandle<(io::Result<()>, u64)>;

/// A connection to a handler that takes ten minutes for `/slow`, and reads all that comes to `/upload`.
/// It is served until it ends, with how it did and after how many seconds.
fn connect(limits: Limits) -> (DuplexStream, Served) {
    let handler = anyhost_core::handler(|mut request: anyhost_core::Request| async move {
        use anyhost_core::RequestExt;
        match request.uri().path() {
            "/slow" => sleep(Duration::from_secs(600)).await,
            "/large" => return Ok(Body::from("x".repeat(200_000))),
            "/upload" => return Ok(Body::from(request.buffer().await?.len().to_string())),
            "/endless" => return Ok(Body::new(Endless)),
            _ => {}
        }
        Ok::<_, anyhost_core::Error>(Body::from("done"))
    });
    let options = Options {
        limits,
        ..Options::default()
    };
    let shared = Arc::new(Shared::new(Arc::new(handler), options, Arc::default()));
    let looking = shared.clone();
    tokio::spawn(async move {
        let mut ticks = interval(TICK);
        loop {
            ticks.tick().await;
            looking.life.connections.tick(&looking.options.limits);
        }
    });
    let (client, server) = duplex(64 * 1024);
    let served = tokio::spawn(async move {
        let begun = Instant::now();
        let open = Open::new(None, shared.clone());
        let link = Link {
            context: Context::new(Host::HTTP),
            watched: shared.life.connections.add(),
            shared,
        };
        link.watched.0.belongs_to_this_task().await;
        let ended = run(Io::Memory(server), open, Arc::new(link)).await;
        (ended, begun.elapsed().as_secs())
    });
    (client, served)
}

/// After how many seconds a time limit ended it.
async fn seconds(served: Served) -> io::Result<u64> {
    // In made time, which is over in no time.
    let (ended, seconds) = timeout(Duration::from_secs(3600), served).await??;
    let kind = ended.err().map(|error| error.kind());
    assert_eq!(
        kind,
        Some(io::ErrorKind::TimedOut),
        "after {seconds} seconds"
    );
    Ok(seconds)
}

/// Writes this each second until the connection ends.
async fn drip(client: &mut DuplexStream, bytes: &[u8]) {
    while client.write_all(bytes).await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads one reply that ends with `done`.
async fn read_done(client: &mut DuplexStream) -> io::Result<()> {
    let mut reply = Vec::new();
    while !reply.ends_with(b"done") {
        reply.push(client.read_u8().await?);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn silence_is_ended_after_thirty_seconds() -> io::Result<()> {
    let (_client, served) = connect(Limits::default());
    let seconds = seconds(served).await?;
    assert!((30..=31).contains(&seconds), "{seconds}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn half_a_head_and_half_a_preface_have_the_same_thirty_seconds() -> io::Result<()> {
    for half in [&GET[..20], &PREFACE[..14], PREFACE] {
        let (mut client, served) = connect(Limits::default());
        sleep(Duration::from_secs(20)).await;
        client.write_all(half).await?;
        let seconds = seconds(served).await?;
        assert!((30..=31).contains(&seconds), "{seconds} for {half:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_ended_all_the_same() -> io::Result<()> {
    for drop in [b"G", b"P"] {
        let (mut client, served) = connect(Limits::default());
        let (seconds, ()) = tokio::join!(seconds(served), drip(&mut client, drop));
        assert!((30..=31).contains(&seconds?));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_later_head_has_thirty_seconds_from_its_first_byte() -> io::Result<()> {
    let (mut client, served) = connect(Limits::default());
    client.write_all(GET).await?;
    read_done(&mut client).await?;
    sleep(Duration::from_secs(60)).await;
    client.write_all(&GET[..20]).await?;
    let seconds = seconds(served).await?;
    assert!((90..=92).contains(&seconds), "{seconds}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_waited_for_and_an_idle_connection_is_closed() -> io::Result<()> {
    let (mut client, served) = connect(Limits::default());
    client
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    read_done(&mut client).await?;
    assert_eq!(client.read(&mut [0; 9]).await?, 0, "it is closed");
    let (ended, seconds) = served.await?;
    ended?;
    assert!((675..=677).contains(&seconds), "{seconds}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn unlimited_waits_for_ever() -> io::Result<()> {
    let (mut client, served) = connect(Limits::unlimited());
    sleep(Duration::from_secs(86_400)).await;
    client.write_all(&GET[..10]).await?;
    sleep(Duration::from_secs(86_400)).await;
    client.write_all(&GET[10..]).await?;
    read_done(&mut client).await?;
    sleep(Duration::from_secs(86_400)).await;
    assert!(!served.is_finished());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_all_of_its_reply() -> io::Result<()> {
    let (mut client, served) = connect(Limits {
        request: None,
        ..Limits::strict()
    });
    client
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let (mut read, mut piece) = (0, [0; 10_000]);
    while read < 200_000 {
        sleep(Duration::from_secs(20)).await;
        match client.read(&mut piece).await? {
            0 => return Err(io::Error::other(format!("cut after {read} bytes"))),
            more => read += more,
        }
    }
    drop(client);
    served.await?.0
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_let_go_if_there_is_a_limit() -> io::Result<()> {
    const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut client, served) = connect(Limits::strict());
    client.write_all(LARGE).await?;
    let seconds = seconds(served).await?;
    assert!((30..=32).contains(&seconds), "{seconds}");

    let (mut client, served) = connect(Limits::default());
    client.write_all(LARGE).await?;
    sleep(Duration::from_secs(3600)).await;
    assert!(!served.is_finished());
    Ok(())
}

const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_body_of_one_byte_a_second_is_a_408_if_there_is_a_rate() -> io::Result<()> {
    let (mut client, served) = connect(Limits::strict());
    client.write_all(UPLOAD).await?;
    let begun = Instant::now();
    let (mut reads, mut writes) = tokio::io::split(client);
    let mut head = [0; 12];
    tokio::select! {
        read = reads.read_exact(&mut head) => drop(read?),
        () = async { while writes.write_all(b"x").await.is_ok() { sleep(Duration::from_secs(1)).await } } => {}
    }
    assert_eq!(&head, b"HTTP/1.1 408");
    assert_eq!(begun.elapsed().as_secs(), 10);
    drop((reads, writes));
    let _ = served.await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_the_rate_is_read_however_long_it_takes() -> io::Result<()> {
    let (mut client, served) = connect(Limits {
        request: None,
        ..Limits::strict()
    });
    client.write_all(UPLOAD).await?;
    for _ in 0..100 {
        sleep(Duration::from_millis(1900)).await;
        client.write_all(&[b'x'; 1000]).await?;
    }
    let mut reply = String::new();
    client.read_to_string(&mut reply).await?;
    assert!(reply.ends_with("\r\n\r\n100000"), "{reply}");
    served.await?.0
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_a_504() -> io::Result<()> {
    let (mut client, served) = connect(Limits {
        idle: Some(Duration::from_secs(5)),
        request: Some(Duration::from_secs(40)),
        ..Limits::default()
    });
    let begun = Instant::now();
    client
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let mut head = [0; 12];
    client.read_exact(&mut head).await?;
    assert_eq!(&head, b"HTTP/1.1 504");
    assert_eq!(begun.elapsed().as_secs(), 40);
    client.read_to_end(&mut Vec::new()).await?;
    served.await?.0
}

/// A client that makes no room for a reply: hyper does not ask its body for anything then.
#[tokio::test(start_paused = true)]
async fn a_stream_without_room_is_ended_when_its_request_takes_too_long() -> io::Result<()> {
    let (mut client, served) = connect(Limits::strict());
    // SETTINGS with an initial window of 0, and `GET /large`.
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
    let headers = b"\0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x44\x06/large\x41\x01a";
    client.write_all(PREFACE).await?;
    client.write_all(settings).await?;
    client.write_all(headers).await?;
    let (mut reads, _writes) = tokio::io::split(client);
    tokio::spawn(async move { reads.read_to_end(&mut Vec::new()).await });
    let seconds = seconds(served).await?;
    assert!((62..=63).contains(&seconds), "{seconds}");
    Ok(())
}

/// A body that always has more to give is never waited for.
#[tokio::test(start_paused = true)]
async fn a_reply_that_has_begun_is_cut_when_its_request_takes_too_long() -> io::Result<()> {
    let (mut client, served) = connect(Limits::strict());
    client
        .write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let mut piece = [0; 10_000];
    while client.read(&mut piece).await.is_ok_and(|length| length > 0) {
        sleep(Duration::from_secs(1)).await;
    }
    let (ended, seconds) = served.await?;
    assert!(ended.is_err() && (60..=61).contains(&seconds), "{seconds}");
    Ok(())
}

/// Whatever it may ever wait for has its room there: what is large belongs into a box.
#[tokio::test]
async fn a_connection_s_task_is_small() -> io::Result<()> {
    let handler = anyhost_core::handler(|| async { "done" });
    let shared = Shared::new(Arc::new(handler), Options::default(), Arc::default());
    let (stream, _) = tokio::net::UnixStream::pair()?;
    let task = serve(Stream::Unix(stream), true, None, Arc::new(shared));
    assert!(size_of_val(&task) <= 1200, "{}", size_of_val(&task));
    Ok(())
}
