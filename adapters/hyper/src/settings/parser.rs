//! Parses the values of settings for clap, with the error messages that settings have on every host.

use std::ffi::OsStr;
use std::marker::PhantomData;

use anyhost_core::adapter::settings::{InvalidSetting, SettingValue};
use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, Command, Error};

/// Parses values of type `T`.
pub(super) struct SettingParser<T>(PhantomData<fn() -> T>);

/// The parser for `#[arg(value_parser = setting::<T>())]`.
pub(super) fn setting<T>() -> SettingParser<T> {
    SettingParser(PhantomData)
}

impl<T> Clone for SettingParser<T> {
    fn clone(&self) -> Self {
        setting()
    }
}

impl<T> TypedValueParser for SettingParser<T>
where
    T: SettingValue + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        self.parse_ref_(cmd, arg, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        _: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<T, Error> {
        let parsed = value.to_str().and_then(T::parse_setting);
        parsed.ok_or_else(|| error(arg, value, source, T::EXPECTED))
    }
}

/// The message of clap would be `invalid value 'abc' for '--drain <DURATION>'`, even if the value comes from a
/// variable. This error names the variable.
fn error(arg: Option<&Arg>, value: &OsStr, source: ValueSource, expected: &str) -> Error {
    let variable = arg.and_then(Arg::get_env).map(OsStr::to_string_lossy);
    let name = match variable {
        Some(variable) if source == ValueSource::EnvVariable => variable.into_owned(),
        _ => flag(arg),
    };
    let value = value.to_string_lossy().into_owned();
    let setting = InvalidSetting::new(name.clone(), value.clone(), expected);
    let mut error = Error::raw(ErrorKind::ValueValidation, format!("{setting}\n"));
    error.insert(ContextKind::InvalidArg, ContextValue::String(name));
    error.insert(ContextKind::InvalidValue, ContextValue::String(value));
    error.insert(
        ContextKind::Custom,
        ContextValue::String(expected.to_owned()),
    );
    error
}

fn flag(arg: Option<&Arg>) -> String {
    let long = arg.and_then(Arg::get_long);
    long.map_or_else(|| "command line".to_owned(), |long| format!("--{long}"))
}

/// The setting that a clap error is about, if the error is an invalid value of [`ServerOptions`](crate::ServerOptions)
/// or [`ListenOptions`](crate::ListenOptions). The setting's name is the variable, or the flag including `--`.
///
/// A program that flattens these options into its command can use this function to exit with different statuses for an
/// invalid command line and an invalid environment.
pub fn invalid_setting(error: &Error) -> Option<InvalidSetting> {
    invalid_setting_with_name(error, |name| name)
}

/// Like [`invalid_setting`], but `rename` changes the name of the setting.
pub(super) fn invalid_setting_with_name(
    error: &Error,
    rename: impl FnOnce(String) -> String,
) -> Option<InvalidSetting> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    Some(InvalidSetting::new(
        rename(text(ContextKind::InvalidArg)?),
        text(ContextKind::InvalidValue)?,
        text(ContextKind::Custom)?,
    ))
}
