//! The options with which the standalone server responds as a Lambda event source would.

use std::path::PathBuf;

use anyhost_hyper::clap;

/// The simulated event source, and the configuration of its deployment.
#[derive(Debug, Default, clap::Args)]
// `about`: clap would use this documentation as the description of the command that includes the options.
#[command(about = None, long_about = None)]
pub(crate) struct FrontDoorOptions {
    /// Respond as this event source of AWS Lambda would, with its limits and its changes to requests and responses: rest-api, http-api, function-url, alb, …; the error message for an unknown name lists all names
    #[arg(long = "as", value_name = "SOURCE", value_parser = enabled::Source::parse)]
    source: Option<enabled::Source>,

    /// File with what an authorizer adds to each request: {"jwt": {"claims": {…}}}, {"lambda": {…}} or {"iam": {…}}
    #[arg(long, value_name = "FILE", requires = "source")]
    claims: Option<PathBuf>,

    /// Stage with which the paths begin, as at the API's own address; without it, the API has a custom domain
    #[arg(long, value_name = "NAME", requires = "source")]
    stage: Option<String>,
}

#[cfg(all(feature = "front-door", feature = "lambda"))]
mod enabled {
    use anyhost_core::IntoHandler;
    use anyhost_core::adapter::settings::InvalidSetting;
    use anyhost_lambda::front_door::{Claims, Client, Simulator};
    use anyhost_lambda::{Function, Mode};

    use super::FrontDoorOptions;

    /// An event source, and the mode of the function behind it.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Source {
        simulator: Simulator,
        mode: Mode,
    }

    impl Source {
        /// All sources with their names. The sources that can stream occur a second time, with a deployment and a
        /// function that stream.
        fn all() -> impl Iterator<Item = (String, Self)> {
            Simulator::all().flat_map(|simulator| {
                let buffered = (Mode::Buffer, "");
                let streams =
                    simulator.source().can_stream() && simulator == simulator.source().into();
                let streamed = streams.then_some((Mode::Stream, "-stream"));
                [Some(buffered), streamed]
                    .into_iter()
                    .flatten()
                    .map(move |(mode, suffix)| {
                        let name = format!("{}{suffix}", simulator.name());
                        (name, Self { simulator, mode })
                    })
            })
        }

        pub(super) fn parse(text: &str) -> Result<Self, String> {
            let found = Self::all().find(|(name, _)| name == text);
            found.map(|(_, source)| source).ok_or_else(|| {
                let names: Vec<_> = Self::all().map(|(name, _)| name).collect();
                format!("expected one of {}", names.join(", "))
            })
        }
    }

    /// A simulated event source without its handler.
    pub(crate) struct FrontDoor {
        source: Source,
        claims: Option<Claims>,
        stage: Option<String>,
        function: Function,
    }

    impl FrontDoorOptions {
        /// The simulated event source; `None` if the server responds as itself.
        ///
        /// # Errors
        /// When the file with the claims cannot be read or has another form, or the source has no such stage or
        /// authorizer.
        pub(crate) fn front_door(self) -> Result<Option<FrontDoor>, InvalidSetting> {
            let Some(source) = self.source else {
                return Ok(None);
            };
            let claims = self.claims.map(|path| {
                let name = path.display().to_string();
                let json = std::fs::read(&path).map_err(|error| {
                    InvalidSetting::new("--claims", &name, format!("a readable file ({error})"))
                })?;
                Claims::from_json(&json)
            });
            if let Some(stage) = &self.stage {
                let valid = !stage.is_empty() && !stage.contains('/');
                if !valid || !source.simulator.has_stages() {
                    let expected = match valid {
                        true => format!("no stage: the source {} has no stages", source.simulator),
                        false => "the name of a stage, without a slash".to_owned(),
                    };
                    return Err(InvalidSetting::new("--stage", stage, expected));
                }
            }
            let front_door = FrontDoor {
                source,
                claims: claims.transpose()?,
                stage: self.stage,
                function: Function::from_env()?.with_mode(source.mode),
            };
            // The handler does not exist yet. This call reports claims that the source does not support.
            front_door.client(|| ())?;
            Ok(Some(front_door))
        }
    }

    impl FrontDoor {
        pub(crate) fn log(&self) {
            let source = self.source.simulator;
            tracing::info!(%source, "simulating an event source of AWS Lambda");
        }

        /// Puts the event source in front of a handler.
        ///
        /// # Errors
        /// When the source has no such authorizer.
        pub(crate) fn client<K>(
            &self,
            handler: impl IntoHandler<K>,
        ) -> Result<Client, InvalidSetting> {
            let client = Client::new(self.source.simulator, handler);
            let client = client.with_function(self.function.clone());
            let client = match &self.stage {
                Some(stage) => client.with_stage(stage),
                None => client.with_custom_domain(),
            };
            match &self.claims {
                Some(claims) => client.with_claims(claims.clone()),
                None => Ok(client),
            }
        }
    }
}

#[cfg(not(all(feature = "front-door", feature = "lambda")))]
mod enabled {
    /// An event source in a program that cannot simulate one.
    #[derive(Clone, Copy, Debug)]
    pub(super) enum Source {}

    impl Source {
        pub(super) fn parse(_: &str) -> Result<Self, &'static str> {
            Err(
                "this program was built without the features `front-door` and `lambda` of the crate anyhost; \
                 start it with: cargo run --features anyhost/front-door -- --as SOURCE",
            )
        }
    }
}

#[cfg(all(test, not(all(feature = "front-door", feature = "lambda"))))]
mod tests {
    use super::enabled::Source;

    #[test]
    fn the_error_for_as_without_the_feature_front_door_shows_the_command_that_enables_it() {
        let error = Source::parse("rest-api").unwrap_err();
        assert!(
            error.contains("cargo run --features anyhost/front-door -- --as"),
            "{error}"
        );
    }
}
