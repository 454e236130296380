//! The parts that the fuzz targets share: the text form of their inputs, a handler that records its request, and the
//! rules that every request and every response obeys.
//!
//! A panic anywhere in the process is a finding, even if the code under test catches it: libFuzzer's panic hook
//! aborts the process. Therefore a target can assert inside of a handler.

mod check;
mod message;
mod recorder;
mod server;

use std::cell::RefCell;

pub use check::{check_admitted, check_response, split_output};
pub use message::Message;
pub use recorder::{Recorder, Seen, read_body};
pub use server::TestServer;

/// Runs a future on a runtime with one thread, which all inputs share.
pub fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        );
    }
    RUNTIME.with(|runtime| runtime.borrow().block_on(future))
}
