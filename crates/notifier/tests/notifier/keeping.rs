//! What people do with many messages, through the notifier's own door.

use notifier::view::{Bulk, ExportFormat, MessageQuery, Which};

use crate::{
    fixtures::Server,
    sites::{SiteMessages, told},
    support::{Bell, Desk, feed},
};

/// A site whose likes are one burst, and a notifier that listens.
async fn likes() -> (Server<SiteMessages>, Desk, Bell) {
    let server = Server::start(SiteMessages::resuming()).await;
    let settings = feed("letters", &server.url("/push?uid=1"), "likes");
    let desk = Desk::new(&format!("{settings}[[feed.rule]]\ngroup = \"post\"\n"));
    let mut bell = desk.start().await;
    bell.live("letters").await;
    (server, desk, bell)
}

fn folded() -> MessageQuery {
    MessageQuery {
        fold: true,
        ..MessageQuery::default()
    }
}

#[tokio::test]
async fn a_burst_is_one_row_one_line_in_the_tray_and_done_at_once() {
    let (server, desk, mut bell) = likes().await;
    server.tell("a").await;
    let first = bell.show().await;
    server.tell("b").await;
    let second = bell.show().await;
    server.tell("c").await;
    let rows = bell.until_last(&told("c")).await;
    let row = bell.query(folded()).await.remove(0);
    assert_eq!((row.count, row.id), (3, rows[2].id));
    assert!(row.title.starts_with("3 messages: "), "{}", row.title);
    let latest = bell.app().await.latest;
    assert_eq!((latest.len(), &latest[0].title), (1, &row.title));

    let whole = Which {
        ids: vec![row.id],
        bursts: true,
    };
    bell.handle.done(whole.clone(), true).await.unwrap();
    assert_eq!(bell.withdrawal().await, first.key);
    assert_eq!(first.key, second.key);
    let app = bell.app().await;
    assert_eq!((app.unread, app.latest.len()), (0, 0));
    bell.handle.done(whole, false).await.unwrap();
    assert_eq!(bell.app().await.unread, 3);
    bell.stop().await;
    drop(desk);
}

#[tokio::test]
async fn a_bulk_takes_pop_ups_away_and_is_taken_back_as_a_whole() {
    let (server, _desk, mut bell) = likes().await;
    for text in ["a", "b", "c"] {
        server.tell(text).await;
    }
    let rows = bell.until_last(&told("c")).await;
    let shown = bell.show().await;
    bell.handle.mark_read(vec![rows[0].id], true).await.unwrap();
    let done = bell.handle.bulk(folded(), Bulk::Read).await.unwrap();
    assert_eq!(done.count, 2);
    assert_eq!(bell.withdrawal().await, shown.key);
    assert_eq!(bell.app().await.unread, 0);
    let deleted = bell.handle.bulk(folded(), Bulk::Delete).await.unwrap();
    assert_eq!((deleted.count, bell.rows().await.len()), (3, 0));
    assert!(deleted.at > done.at);
    bell.handle.undo_bulk(deleted).await.unwrap();
    bell.handle.undo_bulk(done).await.unwrap();
    assert_eq!((bell.app().await.unread, bell.rows().await.len()), (2, 3));
    bell.stop().await;
}

#[tokio::test]
async fn facets_exports_and_the_ledger_tell_what_is_there() {
    let (server, desk, mut bell) = likes().await;
    server.tell("a").await;
    let id = bell.show().await.ids[0];
    let rows = bell.until_last(&told("a")).await;
    let facets = bell.handle.facets(vec!["letters".into()]).await.unwrap();
    assert_eq!(facets.events, [rows[0].event.clone()]);
    assert!(
        bell.handle
            .facets(vec!["x".into()])
            .await
            .unwrap()
            .events
            .is_empty()
    );

    bell.handle.open(Some(id), None).await.unwrap();
    let message = bell.handle.message(id).await.unwrap().unwrap();
    let last = message.ledger.last().unwrap();
    assert_eq!(last.text.id, "ledger-opened");

    let folder = desk.data();
    let query = MessageQuery::default();
    let export = bell
        .handle
        .export_messages(query.clone(), ExportFormat::Json, folder);
    let exported = export.await.unwrap();
    let text = std::fs::read_to_string(&exported.path).unwrap();
    assert_eq!(exported.count, 1);
    assert!(text.contains(&told("a")), "{text}");
    let refused = bell
        .handle
        .export_messages(query, ExportFormat::Csv, desk.path("none"))
        .await
        .unwrap_err();
    assert_eq!(refused.text.id, "refused-export");
    bell.stop().await;
}
