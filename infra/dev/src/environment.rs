//! The variables in the file `.env`.

use std::path::Path;

use crate::Error;

/// The name of the file, in the current folder.
pub(crate) const FILE: &str = ".env";

/// Reads the variables of a file. The variables of this process take precedence, so that a variable can be set for one
/// run. A missing file has no variables.
pub(crate) fn read(file: &Path) -> Result<Vec<(String, String)>, Error> {
    let variables = match dotenvy::from_path_iter(file) {
        Ok(variables) => variables,
        Err(error) if error.not_found() => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", file.display()).into()),
    };
    let mut unset = Vec::new();
    for variable in variables {
        let (name, value) = variable.map_err(|error| format!("{}: {error}", file.display()))?;
        if std::env::var_os(&name).is_none() {
            unset.push((name, value));
        }
    }
    Ok(unset)
}

/// The value of a variable of this process, or else of the file. An empty value counts as unset.
pub(crate) fn lookup(variables: &[(String, String)], name: &str) -> Option<String> {
    let of_file = || {
        let mut variables = variables.iter().rev();
        variables
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let value = std::env::var(name).ok().or_else(of_file);
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_process_override_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(
            &file,
            "# comment\nPATH=/x\nDEV_TEST_GREETING=\"hello world\"\n",
        )
        .unwrap();
        let variables = read(&file).unwrap();
        let expected = ("DEV_TEST_GREETING".to_owned(), "hello world".to_owned());
        assert_eq!(variables, [expected]);
        let greeting = lookup(&variables, "DEV_TEST_GREETING");
        assert_eq!(greeting.as_deref(), Some("hello world"));
    }

    #[test]
    fn a_missing_file_has_no_variables_and_an_invalid_file_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(read(&file).unwrap(), []);
        std::fs::write(&file, "no equals sign\n").unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains(".env: "), "{error}");
    }
}
