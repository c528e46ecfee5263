//! One publish, as the hub gets it.

use feed::{HubAddress, Publication, PublishError, Trouble, publish};
use serde_json::{Value, json};
use url::Url;

use crate::support::{Server, still};

fn hello() -> Publication {
    Publication {
        data: "hello".into(),
        ..Publication::default()
    }
}

fn at(url: Url, token: Option<&str>) -> HubAddress {
    HubAddress {
        token: token.map(str::to_owned),
        ..HubAddress::new(url)
    }
}

async fn answered(
    status: &str,
    body: &str,
    token: Option<&str>,
    publication: &Publication,
) -> (Result<String, PublishError>, Option<String>, Value) {
    let server = Server::start().await;
    let at = at(server.url("/base/"), token);
    let serve = async {
        let mut peer = server.accept().await;
        assert_eq!(peer.path(), "/base/publish");
        assert_eq!(peer.header("content-type"), Some("application/json"));
        let token = peer.header("authorization").map(str::to_owned);
        let sent = serde_json::from_slice(&peer.body().await).unwrap();
        peer.answer(status, "Content-Type: application/json\r\n", body)
            .await;
        (token, sent)
    };
    let (result, (token, sent)) = tokio::join!(publish(&at, publication), serve);
    (result, token, sent)
}

#[test]
fn a_publication_is_sent_and_its_position_returned() {
    still(async {
        let stored = r#"{"id":"e1.5"}"#;
        let (result, token, sent) = answered("200 OK", stored, None, &hello()).await;
        assert_eq!(result, Ok("e1.5".into()));
        assert_eq!(token, None);
        assert_eq!(sent, json!({"data": "hello"}));

        let everything = Publication {
            uids: vec!["1".into(), "2".into()],
            topic: Some("t".into()),
            event: Some("like".into()),
            id: Some("mine".into()),
            ttl: Some(60),
            ..hello()
        };
        let (_, token, sent) = answered("200 OK", stored, Some("s"), &everything).await;
        assert_eq!(token.as_deref(), Some("Bearer s"));
        let expected = json!({
            "uids": ["1", "2"], "topic": "t", "event": "like",
            "data": "hello", "id": "mine", "ttl": 60,
        });
        assert_eq!(sent, expected);
    });
}

#[test]
fn a_refusal_keeps_the_hubs_own_sentence() {
    still(async {
        for (body, expected) in [
            (
                r#"{"error":"A token is required.","code":1}"#,
                "A token is required.",
            ),
            ("A token is required.\n", "A token is required."),
            ("<html><h1>403</h1></html>", ""),
            ("", ""),
        ] {
            let (result, ..) = answered("403 Forbidden", body, None, &hello()).await;
            let sentence = expected.to_owned();
            assert_eq!(
                result,
                Err(PublishError::Refused {
                    status: 403,
                    sentence
                })
            );
        }
    });
}

#[test]
fn what_is_no_hub_is_said_to_be_none() {
    still(async {
        let (result, ..) = answered("200 OK", "<html>", None, &hello()).await;
        assert!(matches!(result, Err(PublishError::NotAHub { .. })));
    });
}

#[test]
fn an_address_where_nobody_listens_is_named() {
    still(async {
        let server = Server::start().await;
        let url = server.url("/");
        let address = server.origin().replace("http://", "");
        drop(server);
        let why = Trouble::Refused {
            host: address.clone(),
        };
        let expected = PublishError::Unreachable { address, why };
        assert_eq!(
            publish(&at(url.clone(), None), &hello()).await,
            Err(expected)
        );
    });
}

#[test]
fn a_connection_that_breaks_leaves_it_open() {
    still(async {
        let server = Server::start().await;
        let url = server.url("/");
        let publication = hello();
        let breaks = async { drop(server.accept().await) };
        let at = at(url, None);
        let (result, ()) = tokio::join!(publish(&at, &publication), breaks);
        assert!(
            matches!(result, Err(PublishError::Unanswered { .. })),
            "{result:?}"
        );
    });
}

#[test]
fn a_token_that_no_header_can_carry_is_refused_before_anything_is_sent() {
    still(async {
        let server = Server::start().await;
        let result = publish(&at(server.url("/"), Some("a\nb")), &hello()).await;
        assert!(matches!(result, Err(PublishError::BadRequest { .. })));
    });
}
