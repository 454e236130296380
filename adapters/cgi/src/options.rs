//! The options of a [`Program`](crate::Program), and the variables that set them.

use std::time::Duration;

use anyhost_core::adapter::settings::InvalidSetting;

use crate::environment::Environment;

anyhost_core::settings! {
    /// The environment variables that configure a [`Program`](crate::Program).
    ///
    /// The configuration of the web server sets these variables (`SetEnv`, `fastcgi_param`,
    /// `setenv.add-environment`). Clients cannot set them, because servers put `HTTP_` (nginx-cgi: `X_`) in
    /// front of the names of request headers.
    pub struct ProgramOptions {
        /// The time after which the program ends. The response is 504, or is aborted if it has started. A
        /// handler that blocks its thread is killed about 4 seconds later.
        "ANYHOST_CGI_DEADLINE" deadline: Option<Duration> = "",
        /// `1`: the request body ends at the end of stdin, and the declared length is ignored.
        "ANYHOST_CGI_BODY_TO_END" body_to_end: bool = "0",
    }
}

/// How a program serves its request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) deadline: Option<Duration>,
    pub(crate) body_to_end: bool,
    pub(crate) nph: bool,
}

impl Options {
    pub(crate) fn of(environment: &Environment) -> Result<Self, InvalidSetting> {
        let settings = ProgramOptions::from_vars(|name| {
            let value = environment.bytes(name)?;
            Some(String::from_utf8_lossy(value).into_owned())
        })?;
        Ok(Self {
            deadline: settings.deadline,
            body_to_end: settings.body_to_end,
            nph: is_nph(environment),
        })
    }

    /// The options for the response to a failed start, which do not depend on the settings, because the settings may
    /// be invalid.
    pub(crate) fn for_failed_start(environment: &Environment) -> Self {
        Self {
            nph: is_nph(environment),
            ..Self::default()
        }
    }
}

/// Apache and other servers send the output of a program unchanged if the name of its file starts with `nph-`. RFC
/// 3875 §5 lets each server decide how it recognizes such programs. The servers below ignore the name: they parse a
/// `Status` header, and would send every NPH response with status 200.
fn is_nph(environment: &Environment) -> bool {
    // libfcgi, which fcgiwrap uses under any server, sets FCGI_ROLE.
    let by_fastcgi = environment.bytes("FCGI_ROLE").is_some();
    let software = environment.bytes("SERVER_SOFTWARE").unwrap_or_default();
    let parses_heads = [&b"nginx"[..], b"lighttpd", b"busybox"]
        .iter()
        .any(|name| software.starts_with(name));
    !by_fastcgi && !parses_heads && has_nph_name(environment)
}

fn has_nph_name(environment: &Environment) -> bool {
    let file = environment.bytes("SCRIPT_FILENAME");
    let file = file.or_else(|| environment.bytes("SCRIPT_NAME"));
    let name = file.unwrap_or_default().rsplit(|&b| b == b'/').next();
    name.is_some_and(|name| name.starts_with(b"nph-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str, value: &str) -> Result<Options, String> {
        let environment = Environment::new([(name, value)]);
        Options::of(&environment).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_set_deadline_and_body_to_end() {
        let deadline = |value| options("ANYHOST_CGI_DEADLINE", value).unwrap().deadline;
        assert_eq!(deadline("30"), Some(Duration::from_secs(30)));
        assert_eq!(deadline("30s"), Some(Duration::from_secs(30)));
        assert_eq!(deadline("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(deadline(""), None);
        let to_end = |value| {
            options("ANYHOST_CGI_BODY_TO_END", value)
                .unwrap()
                .body_to_end
        };
        assert!(to_end("1") && !to_end("0") && !to_end(""));
    }

    #[test]
    fn an_invalid_value_is_an_error_that_names_the_variable() {
        assert_eq!(
            options("ANYHOST_CGI_DEADLINE", "soon").unwrap_err(),
            r#"ANYHOST_CGI_DEADLINE: invalid value "soon", expected a duration such as 10s"#
        );
        assert_eq!(
            options("ANYHOST_CGI_BODY_TO_END", "yes").unwrap_err(),
            r#"ANYHOST_CGI_BODY_TO_END: invalid value "yes", expected 0 or 1"#
        );
    }

    #[test]
    fn a_file_name_that_starts_with_nph_sets_nph_unless_the_server_parses_heads() {
        let file = ("SCRIPT_FILENAME", "/usr/lib/cgi-bin/nph-app");
        let software = |name| [file, ("SERVER_SOFTWARE", name)];
        for (vars, nph) in [
            (&[file][..], true),
            (&software("Apache/2.4.62 (Debian)"), true),
            (&[("SCRIPT_NAME", "/nph-app")], true),
            (&[("SCRIPT_FILENAME", "/nph-app/app")], false),
            (&software("nginx/1.22.1"), false),
            (&software("lighttpd/1.4.69"), false),
            (&software("busybox httpd/1.35"), false),
            // fcgiwrap under Apache's mod_proxy_fcgi.
            (
                &[
                    file,
                    ("SERVER_SOFTWARE", "Apache/2.4.62"),
                    ("FCGI_ROLE", "RESPONDER"),
                ],
                false,
            ),
        ] {
            let environment = Environment::new(vars.iter().copied());
            assert_eq!(Options::of(&environment).unwrap().nph, nph, "{vars:?}");
        }
    }

    /// The table of variables in infra/cgi/README.md has one row for each setting, in order, with the same
    /// default.
    #[test]
    fn the_readme_lists_every_setting_with_its_default() {
        let readme = include_str!("../../../infra/cgi/README.md");
        let rows: Vec<Vec<&str>> = readme
            .lines()
            .filter(|line| line.starts_with("| `ANYHOST_CGI_"))
            .map(|line| {
                line.split('|')
                    .map(|cell| cell.trim().trim_matches('`'))
                    .collect()
            })
            .collect();
        let rows: Vec<_> = rows.iter().map(|row| (row[1], row[2])).collect();
        let settings: Vec<_> = ProgramOptions::SETTINGS
            .iter()
            .map(|setting| (setting.name, setting.default))
            .collect();
        assert_eq!(rows, settings);
    }
}
