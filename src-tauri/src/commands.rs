//! What the window can ask: each a question to the notifier.

use notifier::{
    NotifierHandle,
    view::{
        AppView, FeedForm, GeneralForm, HubForm, HubLists, HubMode, MessageDetail, MessagePage,
        MessageQuery, NewTokenView, Refusal, SendForm, SettingsView, Text, TokenForm,
    },
};
use tauri::{AppHandle, State};

use crate::window;

type Notifier<'a> = State<'a, NotifierHandle>;

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
pub(crate) async fn mark_read(
    notifier: Notifier<'_>,
    ids: Vec<i64>,
    read: bool,
) -> Result<(), Refusal> {
    notifier.mark_read(ids, read).await
}

#[tauri::command]
pub(crate) async fn mark_all_read(
    notifier: Notifier<'_>,
    query: MessageQuery,
) -> Result<(), Refusal> {
    notifier.mark_all_read(query).await
}

#[tauri::command]
pub(crate) async fn pin(
    notifier: Notifier<'_>,
    ids: Vec<i64>,
    pinned: bool,
) -> Result<(), Refusal> {
    notifier.pin(ids, pinned).await
}

#[tauri::command]
pub(crate) async fn delete_messages(notifier: Notifier<'_>, ids: Vec<i64>) -> Result<(), Refusal> {
    notifier.delete(ids).await
}

#[tauri::command]
pub(crate) async fn restore_messages(notifier: Notifier<'_>, ids: Vec<i64>) -> Result<(), Refusal> {
    notifier.restore(ids).await
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
    open::that_detached(link).map_err(|_| refused())?;
    notifier.mark_read(vec![id], true).await
}
