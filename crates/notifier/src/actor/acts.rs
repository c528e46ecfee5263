//! What a notification shows and how, what messages themselves offer to do, done when a person
//! says so; and their icons.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use feed::{Errand, ErrandError};
use tokio::time::timeout;
use url::Url;

use super::{Actor, Internal, feed_name, requests::answer};
use crate::{
    Update,
    icons::Asking,
    inbox::action_view,
    machine,
    notifier::Reply,
    presentation::OwnAction,
    ring::{Announcement, Standing},
    settings::FeedSettings,
    view::{ActionView, Deed, MessageDetail, Refusal, Sound, Text},
};

/// Requests of messages under way at once.
pub(super) const ERRANDS: usize = 4;
/// How long a notification waits for its icon.
const ICON_PATIENCE: Duration = Duration::from_secs(1);

impl Actor {
    /// Hands a notification on, as the settings of this moment want it. One whose icon has to be
    /// fetched waits for it, but not for long.
    pub(super) fn announce(&mut self, mut announcement: Announcement) {
        self.dress(&mut announcement);
        let key = announcement.key.clone();
        if let Some((waiting, address)) = self.dressing.get_mut(&key) {
            // It stands for all that the one before it stands for, which nobody has seen yet.
            announcement.shrinks &= waiting.shrinks;
            if let Some(icon) = announcement.icon.take_if(|icon| is_address(icon)) {
                *address = icon;
            }
            *waiting = announcement;
            return;
        }
        let Some(address) = announcement.icon.take_if(|icon| is_address(icon)) else {
            return self.tell(Update::Notify(announcement));
        };
        if let Some(path) = self.icons.kept(&address) {
            announcement.icon = for_daemons(&path);
            return self.tell(Update::Notify(announcement));
        }
        let asking = self.asking(announcement.feed.as_deref());
        self.dressing
            .insert(key.clone(), (announcement, address.clone()));
        let (icons, internal) = (self.icons.clone(), self.internal.0.clone());
        tokio::spawn(async move {
            // What comes later is there for the next one.
            let _ = timeout(ICON_PATIENCE, icons.get(&address, asking)).await;
            let _ = internal.send(Internal::IconSettled { key }).await;
        });
    }

    pub(super) fn icon_settled(&mut self, key: &str) {
        if let Some((mut announcement, address)) = self.dressing.remove(key) {
            if announcement.icon.is_none() {
                announcement.icon = self
                    .icons
                    .kept(&address)
                    .and_then(|path| for_daemons(&path));
            }
            self.tell(Update::Notify(announcement));
        }
    }

    /// Its sound; and nothing of what it says, if that is to stay hidden.
    fn dress(&self, announcement: &mut Announcement) {
        let general = &self.file.settings.general;
        let feed = announcement
            .feed
            .as_deref()
            .and_then(|id| self.settings_of(id));
        let own = feed.map(|feed| &feed.notification);
        announcement.sound = match own.map(|own| &own.sound) {
            None | Some(Sound::System) => general.sound.clone(),
            Some(sound) => sound.clone(),
        };
        let remote = own.is_some_and(|own| own.remote_icons);
        if !remote && announcement.icon.as_deref().is_some_and(is_address) {
            announcement.icon = None;
        }
        let id = announcement.feed.as_deref().unwrap_or_default();
        if !self.hides(id) || announcement.kind == Standing::Summary {
            return;
        }
        announcement.title = self.localizer.text(&hidden(announcement.ids.len()));
        announcement.body = feed_name(&self.feeds, id);
        announcement.icon = None;
        announcement.link = None;
        announcement.offers.clear();
    }

    /// Whether what the feed's messages say stays within the window.
    pub(super) fn hides(&self, feed: &str) -> bool {
        let own = self.settings_of(feed).map(|feed| &feed.notification);
        self.file.settings.general.hide_content || own.is_some_and(|own| own.hide_content)
    }

    /// What a message offers, with the reasons why some of it cannot be done.
    pub(super) fn with_actions(&self, mut detail: MessageDetail) -> Result<MessageDetail, Refusal> {
        let id = detail.row.id;
        let offered = self.read(|inbox, _| inbox.offers(id))?;
        let feed = self.settings_of(&detail.row.feed);
        detail.actions = offered
            .into_iter()
            .flat_map(|offered| offered.actions)
            .map(|action| shown(&action, allows_requests(feed), &detail.row.feed_name))
            .collect();
        Ok(detail)
    }

    pub(super) fn act(&mut self, id: i64, place: u32, reply: Reply<Deed>) {
        let offered = match self.read(|inbox, _| inbox.offers(id)) {
            Ok(offered) => offered,
            Err(why) => return answer(reply, Err(why)),
        };
        let offered = offered.and_then(|mut offered| {
            let place = usize::try_from(place).ok()?;
            (place < offered.actions.len())
                .then(|| (offered.feed, offered.actions.swap_remove(place)))
        });
        let Some((feed, action)) = offered else {
            return answer(reply, Err(Refusal::of(Text::new("act-gone"))));
        };
        match action {
            OwnAction::View { link, .. } => answer(reply, Ok(Deed::Open { link })),
            OwnAction::Copy { text, .. } => answer(reply, Ok(Deed::Copy { text })),
            OwnAction::Http { .. } => self.send_out(&feed, &action, reply),
        }
    }

