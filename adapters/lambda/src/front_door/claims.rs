//! What an authorizer adds to the events of a source.

use anyhost_core::adapter::settings::InvalidSetting;
use serde_json::{Map, Value};

/// The result of an authorizer, which a simulated source adds to each event.
///
/// [`from_json`](Self::from_json) reads an object with one of these keys, in the form in which an HTTP API writes them:
///
/// | key | authorizer | value |
/// |---|---|---|
/// | `jwt` | a JWT or Amazon Cognito authorizer | `{"claims": {"sub": "42"}, "scopes": ["read"]}`; `scopes` is optional |
/// | `lambda` | a Lambda authorizer | the context that the authorizer returned, such as `{"principalId": "ada", "plan": "free"}` |
/// | `iam` | AWS IAM | the caller, with the keys `accessKey`, `accountId`, `callerId`, `principalOrgId`, `userArn` and `userId`; all are optional |
///
/// Each source writes the values in its own form and place: HTTP APIs and Function URLs to `authorizer` in the event's
/// `requestContext`, REST APIs to `authorizer` or `identity`, VPC Lattice to `identity`. API Gateway converts the
/// values of claims to strings. A REST API does the same with the values of a Lambda authorizer.
///
/// ```
/// use anyhost_lambda::front_door::Claims;
///
/// assert!(Claims::from_json(br#"{"jwt": {"claims": {"sub": "42"}}}"#).is_ok());
/// let error = Claims::from_json(br#"{"sub": "42"}"#).unwrap_err();
/// assert!(error.to_string().contains("jwt, lambda or iam"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Jwt {
        claims: Map<String, Value>,
        scopes: Value,
    },
    Lambda(Map<String, Value>),
    Iam(Map<String, Value>),
}

const EXPECTED: &str = "a JSON object with one of the keys jwt, lambda or iam, such as {\"jwt\": {\"claims\": {\"sub\": \"42\"}}}";

impl Claims {
    /// Reads the claims from JSON.
    ///
    /// # Errors
    /// When the text is not JSON, or has another form.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidSetting> {
        let invalid = |expected: String| {
            let text = String::from_utf8_lossy(json);
            let start: String = text.trim().chars().take(60).collect();
            InvalidSetting::new("claims", start, expected)
        };
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| invalid(format!("{EXPECTED} (invalid JSON: {error})")))?;
        Self::from_value(value).ok_or_else(|| invalid(EXPECTED.to_owned()))
    }

    /// The key of the claims.
    pub(super) fn kind(&self) -> &'static str {
        match self.0 {
            Kind::Jwt { .. } => "jwt",
            Kind::Lambda(_) => "lambda",
            Kind::Iam(_) => "iam",
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        let Value::Object(object) = value else {
            return None;
        };
        let mut entries = object.into_iter();
        let (Some((key, Value::Object(mut value))), None) = (entries.next(), entries.next()) else {
            return None;
        };
        Some(Self(match &*key {
            "jwt" => {
                let Some(Value::Object(claims)) = value.remove("claims") else {
                    return None;
                };
                let scopes = value.remove("scopes").unwrap_or_default();
                Kind::Jwt { claims, scopes }
            }
            "lambda" => Kind::Lambda(value),
            "iam" => Kind::Iam(value),
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_another_form_are_an_error_that_shows_the_accepted_form() {
        for json in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"sub": "42"}"#,
            r#"{"jwt": {}}"#,
            r#"{"jwt": {"sub": "42"}}"#,
            r#"{"jwt": {"claims": {}}, "iam": {}}"#,
            r#"{"lambda": "ada"}"#,
            "\u{0}",
        ] {
            let error = Claims::from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("keys jwt, lambda or iam"), "{json}: {error}");
        }
    }
}
