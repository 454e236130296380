//! The Lambda Runtime API ("Using the Lambda runtime API for custom runtimes").
//!
//! The crate `lambda_runtime` has a client as well. This crate does not use that client, because that client ends the
//! process on a response header that is not valid UTF-8, on a client context that is not JSON (which the caller of
//! Invoke controls) and on a failed poll, and because it ignores that the API rejected a response.

mod client;
mod connection;
mod endpoint;
pub(crate) mod extension;
mod failure;
mod invocation_id;
mod metadata;
pub(crate) mod snapstart;

pub(crate) use client::{Client, ERROR_BODY, ERROR_TYPE};
pub(crate) use connection::StreamingBody;
pub(crate) use endpoint::Endpoint;
pub(crate) use failure::Failure;
pub(crate) use invocation_id::InvocationId;
pub(crate) use metadata::Metadata;

#[cfg(test)]
pub(crate) mod raw_api;
