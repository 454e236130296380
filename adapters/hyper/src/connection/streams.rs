//! The open streams of an HTTP/2 connection, read from its frames.
//!
//! hyper drops a response body once h2 has its last chunk. h2 can keep that chunk for as long as the client gives it no
//! flow-control window, and neither crate reports when the chunk is written. The written frames show this (RFC 9113
//! §4.1, §5.1).

use std::collections::BTreeSet;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The streams whose responses were not written to their end.
#[derive(Debug)]
pub(super) struct Streams {
    received: Frames,
    written: Frames,
    open: BTreeSet<u32>,
    /// The largest number of a stream that the client has opened.
    last: u32,
    /// The largest number of a stream that is served: the stream in the last GOAWAY (RFC 9113 §6.8).
    limit: u32,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self {
            received: Frames::default(),
            written: Frames::default(),
            open: BTreeSet::new(),
            last: 0,
            limit: u32::MAX,
        }
    }

    /// Processes bytes that the client sent after its connection preface.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        let (open, last, limit) = (&mut self.open, &mut self.last, self.limit);
        self.received.parse(bytes, |frame| match frame.kind {
            // HEADERS with a larger stream number open a stream. HEADERS of an open stream are trailers.
            HEADERS | CONTINUATION if frame.flags & END_HEADERS != 0 && frame.stream > *last => {
                *last = frame.stream;
                if frame.stream <= limit {
                    open.insert(frame.stream);
                }
            }
            RST_STREAM => drop(open.remove(&frame.stream)),
            _ => {}
        });
    }

    /// Processes bytes that were written. Returns true if they contain a part of a response body.
    pub(super) fn written(&mut self, bytes: &[u8]) -> bool {
        let (open, limit) = (&mut self.open, &mut self.limit);
        let mut data = self.written.skip_is_data();
        self.written.parse(bytes, |frame| match frame.kind {
            DATA | HEADERS => {
                data |= frame.kind == DATA;
                if frame.flags & END_STREAM != 0 {
                    open.remove(&frame.stream);
                }
            }
            RST_STREAM => drop(open.remove(&frame.stream)),
            GOAWAY => {
                *limit = frame.last_stream;
                open.retain(|stream| *stream <= frame.last_stream);
            }
            _ => {}
        });
        data || self.written.skip_is_data()
    }

    pub(super) fn open(&self) -> usize {
        self.open.len()
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    /// Set for GOAWAY only.
    last_stream: u32,
}

/// Reads the heads of frames, and skips their payloads.
#[derive(Debug, Default)]
struct Frames {
    /// The head of a frame, and the first four bytes of the payload of GOAWAY.
    head: [u8; 13],
    length: usize,
    /// The bytes of the payload that are still to come.
    skip: usize,
    skipped: Option<(u8, u8, u32)>,
}

impl Frames {
    fn skip_is_data(&self) -> bool {
        self.skip > 0 && self.head[3] == DATA
    }

    /// Calls `frame` for each frame that ends in `bytes`.
    fn parse(&mut self, mut bytes: &[u8], mut frame: impl FnMut(Frame)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if self.skip > 0 {
                return;
            }
            if let Some((kind, flags, stream)) = self.skipped.take() {
                let last_stream = u32_at(&self.head, 9) & 0x7fff_ffff;
                self.length = 0;
                frame(Frame {
                    kind,
                    flags,
                    stream,
                    last_stream,
                });
            }
            let wanted = match self.length >= 9 && self.head[3] == GOAWAY {
                true => 13,
                false => 9,
            };
            let taken = (wanted - self.length).min(bytes.len());
            self.head[self.length..self.length + taken].copy_from_slice(&bytes[..taken]);
            self.length += taken;
            bytes = &bytes[taken..];
            if self.length < wanted {
                return;
            }
            if wanted == 9 && self.head[3] == GOAWAY {
                continue;
            }
            let payload = (u32_at(&self.head, 0) >> 8) as usize;
            self.skip = payload.saturating_sub(wanted - 9);
            let stream = u32_at(&self.head, 5) & 0x7fff_ffff;
            self.skipped = Some((self.head[3], self.head[4], stream));
        }
    }
}

fn u32_at(bytes: &[u8; 13], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn opened(streams: &[u32]) -> Streams {
        let mut all = Streams::new();
        for stream in streams {
            all.received(&frame(HEADERS, END_HEADERS | END_STREAM, *stream, b"head"));
        }
        all
    }

    #[test]
    fn a_stream_is_open_until_its_last_byte_was_written() {
        let response = [
            frame(HEADERS, END_HEADERS, 1, b"head"),
            frame(DATA, 0, 1, &[0; 300]),
            frame(4, 0, 0, b""),
            frame(DATA, END_STREAM, 1, b"end"),
        ]
        .concat();
        for part in [1, 2, 8, 9, 10, 100] {
            let mut streams = opened(&[1]);
            let (last, rest) = response.split_last().unwrap();
            for bytes in rest.chunks(part) {
                streams.written(bytes);
                assert_eq!(streams.open(), 1);
            }
            assert!(
                streams.written(&[*last]),
                "the last byte was not recognized as a part of a body"
            );
            assert_eq!(streams.open(), 0);
        }
    }

    #[test]
    fn a_reset_from_either_side_closes_a_stream() {
        let mut streams = opened(&[1, 3, 5]);
        streams.received(&frame(RST_STREAM, 0, 3, &[0; 4]));
        streams.written(&frame(RST_STREAM, 0, 1, &[0; 4]));
        assert_eq!(streams.open(), 1);
        // A late reset and trailers do not open a stream.
        streams.received(&frame(RST_STREAM, 0, 1, &[0; 4]));
        streams.received(&frame(HEADERS, END_HEADERS | END_STREAM, 1, b""));
        assert_eq!(streams.open(), 1);
    }

    #[test]
    fn a_stream_opens_once_its_head_is_complete() {
        let mut streams = Streams::new();
        streams.received(&frame(HEADERS, END_STREAM, 1, b"a"));
        assert_eq!(streams.open(), 0);
        streams.received(&frame(CONTINUATION, END_HEADERS, 1, b"b"));
        assert_eq!(streams.open(), 1);
    }

    #[test]
    fn streams_above_the_last_stream_id_of_a_goaway_do_not_count_as_open() {
        let mut streams = opened(&[1, 3, 5]);
        streams.written(&frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0, b'x']));
        assert_eq!(streams.open(), 2);
        streams.received(&frame(HEADERS, END_HEADERS, 7, b""));
        assert_eq!(streams.open(), 2);
    }

    #[test]
    fn ping_and_settings_frames_do_not_count_as_parts_of_a_response_body() {
        let mut streams = opened(&[1]);
        assert!(!streams.written(&frame(6, 1, 0, &[0; 8])));
        assert!(!streams.written(&frame(4, 1, 0, b"")));
        let data = frame(DATA, 0, 1, &[0; 8]);
        for part in [&data[..12], &data[12..14], &data[14..]] {
            assert!(streams.written(part));
        }
    }
}
