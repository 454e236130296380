//! An API Gateway WebSocket API ("Integrating Backend Service" and "Quotas for configuring and running a WebSocket
//! API in API Gateway"). Each message is an event. Only the handshake has headers. Neither the handshake nor a
//! message has a method or a path, so the route key becomes the path.

use std::borrow::Cow;

use anyhost_core::adapter::path::encode_path;
#[cfg(feature = "lambda_http")]
use lambda_http::request::RequestContext;

use super::description::{
    API_GATEWAY_HEADER_LIMIT, BODY, ClientScheme, Description, HEADERS, HeaderForm, HttpForm, Path,
    Peer, Query, ResponseForm, Sign,
};
use super::json::{Json, NO_FIELD};
use super::read;
use crate::header_text::HeaderText;

pub(super) const DESCRIPTION: Description = Description {
    name: "WebSocket API",
    signs: &[&[Sign::Exists(&["requestContext", "connectionId"])]],
    method: &["httpMethod"],
    default_method: Some("POST"),
    path: Some(Path {
        field: &["requestContext", "routeKey"],
        read: path_of_route,
        may_hold_query: false,
        stage: NO_FIELD,
        full: NO_FIELD,
    }),
    query: Query {
        fields: &[
            &["multiValueQueryStringParameters"],
            &["queryStringParameters"],
        ],
        read: read::decoded_query_map,
    },
    protocol: &["requestContext", "protocol"],
    headers: HEADERS,
    header_text: HeaderText::Latin1,
    cookies: NO_FIELD,
    body: Some(BODY),
    peer: Peer::Field(&["requestContext", "identity", "sourceIp"]),
    scheme: ClientScheme::Https,
    response: ResponseForm::Http(HttpForm {
        headers: HeaderForm::MultiValue,
        status_description: false,
        decodes_base64: true,
    }),
    // The size limit of a message.
    response_limit: 128 * 1024,
    response_header_limit: API_GATEWAY_HEADER_LIMIT,
    can_stream: false,
    #[cfg(feature = "lambda_http")]
    request_context: |event| read::request_context(event).map(RequestContext::WebSocket),
    #[cfg(feature = "testing")]
    simulation: None,
};

fn path_of_route<'a>(route: &'a Json<'_>) -> Option<Cow<'a, str>> {
    let route = encode_path(route.text().unwrap_or("$default").as_bytes());
    Some(format!("/{route}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Source;
    use crate::event::tests::source;

    #[test]
    fn a_connection_id_in_the_request_context_identifies_a_websocket_api_event() {
        let event = r#"{"requestContext": {"connectionId": "x", "eventType": "MESSAGE"}}"#;
        assert_eq!(source(event), Some(Source::WebSocket));
    }

    #[test]
    fn the_route_key_is_the_path_and_a_missing_route_key_is_the_default_route() {
        let path = |route: &Json<'_>| path_of_route(route).map(Cow::into_owned);
        let route = Json::Text("send message".into());
        assert_eq!(path(&route).as_deref(), Some("/send%20message"));
        assert_eq!(path(&Json::Null).as_deref(), Some("/$default"));
    }
}