    fn send_out(&self, feed: &str, action: &OwnAction, reply: Reply<Deed>) {
        if !allows_requests(self.settings_of(feed)) {
            let name = feed_name(&self.feeds, feed);
            return answer(reply, Err(Refusal::of(not_allowed(&name))));
        }
        let errand = match errand(action, machine::all_addresses()) {
            Ok(errand) => errand,
            Err(why) => return answer(reply, Err(Refusal::of(why))),
        };
        let Ok(turn) = Arc::clone(&self.errands).try_acquire_owned() else {
            return answer(reply, Err(Refusal::of(Text::new("act-busy"))));
        };
        tokio::spawn(async move {
            let url = errand.url.clone();
            let outcome = errand.run().await;
            drop(turn);
            answer(reply, told(outcome.map(|brought| brought.status), &url));
        });
    }

    pub(super) fn icon(&mut self, id: i64, reply: Reply<Option<PathBuf>>) {
        let offered = match self.read(|inbox, _| inbox.offers(id)) {
            Ok(offered) => offered,
            Err(why) => return answer(reply, Err(why)),
        };
        let address = offered.and_then(|offered| {
            let feed = self.settings_of(&offered.feed)?;
            let icon = offered.icon.filter(|icon| is_address(icon))?;
            feed.notification
                .remote_icons
                .then(|| (icon, self.asking(Some(&offered.feed))))
        });
        let Some((address, asking)) = address else {
            return answer(reply, Ok(None));
        };
        let icons = self.icons.clone();
        tokio::spawn(async move {
            answer(reply, Ok(icons.get(&address, asking).await));
        });
    }

    fn settings_of(&self, id: &str) -> Option<&FeedSettings> {
        let mut feeds = self.feeds.iter().map(|feed| &feed.settings);
        feeds.find(|feed| feed.id == id)
    }

    fn asking(&self, feed: Option<&str>) -> Asking {
        let feed = feed.and_then(|id| self.settings_of(id));
        Asking {
            feed: feed.map(|feed| feed.url.clone()),
            own: machine::all_addresses(),
        }
    }
}

/// All that is said of so many messages whose content is hidden.
pub(super) fn hidden(count: usize) -> Text {
    match count {
        1 => Text::new("announce-hidden"),
        count => Text::new("announce-burst").with("count", count),
    }
}

fn is_address(icon: &str) -> bool {
    icon.starts_with("http://") || icon.starts_with("https://")
}

/// Few daemons read WebP; the window does.
fn for_daemons(path: &Path) -> Option<String> {
    let readable = path.extension().is_some_and(|kind| kind != "webp");
    readable.then(|| path.to_str().map(str::to_owned)).flatten()
}

fn allows_requests(feed: Option<&FeedSettings>) -> bool {
    feed.is_some_and(|feed| feed.notification.http_actions)
}

fn not_allowed(feed_name: &str) -> Text {
    Text::new("act-off-feed").with("feed", feed_name)
}

/// An action as the window shows it.
fn shown(action: &OwnAction, allowed: bool, feed_name: &str) -> ActionView {
    let off = match action {
        OwnAction::Http { .. } if !allowed => Some(not_allowed(feed_name)),
        OwnAction::Http { .. } => errand(action, Vec::new())
            .and_then(|errand| errand.check().map_err(|why| failure(&why, &errand.url)))
            .err(),
        OwnAction::View { .. } | OwnAction::Copy { .. } => None,
    };
    ActionView {
        off,
        ..action_view(action)
    }
}

/// The request as it goes out, or why it cannot.
fn errand(action: &OwnAction, own: Vec<std::net::IpAddr>) -> Result<Errand, Text> {
    let OwnAction::Http {
        url,
        method,
        headers,
        body,
        ..
    } = action
    else {
        return Err(Text::new("act-gone"));
    };
    let parsed = Url::parse(url);
    let parsed = parsed.map_err(|_| Text::new("act-bad-address").with("address", url.as_str()))?;
    let method = if method.is_empty() { "POST" } else { method };
    let bad = || Text::new("act-bad-request").with("why", method);
    Ok(Errand {
        method: method.to_ascii_uppercase().parse().map_err(|_| bad())?,
        headers: headers.clone(),
        body: body.clone().into_bytes(),
        own,
        ..Errand::get(parsed)
    })
}

fn told(outcome: Result<http::StatusCode, ErrandError>, url: &Url) -> Result<Deed, Refusal> {
    let say = |id: &str, status: http::StatusCode| {
        Text::new(id)
            .with("host", url.host_str().unwrap_or_default())
            .with("status", status.as_str())
    };
    match outcome {
        Ok(status) if status.is_success() => Ok(Deed::Asked {
            text: say("act-answered", status),
        }),
        Ok(status) => Err(Refusal::of(say("act-refused", status))),
        Err(why) => Err(Refusal::of(failure(&why, url))),
    }
}

