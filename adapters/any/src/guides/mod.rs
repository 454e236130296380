//! Guides, one for each task. They exist only in the documentation.

// A guide is a Markdown file in this folder. rustdoc shows its first paragraph in the list of modules. Its code is
// compiled with the documentation tests, and can use the dev-dependencies of this crate. A guide that needs a feature
// which is off by default is in the documentation without that feature, but its code is not tested.

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("coming_from_micro.md")]
pub mod coming_from_micro {}

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("coming_from_axum.md")]
pub mod coming_from_axum {}

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("state.md")]
pub mod state {}

#[cfg(any(not(doctest), feature = "lambda_http"))]
#[doc = include_str!("coming_from_lambda_http.md")]
pub mod coming_from_lambda_http {}

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("errors.md")]
pub mod errors {}

#[cfg(any(not(doctest), all(feature = "testing", feature = "tower")))]
#[doc = include_str!("middleware.md")]
pub mod middleware {}

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("validation.md")]
pub mod validation {}

#[cfg(any(
    not(doctest),
    all(feature = "testing", feature = "http", feature = "websocket")
))]
#[doc = include_str!("streaming.md")]
pub mod streaming {}

#[cfg(any(not(doctest), all(feature = "testing", feature = "multipart")))]
#[doc = include_str!("uploads.md")]
pub mod uploads {}

#[cfg(any(not(doctest), all(feature = "testing", feature = "cookies")))]
#[doc = include_str!("authentication.md")]
pub mod authentication {}

#[doc = include_str!("development.md")]
pub mod development {}

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("coming_from_express.md")]
pub mod coming_from_express {}

#[cfg(any(not(doctest), feature = "testing"))]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("deployment.md")]
pub mod deployment {}

// The first file defines the names of the figures for rustdoc: the figures themselves, because documentation cannot refer to files
// beside it. The definitions at the end of the second file, which refer to the files of the figures, are for other viewers; if a name
// is defined twice, the first definition applies.
#[doc = include_str!("costs/embedded.md")]
#[doc = include_str!("costs.md")]
pub mod costs {}
