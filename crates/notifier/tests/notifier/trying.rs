//! The newcomer's way: `--try`, "Try it now", and the hub's switch.

use notifier::view::{FeedState, HubForm, HubState, RuleForm, SendForm};
use tokio::net::TcpListener;

use crate::{
    fixtures::Server,
    sites::{SiteMessages, told},
    support::{Bell, Desk, feed, find, form, to_user},
};

const TRY: &str = "try";

async fn switch(bell: &Bell, on: bool) {
    let hub = bell.handle.settings().await.unwrap().hub;
    bell.handle.save_hub(HubForm { on, ..hub }).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_replaced_by_a_free_one_and_the_like_arrives() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let desk = Desk::new(&format!("[hub]\nlisten = \"{listen}\"\n"));
    let mut bell = desk.start_trying().await;
    bell.live(TRY).await;
    let url = bell.hub_url().await;
    let app = bell.app().await;
    assert_ne!(url, format!("http://{listen}"));
    assert_eq!(find(&app, TRY).unwrap().address, format!("{url}/events"));
    bell.handle.try_it().await.unwrap();
    assert_eq!(bell.show().await.title, "Ada liked “Hello, Feedbell”");
    assert!(
        !desk.read_settings().contains("[[feed]]"),
        "trying leaves no trace"
    );
    bell.stop().await;
}

#[tokio::test]
async fn the_switch_means_what_is_seen() {
    let desk = Desk::new("[hub]\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start_trying().await;
    bell.live(TRY).await;
    assert!(bell.handle.settings().await.unwrap().hub.on);
    switch(&bell, false).await;
    let app = bell.app().await;
    assert_eq!(app.hub.state, HubState::Off);
    assert!(!bell.handle.settings().await.unwrap().hub.on);
    switch(&bell, true).await;
    bell.live(TRY).await;
    bell.stop().await;
}

#[tokio::test]
async fn trying_it_follows_the_hub_when_it_moved() {
    let desk = Desk::new("[hub]\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start().await;
    bell.handle.try_it().await.unwrap();
    bell.show().await;
    bell.stop().await;

    // Another start is another port here, as if `listen` had changed.
    let mut bell = desk.start().await;
    bell.handle.try_it().await.unwrap();
    bell.show().await;
    let url = bell.hub_url().await;
    let app = bell.app().await;
    assert_eq!(find(&app, TRY).unwrap().address, format!("{url}/events"));
    assert_eq!(bell.rows().await.len(), 2);
    bell.stop().await;
}

#[tokio::test]
async fn a_hub_with_a_token_can_be_tried_too() {
    let desk = Desk::new("[hub]\nlisten = \"127.0.0.1:0\"\ntoken = \"tk-1\"\n");
    let mut bell = desk.start_trying().await;
    bell.live(TRY).await;
    let HubState::Running { curl, receive, .. } = bell.app().await.hub.state else {
        panic!("the hub runs")
    };
    assert!(curl.contains("Authorization: Bearer $TOKEN"), "{curl}");
    assert!(receive.contains("&token=TOKEN"), "{receive}");
    assert!(!curl.contains("tk-1") && !receive.contains("tk-1"));
    bell.stop().await;
}

#[tokio::test]
async fn an_edit_by_hand_just_before_a_form_is_followed_as_well() {
    let desk = Desk::new("[hub]\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start().await;
    let edited = desk.read_settings().replace("[hub]", "[hub]\non = true");
    std::fs::write(desk.settings_path(), edited).unwrap();
    let server = Server::start(SiteMessages::resuming()).await;
    let id = bell
        .handle
        .save_feed(form("Letters", &server.url("/push?uid=1"), "likes"))
        .await
        .unwrap();
    bell.live(&id).await;
    bell.hub_url().await;
    bell.stop().await;
}

#[tokio::test]
async fn another_query_is_another_feed_and_inherits_no_cursor() {
    let server = Server::start(SiteMessages::resuming()).await;
    let desk = Desk::new(&feed("letters", &server.url("/push?uid=1"), "likes"));
    let mut bell = desk.start().await;
    bell.live("letters").await;
    server.tell("a").await;
    bell.until_last(&told("a")).await;
    bell.stop().await;
    desk.write_settings(&feed("letters", &server.url("/push?uid=2"), "likes"));
    let mut bell = desk.start().await;
    bell.live("letters").await;
    assert_eq!(server.last_request().header("last-event-id"), None);
    bell.stop().await;
}

#[tokio::test]
async fn pop_ups_of_a_group_replace_each_other() {
    let desk = Desk::new("[hub]\non = true\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start().await;
    let url = bell.hub_url().await;
    let mut likes = form("Likes", &format!("{url}/events?uid=me"), "hub");
    likes.rules = vec![RuleForm {
        group: "{{ event }}".into(),
        ..RuleForm::default()
    }];
    let id = bell.handle.save_feed(likes).await.unwrap();
    bell.live(&id).await;
    let mut keys = Vec::new();
    for text in ["one", "two"] {
        let form = SendForm {
            event: "like".into(),
            to: to_user("me"),
            text: text.into(),
        };
        bell.handle.send(form).await.unwrap();
        let shown = bell.show().await;
        assert_eq!(shown.body, text);
        keys.push(shown.key);
    }
    assert_eq!(keys[0], keys[1]);
    assert_eq!(
        bell.rows().await.len(),
        2,
        "replaced on the screen, not in the inbox"
    );
    bell.stop().await;
}

#[tokio::test]
async fn a_pop_up_that_was_refused_gets_its_turn_when_another_was_shown() {
    let desk = Desk::new("[hub]\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start_trying().await;
    bell.live(TRY).await;
    bell.handle.try_it().await.unwrap();
    let refused = bell.announcement().await;
    let why = notifier::view::Text::new("notification-refused");
    bell.handle.not_shown(refused.clone(), why).await.unwrap();
    assert_eq!(bell.app().await.troubles.len(), 1);
    bell.handle.try_it().await.unwrap();
    let shown = bell.show().await;
    assert_ne!(shown.ids, refused.ids);
    let again = bell.show().await;
    assert_eq!(again.ids, refused.ids);
    assert!(bell.app().await.troubles.is_empty());
    let feed_is_live = |state: &FeedState| *state == FeedState::Live;
    assert!(feed_is_live(&find(&bell.app().await, TRY).unwrap().state));
    bell.stop().await;
}