fn failure(why: &ErrandError, url: &Url) -> Text {
    let at = |id: &str| Text::new(id).with("host", url.host_str().unwrap_or_default());
    match why {
        ErrandError::BadAddress => Text::new("act-bad-address").with("address", url.as_str()),
        ErrandError::NotPublic => at("act-off-address"),
        ErrandError::UnknownHost => at("act-unknown-host"),
        ErrandError::BadRequest(why) => Text::new("act-bad-request").with("why", why.as_str()),
        ErrandError::NoAnswer => at("act-no-answer"),
        ErrandError::Unsent(why) => at("act-unsent").with("why", why.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        NotifierConfig, system_clock,
        view::{ActionKind, Urgency},
    };

    fn http(url: &str, method: &str) -> OwnAction {
        OwnAction::Http {
            label: "Do it".into(),
            url: url.into(),
            method: method.into(),
            headers: vec![("X-A".into(), "b".into())],
            body: "c".into(),
        }
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        let off = |action: OwnAction, allowed| {
            let view = shown(&action, allowed, "Door");
            (view.kind, view.off.map(|text| text.id))
        };
        let view = OwnAction::View {
            label: "See".into(),
            link: "https://example.org".into(),
        };
        assert_eq!(off(view, false), (ActionKind::View, None));
        for (url, allowed, why) in [
            ("https://example.org/on", true, None),
            ("https://example.org/on", false, Some("act-off-feed")),
            ("http://192.168.1.1/on", true, Some("act-off-address")),
            ("http://localhost:8080/", true, Some("act-off-address")),
            ("http://[::1]/", true, Some("act-off-address")),
            ("file:///etc/passwd", true, Some("act-bad-address")),
            ("not an address", true, Some("act-bad-address")),
        ] {
            let (kind, off) = off(http(url, "POST"), allowed);
            assert_eq!((kind, off.as_deref()), (ActionKind::Http, why), "{url}");
        }
    }

    #[tokio::test]
    async fn what_waits_for_its_icon_is_shown_even_if_it_says_less_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let (updates, _told) = mpsc::channel(8);
        let config = NotifierConfig {
            settings: folder.path().join("settings.toml"),
            data: folder.path().join("data"),
            hub_socket: folder.path().join("hub.sock"),
            logs: None,
            trying: false,
            keyring: false,
            clock: system_clock(),
        };
        let mut actor = Actor::open(config, updates).await.unwrap();
        let burst = Announcement {
            ids: vec![1, 2],
            kind: Standing::Burst,
            feed: None,
            key: "burst-1".into(),
            shrinks: false,
            title: "2 likes".into(),
            body: String::new(),
            urgency: Urgency::Normal,
            icon: None,
            link: None,
            offers: Vec::new(),
            sound: Sound::System,
        };
        let address = "https://a.example/a.png".to_owned();
        actor
            .dressing
            .insert(burst.key.clone(), (burst.clone(), address));
        let less = Announcement {
            ids: vec![2],
            title: "1 like".into(),
            ..burst
        };
        actor.announce(Announcement {
            shrinks: true,
            ..less.clone()
        });
        actor.icon_settled("burst-1");
        assert_eq!(actor.outbox.pop_back(), Some(Update::Notify(less)));
    }

    #[test]
    fn a_request_is_what_the_message_says() {
        let sent = errand(&http("https://example.org/on", "put"), Vec::new()).unwrap();
        assert_eq!((sent.method.as_str(), &*sent.body), ("PUT", &b"c"[..]));
        assert_eq!(sent.headers, [("X-A".to_owned(), "b".to_owned())]);
        let sent = errand(&http("https://example.org/on", ""), Vec::new()).unwrap();
        assert_eq!(sent.method.as_str(), "POST", "as ntfy has it");
        let refused = errand(&http("https://example.org/on", "a b"), Vec::new());
        assert_eq!(refused.unwrap_err().id, "act-bad-request");
    }

    #[test]
    fn an_answer_is_one_sentence() {
        let url: Url = "https://example.org/on".parse().unwrap();
        let said = |outcome| match told(outcome, &url) {
            Ok(Deed::Asked { text }) => text.id,
            Err(why) => why.text.id,
            Ok(other) => panic!("{other:?}"),
        };
        assert_eq!(said(Ok(http::StatusCode::NO_CONTENT)), "act-answered");
        assert_eq!(said(Ok(http::StatusCode::FOUND)), "act-refused");
        assert_eq!(said(Ok(http::StatusCode::FORBIDDEN)), "act-refused");
        assert_eq!(said(Err(ErrandError::NoAnswer)), "act-no-answer");
        assert_eq!(said(Err(ErrandError::NotPublic)), "act-off-address");
    }
}
