//! What the window can ask: each a question to the notifier; those to the desktop are in `desk.rs`.

pub(crate) mod desk;

use notifier::{
    NotifierHandle,
    view::{
        AppView, Bulk, BulkDone, Facets, FeedForm, GeneralForm, HubForm, HubLists, HubMode,
        Imported, MessageDetail, MessagePage, MessageQuery, NewTokenView, Preview, RawEvent,
        RecentEvent, Refusal, SendForm, SettingsView, Text, TokenForm, Which, WindowUpdate,
    },
};
use tauri::{AppHandle, State};

use crate::{mailbox::Mailbox, os, window};

type Notifier<'a> = State<'a, NotifierHandle>;

/// From now on this page is told what changes: it asks for `updates` by this number.
#[tauri::command]
#[expect(clippy::needless_pass_by_value, reason = "Tauri hands states over so")]
pub(crate) fn listen(mailbox: State<'_, Mailbox>) -> u32 {
    mailbox.open()
}

/// What came since this page asked last, as soon as there is something; none once it is gone.
#[tauri::command]
pub(crate) async fn updates(
    mailbox: State<'_, Mailbox>,
    reader: u32,
) -> Result<Option<Vec<WindowUpdate>>, Refusal> {
    Ok(mailbox.take(reader).await)
}

#[tauri::command]
pub(crate) async fn app(app: AppHandle, notifier: Notifier<'_>) -> Result<AppView, Refusal> {
    let view = notifier.app().await;
    // The window listens before it asks.
    window::listens(&app);
    view
}

#[tauri::command]
pub(crate) async fn messages(
    notifier: Notifier<'_>,
    query: MessageQuery,
) -> Result<MessagePage, Refusal> {
    notifier.messages(query).await
}

#[tauri::command]
pub(crate) async fn message(
    notifier: Notifier<'_>,
    id: i64,
) -> Result<Option<MessageDetail>, Refusal> {
    notifier.message(id).await
}

#[tauri::command]
pub(crate) async fn facets(notifier: Notifier<'_>, feeds: Vec<String>) -> Result<Facets, Refusal> {
    notifier.facets(feeds).await
}

#[tauri::command]
pub(crate) async fn mark_read(
    notifier: Notifier<'_>,
    which: Which,
    read: bool,
) -> Result<(), Refusal> {
    notifier.mark_read(which, read).await
}

#[tauri::command]
pub(crate) async fn pin(notifier: Notifier<'_>, which: Which, pinned: bool) -> Result<(), Refusal> {
    notifier.pin(which, pinned).await
}

#[tauri::command]
pub(crate) async fn set_done(
    notifier: Notifier<'_>,
    which: Which,
    done: bool,
) -> Result<(), Refusal> {
    notifier.done(which, done).await
}

#[tauri::command]
pub(crate) async fn delete_messages(notifier: Notifier<'_>, which: Which) -> Result<(), Refusal> {
    notifier.delete(which).await
}

#[tauri::command]
pub(crate) async fn restore_messages(notifier: Notifier<'_>, which: Which) -> Result<(), Refusal> {
    notifier.restore(which).await
}

#[tauri::command]
pub(crate) async fn bulk(
    notifier: Notifier<'_>,
    query: MessageQuery,
    what: Bulk,
) -> Result<BulkDone, Refusal> {
    notifier.bulk(query, what).await
}

#[tauri::command]
pub(crate) async fn undo_bulk(notifier: Notifier<'_>, done: BulkDone) -> Result<(), Refusal> {
    notifier.undo_bulk(done).await
}

#[tauri::command]
pub(crate) async fn mute(
    notifier: Notifier<'_>,
    feed: String,
    until: Option<i64>,
) -> Result<(), Refusal> {
    notifier.mute(feed, until).await
}

#[tauri::command]
pub(crate) async fn unmute(notifier: Notifier<'_>, feed: String) -> Result<(), Refusal> {
    notifier.unmute(feed).await
}

#[tauri::command]
pub(crate) async fn preview(
    notifier: Notifier<'_>,
    form: FeedForm,
    raw: RawEvent,
) -> Result<Preview, Refusal> {
    notifier.preview(form, raw).await
}

#[tauri::command]
pub(crate) async fn recent_events(
    notifier: Notifier<'_>,
    feed: String,
) -> Result<Vec<RecentEvent>, Refusal> {
    notifier.recent_events(feed).await
}

