//! The configuration of a simulated source: the address of an API, and its authorizer.

use std::borrow::Cow;

use http::StatusCode;

use super::claims::Claims;
use crate::event::Simulation;

/// What differs between two deployments of the same source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deployment {
    pub(super) address: Address,
    pub(super) claims: Option<Claims>,
}

/// The address at which clients reach an API.
#[derive(Clone, Debug, Default)]
pub(super) enum Address {
    /// The API's own address, but the paths of requests omit the stage.
    #[default]
    WithoutStage,
    /// The API's own address, with this stage at the start of each path.
    Stage(String),
    /// A custom domain that is mapped to the API.
    CustomDomain,
}

/// The stage of an API, and the forms of a path in its events.
pub(super) struct Staged<'a> {
    pub(super) stage: Cow<'a, str>,
    /// The path without the stage.
    pub(super) path: Cow<'a, str>,
    /// The path as the client sent it.
    pub(super) full_path: Cow<'a, str>,
}

impl Deployment {
    /// Divides a path into the stage and the rest.
    ///
    /// # Errors
    /// Returns the status that the source sends for an unknown stage.
    pub(super) fn staged<'a>(
        &'a self,
        simulation: &Simulation,
        path: &'a str,
    ) -> Result<Staged<'a>, StatusCode> {
        let Some(api) = &simulation.stages else {
            return Ok(Staged {
                stage: "".into(),
                path: path.into(),
                full_path: path.into(),
            });
        };
        let (stage, path, full_path) = match &self.address {
            Address::CustomDomain => (Cow::from(api.default), path, Cow::from(path)),
            Address::WithoutStage if api.in_path => {
                let full_path = format!("/{}{path}", api.default);
                (api.default.into(), path, full_path.into())
            }
            Address::WithoutStage => (api.default.into(), path, path.into()),
            Address::Stage(stage) => {
                let rest = path
                    .strip_prefix('/')
                    .and_then(|rest| rest.strip_prefix(&**stage));
                let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
                let Some(rest) = rest else {
                    return Err(api.unknown);
                };
                let rest = if rest.is_empty() { "/" } else { rest };
                (Cow::from(&**stage), rest, Cow::from(path))
            }
        };
        Ok(Staged {
            stage,
            path: path.into(),
            full_path,
        })
    }
}
