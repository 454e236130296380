//! Uploads of HTML forms: `multipart/form-data` (RFC 7578), read part by part.
//!
//! ```
//! use std::io::Write;
//!
//! use anyhost_core::multipart::MultipartLimits;
//! use anyhost_core::{Error, Request, RequestExt, Result};
//!
//! async fn upload(mut request: Request) -> Result<String> {
//!     let limits = MultipartLimits::new().with_total("20mb")?;
//!     let mut parts = request.multipart(limits)?;
//!     let (mut title, mut length) = (String::new(), 0);
//!     while let Some(mut part) = parts.next_part().await? {
//!         match part.name() {
//!             "title" => title = part.text_limit("1kb").await?,
//!             // The chunks arrive one after the other. A handler can write them to a file.
//!             "file" => while let Some(chunk) = part.chunk().await? {
//!                 length += chunk.len();
//!             },
//!             _ => return Err(Error::new(400, "Unknown field")),
//!         }
//!     }
//!     Ok(format!("{title}: {length} bytes"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! # #[cfg(feature = "testing")] {
//! let client = anyhost_core::testing::Client::new(upload);
//! let body = "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nNotes\r\n\
//!             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nabc\r\n--b--\r\n";
//! let request = client.post("/").header("content-type", "multipart/form-data; boundary=b");
//! assert_eq!(request.body(body).await.text().await?, "Notes: 3 bytes");
//! # }
//! # Ok(()) }
//! ```

mod chunks;
mod error;
mod file_name;
mod limits;
mod part;
mod parts;

pub use limits::MultipartLimits;
pub use part::Part;
pub use parts::Multipart;
