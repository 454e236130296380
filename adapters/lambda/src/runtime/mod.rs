//! The Lambda Runtime API ("Using the Lambda runtime API for custom runtimes").
//!
//! `lambda_runtime` has a loop for it as well. It is not used, because it ends the process on a reply
//! header that is no UTF-8, on a client context that is no JSON (which whoever calls Invoke controls) and
//! on a failed poll, and forgets a reply that the API refused.

mod client;
mod connection;
mod endpoint;

pub(crate) use client::{Client, Next};
pub(crate) use endpoint::Endpoint;
