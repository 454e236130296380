//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser};

/// Rebuilds and restarts an anyhost program on each change, without refusing a connection
#[derive(Debug, Parser)]
#[command(bin_name = "cargo anyhost-dev", version)]
pub(crate) struct Options {
    /// Port to listen on; the next free port if it is taken [default: the variable PORT, or 3000]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,

    /// Address to listen on [default: the variable HOST, or 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,

    #[command(flatten)]
    pub(crate) cargo: CargoOptions,

    /// Arguments of the program
    #[arg(last = true, value_name = "ARGUMENT")]
    pub(crate) program: Vec<OsString>,
}

/// Options that have the same meaning as those of `cargo run`.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of cargo")]
pub(crate) struct CargoOptions {
    /// Package with the program
    #[arg(short, long, value_name = "PACKAGE")]
    package: Option<String>,

    /// Name of the program
    #[arg(long, value_name = "NAME", conflicts_with = "example")]
    bin: Option<String>,

    /// Name of an example to run
    #[arg(long, value_name = "NAME")]
    example: Option<String>,

    /// Features to activate; can be repeated
    #[arg(short = 'F', long, value_name = "FEATURES")]
    features: Vec<String>,

    /// Activate all features
    #[arg(long)]
    all_features: bool,

    /// Do not activate the default features
    #[arg(long)]
    no_default_features: bool,

    /// Build with optimizations
    #[arg(short, long)]
    release: bool,
}

impl Options {
    /// Parses the command line of this process.
    pub(crate) fn parse() -> Self {
        Self::parse_from(without_subcommand(std::env::args_os()))
    }
}

/// Cargo passes the name of the subcommand as the first argument.
fn without_subcommand(args: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let is_subcommand = |index, arg: &OsString| index == 1 && arg == "anyhost-dev";
    args.enumerate()
        .filter(move |(index, arg)| !is_subcommand(*index, arg))
        .map(|(_, arg)| arg)
}

impl CargoOptions {
    /// The options as arguments of `cargo build`.
    pub(crate) fn to_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        for (name, value) in [
            ("--package", &self.package),
            ("--bin", &self.bin),
            ("--example", &self.example),
        ] {
            args.extend(value.iter().map(|value| format!("{name}={value}")));
        }
        let features = self.features.iter();
        args.extend(features.map(|features| format!("--features={features}")));
        for (name, is_set) in [
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
            ("--release", self.release),
        ] {
            args.extend(is_set.then(|| name.to_owned()));
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Options {
        let args = args.iter().map(OsString::from);
        Options::try_parse_from(without_subcommand(args)).unwrap()
    }

    #[test]
    fn options_of_cargo_are_passed_to_cargo_build() {
        let line = "x anyhost-dev -p app --example hello -F a,b -F c --no-default-features -r";
        let options = parse(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(
            options.cargo.to_args(),
            [
                "--package=app",
                "--example=hello",
                "--features=a,b",
                "--features=c",
                "--no-default-features",
                "--release"
            ]
        );
    }

    #[test]
    fn arguments_after_two_hyphens_belong_to_the_program() {
        let options = parse(&["x", "--port", "80", "--", "anyhost-dev", "--drain=1s"]);
        assert_eq!(options.port, Some(80));
        assert_eq!(options.program, ["anyhost-dev", "--drain=1s"]);
    }
}