#[tauri::command]
pub(crate) async fn test_message(notifier: Notifier<'_>, feed: String) -> Result<(), Refusal> {
    notifier.test_message(feed).await
}

#[tauri::command]
pub(crate) async fn import_feeds(
    notifier: Notifier<'_>,
    text: String,
) -> Result<Imported, Refusal> {
    notifier.import_feeds(text).await
}

#[tauri::command]
pub(crate) async fn diagnostics(notifier: Notifier<'_>) -> Result<String, Refusal> {
    notifier.diagnostics().await
}

#[tauri::command]
pub(crate) async fn settings(notifier: Notifier<'_>) -> Result<SettingsView, Refusal> {
    notifier.settings().await
}

#[tauri::command]
pub(crate) async fn save_general(notifier: Notifier<'_>, form: GeneralForm) -> Result<(), Refusal> {
    notifier.save_general(form).await
}

#[tauri::command]
pub(crate) async fn save_hub(notifier: Notifier<'_>, form: HubForm) -> Result<(), Refusal> {
    notifier.save_hub(form).await
}

#[tauri::command]
pub(crate) async fn switch_hub(notifier: Notifier<'_>, mode: HubMode) -> Result<(), Refusal> {
    notifier.switch_hub(mode).await
}

#[tauri::command]
pub(crate) async fn hub_lists(notifier: Notifier<'_>) -> Result<HubLists, Refusal> {
    notifier.hub_lists().await
}

/// The answer carries the secret, to the window that asked and to nobody else.
#[tauri::command]
pub(crate) async fn create_token(
    notifier: Notifier<'_>,
    form: TokenForm,
) -> Result<NewTokenView, Refusal> {
    notifier.create_token(form).await
}

#[tauri::command]
pub(crate) async fn revoke_token(notifier: Notifier<'_>, id: String) -> Result<(), Refusal> {
    notifier.revoke_token(id).await
}

#[tauri::command]
pub(crate) async fn disconnect(notifier: Notifier<'_>, id: u64, ban: bool) -> Result<(), Refusal> {
    notifier.disconnect(id, ban).await
}

#[tauri::command]
pub(crate) async fn unban(notifier: Notifier<'_>, uid: String) -> Result<(), Refusal> {
    notifier.unban(uid).await
}

#[tauri::command]
pub(crate) async fn save_feed(notifier: Notifier<'_>, form: FeedForm) -> Result<String, Refusal> {
    notifier.save_feed(form).await
}

#[tauri::command]
pub(crate) async fn remove_feed(notifier: Notifier<'_>, id: String) -> Result<(), Refusal> {
    notifier.remove_feed(id).await
}

#[tauri::command]
pub(crate) async fn pause(notifier: Notifier<'_>, until: Option<i64>) -> Result<(), Refusal> {
    notifier.pause(until).await
}

#[tauri::command]
pub(crate) async fn resume(notifier: Notifier<'_>) -> Result<(), Refusal> {
    notifier.resume().await
}

#[tauri::command]
pub(crate) async fn reconnect(notifier: Notifier<'_>, feed: Option<String>) -> Result<(), Refusal> {
    notifier.reconnect(feed).await
}

#[tauri::command]
pub(crate) fn guess_preset(url: &str) -> Option<String> {
    notifier::guess_preset(url)
}

#[tauri::command]
pub(crate) async fn test_feed(notifier: Notifier<'_>, form: FeedForm) -> Result<(), Refusal> {
    notifier.test_feed(form).await
}

#[tauri::command]
pub(crate) async fn stop_test(notifier: Notifier<'_>) -> Result<(), Refusal> {
    notifier.stop_test().await
}

#[tauri::command]
pub(crate) async fn send(notifier: Notifier<'_>, form: SendForm) -> Result<String, Refusal> {
    notifier.send(form).await
}

#[tauri::command]
pub(crate) async fn try_it(notifier: Notifier<'_>) -> Result<(), Refusal> {
    notifier.try_it().await
}

/// Opens a message's link in the browser: the person asked for it.
#[tauri::command]
pub(crate) async fn open_link(notifier: Notifier<'_>, id: i64) -> Result<(), Refusal> {
    let refused = || Refusal::of(Text::new("refused-link"));
    let link = notifier.link(id).await?.ok_or_else(refused)?;
    os::open(link).await.map_err(|_| refused())?;
    notifier.mark_read(vec![id], true).await
}
