//! The embedded hub: what it should be, what is asked of it, and the feed of it.

use std::{net::Ipv4Addr, net::Ipv6Addr, sync::Arc};

use hub::{
    Address, Audience, EventName, HubError, NewToken, Publication, Subscriber, TokenInfo, Topic,
    Uid,
};
use url::Url;

use super::{Actor, Internal, TRY_FEED, forms::refuse_wrong, requests::answer};
use crate::{
    Update,
    embedded::{HubNow, Plan, Running},
    machine,
    notifier::Reply,
    settings::{Access, Connection, FeedSettings, HubSettings, Secret, hub_form},
    subscription::Subscription,
    view::{
        FeedState, FieldError, HubForm, HubLists, HubMode, HubState, HubView, NewTokenView,
        Refusal, SendForm, SendTo, SubscriberView, Text, TokenForm, TokenView,
    },
};

impl Actor {
    // --- on and off ----------------------------------------------------------------------

    /// Makes the hub what the settings say. One that is so already goes on, unless it failed.
    pub(super) fn follow_hub(&mut self) {
        let settings = &self.file.settings.hub;
        let wanted = (settings.on || self.hub_forced).then(|| HubSettings {
            on: true,
            ..settings.clone()
        });
        let failed = matches!(self.hub.now(), HubNow::Failed(_));
        if wanted == self.hub_wished && !failed {
            return;
        }
        self.like_when_live = false;
        self.hub_wished.clone_from(&wanted);
        self.hub.wish(wanted.map(|settings| Plan {
            settings,
            folder: self.folder(),
            data: self.config.data.clone(),
            socket: self.config.hub_socket.clone(),
            secrets: self.secrets.clone(),
            any_port: self.config.trying,
            own_token: self.hub_token.clone(),
        }));
    }

    /// The hub is something else now, or somebody came or went.
    pub(super) async fn hub_changed(&mut self) {
        self.tell(Update::App);
        match self.hub.now() {
            HubNow::Starting => {}
            HubNow::Off => {
                self.connect_hub_feeds();
                for reply in std::mem::take(&mut self.tries) {
                    answer(reply, Err(Refusal::of(Text::new("refused-hub-off"))));
                }
            }
            HubNow::Failed(why) => {
                self.connect_hub_feeds();
                for reply in std::mem::take(&mut self.tries) {
                    answer(reply, Err(Refusal::of(why.clone())));
                }
            }
            HubNow::On(hub) => {
                if !std::ptr::eq(self.hub_seen.as_ptr(), Arc::as_ptr(&hub)) {
                    self.hub_seen = Arc::downgrade(&hub);
                    self.hub_came(&hub);
                }
                for reply in std::mem::take(&mut self.tries) {
                    let done = self.try_now().await;
                    answer(reply, done);
                }
            }
        }
    }

    pub(super) async fn switch_hub(&mut self, mode: HubMode) -> Result<(), Refusal> {
        let settings = &self.file.settings.hub;
        let mut listen = settings.listen;
        let loopback = listen.ip().is_loopback();
        match mode {
            HubMode::Local if !loopback => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
            HubMode::Lan if loopback && listen.is_ipv6() => {
                listen.set_ip(Ipv6Addr::UNSPECIFIED.into());
            }
            HubMode::Lan if loopback => listen.set_ip(Ipv4Addr::UNSPECIFIED.into()),
            HubMode::Off | HubMode::Local | HubMode::Lan => {}
        }
        let form = HubForm {
            on: mode != HubMode::Off,
            listen: listen.to_string(),
            ..hub_form(settings)
        };
        self.save_hub(&form).await
    }

    pub(super) fn hub_view(&self) -> HubView {
        let settings = &self.file.settings.hub;
        let mode = if !(settings.on || self.hub_forced) {
            HubMode::Off
        } else if settings.listen.ip().is_loopback() {
            HubMode::Local
        } else {
            HubMode::Lan
        };
        let mut view = HubView {
            state: HubState::Off,
            mode,
            subscribers: 0,
            max: 0,
            events: 0,
            keep_days: 0,
        };
        match self.hub.now() {
            HubNow::Off => {}
            HubNow::Starting => view.state = HubState::Starting,
            HubNow::Failed(why) => view.state = HubState::Failed { why },
            HubNow::On(hub) => {
                let stats = *hub.stats.borrow();
                view.state = hub.state();
                view.subscribers = u32::try_from(stats.subscribers).unwrap_or(u32::MAX);
                view.max = u32::try_from(hub.max).unwrap_or(u32::MAX);
                view.events = u32::try_from(stats.events).unwrap_or(u32::MAX);
                view.keep_days = hub.keep_days;
            }
        }
        view
    }

    // --- feeds of the hub ----------------------------------------------------------------

    /// Whether a feed of this address has to wait for the hub: it would find nobody there.
    pub(super) fn waits_for_hub(&self, url: &Url) -> bool {
        let Some(wished) = &self.hub_wished else {
            return false;
        };
        let here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => is_here(ip.into(), wished),
            Some(url::Host::Ipv6(ip)) => is_here(ip.into(), wished),
            None => false,
        };
        matches!(self.hub.now(), HubNow::Starting)
            && url.port_or_known_default() == Some(wished.listen.port())
            && here
    }

    fn connect_hub_feeds(&mut self) {
        for (id, generation) in std::mem::take(&mut self.hub_feeds) {
            let waits = |feed: &Subscription| {
                feed.settings.id == id
                    && feed.generation == generation
                    && feed.state == FeedState::Connecting
            };
            if let Some(place) = self.feeds.iter().position(waits) {
                self.connect(place);
            }
        }
    }

    /// A hub began: what wants to hear it connects at once.
    fn hub_came(&mut self, hub: &Running) {
        self.connect_hub_feeds();
        if self.config.trying {
            let settings = self.file.settings.clone();
            self.follow_feeds(&settings);
        }
        for place in 0..self.feeds.len() {
            let feed = &mut self.feeds[place];
            let away = matches!(feed.state, FeedState::Waiting { .. });
            if away && hub.is_at(&feed.settings.url) {
                if feed.settings.id == TRY_FEED {
                    // It may have to sign in now, or no longer.
                    let settings = feed.settings.clone();
                    self.resubscribe(place, settings);
                } else {
                    feed.reconnect_now();
                }
            }
        }
    }

    pub(super) fn try_feed(&self) -> Option<FeedSettings> {
        let hub = self.hub.on()?;
        let certificate = hub.own_ca().map(|path| path.display().to_string());
        Some(FeedSettings {
            id: TRY_FEED.to_owned(),
            name: self.localizer.get("try-feed"),
            url: format!("{}/events?uid=me", hub.own_url()).parse().ok()?,
            preset: "hub".to_owned(),
            enabled: true,
            muted: false,
            access: match &self.file.settings.hub.token {
                Some(token) => Access::Bearer(token.clone()),
                None => Access::None,
            },
            headers: Vec::new(),
            stop_on: Vec::new(),
            watchdog_seconds: 0,
            connection: Connection {
                ca: certificate.unwrap_or_default(),
                ..Connection::default()
            },
            notification: crate::view::NotificationForm::default(),
            keep_days: None,
            rules: Vec::new(),
        })
    }

    /// The notifier's own feed signs in with the notifier's own token, which is written nowhere.
    pub(super) fn with_own_access(&self, mut feed: FeedSettings) -> FeedSettings {
        let asked = |hub: Arc<Running>| hub.asks_for_own_token() && hub.is_at(&feed.url);
        if feed.id == TRY_FEED && feed.access == Access::None && self.hub.on().is_some_and(asked) {
            feed.access = Access::Bearer(Secret::Plain(self.hub_token.clone()));
        }
        feed
    }

    pub(super) async fn try_it(&mut self, reply: Reply<()>) {
        if matches!(self.hub.now(), HubNow::Off | HubNow::Failed(_)) {
            let form = hub_form(&self.file.settings.hub);
            if let Err(refusal) = self.save_hub(&HubForm { on: true, ..form }).await {
                return answer(reply, Err(refusal));
            }
        }
        if self.hub.on().is_some() {
            let done = self.try_now().await;
            return answer(reply, done);
        }
        // Answered once the hub is there.
        self.tries.push(reply);
    }

    async fn try_now(&mut self) -> Result<(), Refusal> {
        let known = self.feeds.iter().find(|feed| feed.settings.id == TRY_FEED);
        let fits = |wanted: &FeedSettings| {
            known.is_some_and(|known| {
                let known = &known.settings;
                known.enabled && known.url == wanted.url && known.access == wanted.access
            })
        };
        if let Some(feed) = self.try_feed().filter(|wanted| !fits(wanted)) {
            self.change_settings(|file| file.put_feed(&feed)).await?;
        }
        let live =
            |feed: &Subscription| feed.settings.id == TRY_FEED && feed.state == FeedState::Live;
        if self.feeds.iter().any(live) {
            self.send_like();
        } else {
            // A new feed starts at "now": what is sent before it listens would pass it by.
            self.like_when_live = true;
        }
        Ok(())
    }

    /// One like to this desk, through the hub like any other.
    pub(super) fn send_like(&self) {
        let Some(hub) = self.hub.on() else { return };
        let data = serde_json::json!({
            "title": self.localizer.get("try-title"),
            "body": self.localizer.get("try-body"),
        });
        let (Ok(event), Ok(uid)) = (EventName::parse("like"), Uid::parse("me")) else {
            return;
        };
        let like = Publication::to_user(uid, data.to_string()).event(event);
        tokio::spawn(async move {
            if let Err(why) = hub.hub.publish(like).await {
                tracing::error!(%why, "the like could not be sent");
            }
        });
    }

    // --- what is asked of it -------------------------------------------------------------

    pub(super) fn send(&self, form: &SendForm, reply: Reply<String>) {
        let publication = match publication(form) {
            Ok(publication) => publication,
            Err(refusal) => return answer(reply, Err(refusal)),
        };
        self.with_hub(reply, move |hub| async move {
            let position = hub.hub.publish(publication).await;
            position
                .map(|position| position.to_string())
                .map_err(|why| refused(&why))
        });
    }

    pub(super) fn hub_lists(&self, reply: Reply<HubLists>) {
        let Some(hub) = self.hub.on() else {
            return answer(reply, Ok(HubLists::default()));
        };
        tokio::spawn(async move {
            answer(reply, lists(&hub).await);
        });
    }

    pub(super) fn create_token(&self, form: &TokenForm, reply: Reply<NewTokenView>) {
        let new = match new_token(form) {
            Ok(new) => new,
            Err(refusal) => return answer(reply, Err(refusal)),
        };
        let internal = self.internal.0.clone();
        self.with_hub(reply, move |hub| async move {
            let (token, secret) = hub
                .hub
                .create_token(new)
                .await
                .map_err(|why| refused(&why))?;
            let _ = internal.send(Internal::HubChanged { anew: false }).await;
            Ok(NewTokenView {
                token: token_view(token),
                secret: secret.secret().to_owned(),
            })
        });
    }

    pub(super) fn revoke_token(&self, id: String, reply: Reply<()>) {
        let internal = self.internal.0.clone();
        let has_own = self.file.settings.hub.token.is_some();
        self.with_hub(reply, move |hub| async move {
            let revoked = hub.hub.revoke_token(&id).await;
            revoked.map_err(|why| refused(&why))?;
            let left = hub.hub.tokens().await.map_err(|why| refused(&why))?;
            // Without any, nobody else gets in: it serves this computer alone then.
            let anew = hub.lan() && !has_own && left.is_empty();
            let _ = internal.send(Internal::HubChanged { anew }).await;
            Ok(())
        });
    }

    pub(super) fn disconnect(&self, id: u64, ban: bool, reply: Reply<()>) {
        let internal = self.internal.0.clone();
        self.with_hub(reply, move |hub| async move {
            let listening = hub.hub.listening();
            let subscriber = listening.into_iter().find(|one| one.id == id);
            if ban {
                let gone = || Refusal::of(Text::new("refused-subscriber-gone"));
                for uid in subscriber.ok_or_else(gone)?.uids {
                    hub.hub.ban(&uid).await.map_err(|why| refused(&why))?;
                }
            }
            hub.hub.disconnect(id);
            let _ = internal.send(Internal::HubChanged { anew: false }).await;
            Ok(())
        });
    }

    pub(super) fn unban(&self, uid: &str, reply: Reply<()>) {
        let uid = match Uid::parse(uid) {
            Ok(uid) => uid,
            Err(why) => return answer(reply, Err(wrong("uid", why.to_string()))),
        };
        let internal = self.internal.0.clone();
        self.with_hub(reply, move |hub| async move {
            hub.hub.unban(&uid).await.map_err(|why| refused(&why))?;
            let _ = internal.send(Internal::HubChanged { anew: false }).await;
            Ok(())
        });
    }

    /// Answers beside the loop, with the hub that runs or will in a moment.
    fn with_hub<T: Send + 'static, F>(
        &self,
        reply: Reply<T>,
        work: impl FnOnce(Arc<Running>) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        let settled = self.hub.settled();
        tokio::spawn(async move {
            let done = match settled.await {
                HubNow::On(hub) => work(hub).await,
                HubNow::Failed(why) => Err(Refusal::of(why)),
                HubNow::Off | HubNow::Starting => Err(Refusal::of(Text::new("refused-hub-off"))),
            };
            answer(reply, done);
        });
    }
}

fn is_here(ip: std::net::IpAddr, wished: &HubSettings) -> bool {
    ip.is_loopback() || ip == wished.listen.ip() || machine::addresses().contains(&ip)
}

async fn lists(hub: &Running) -> Result<HubLists, Refusal> {
    let tokens = hub.hub.tokens().await.map_err(|why| refused(&why))?;
    let bans = hub.hub.bans().await.map_err(|why| refused(&why))?;
    let listening = hub.hub.listening();
    Ok(HubLists {
        listening: listening.into_iter().map(subscriber_view).collect(),
        tokens: tokens.into_iter().map(token_view).collect(),
        bans: bans.iter().map(ToString::to_string).collect(),
    })
}

fn subscriber_view(one: Subscriber) -> SubscriberView {
    let here = one.address.is_none_or(|address| address.is_loopback());
    SubscriberView {
        id: one.id,
        uids: one.uids.iter().map(ToString::to_string).collect(),
        topics: one.topics.iter().map(ToString::to_string).collect(),
        device: one.device,
        address: one.address.filter(|_| !here).map(|ip| ip.to_string()),
        since: one.since.as_millisecond(),
        token: one.token,
    }
}

fn token_view(token: TokenInfo) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name,
        hint: token.hint,
        read: token.read,
        write: token.write,
        admin: token.admin,
        uids: token.uids.iter().map(ToString::to_string).collect(),
        topics: token.topics.iter().map(ToString::to_string).collect(),
        created: token.created.as_millisecond(),
        used: token.used.map(jiff::Timestamp::as_millisecond),
    }
}

fn new_token(form: &TokenForm) -> Result<NewToken, Refusal> {
    let mut errors = Vec::new();
    let name = form.name.trim();
    let mut error = |field: &str, text: Text| {
        errors.push(FieldError {
            field: field.to_owned(),
            text,
        });
    };
    if name.is_empty() {
        error("name", Text::new("field-token-name"));
    }
    if !(form.read || form.write || form.admin) {
        error("rights", Text::new("field-token-rights"));
    }
    let mut uids = Vec::new();
    for uid in &form.uids {
        match Uid::parse(uid) {
            Ok(uid) => uids.push(uid),
            Err(why) => error("uids", because(why.to_string())),
        }
    }
    let mut topics = Vec::new();
    for topic in &form.topics {
        match Topic::parse(topic) {
            Ok(topic) => topics.push(topic),
            Err(why) => error("topics", because(why.to_string())),
        }
    }
    refuse_wrong(errors).map_err(|refusal| Refusal {
        text: Text::new("refused-token"),
        ..refusal
    })?;
    Ok(NewToken {
        name: name.to_owned(),
        read: form.read,
        write: form.write,
        admin: form.admin,
        uids,
        topics,
    })
}

fn publication(form: &SendForm) -> Result<Publication, Refusal> {
    if form.text.trim().is_empty() {
        return Err(Refusal::of(Text::new("refused-empty")));
    }
    let event = match form.event.trim() {
        "" => "notify",
        event => event,
    };
    let event = EventName::parse(event).map_err(|why| wrong("event", why.to_string()))?;
    let to = match &form.to {
        SendTo::Everyone => Audience::Everyone,
        SendTo::User { uid } => {
            let uid = Uid::parse(uid.trim()).map_err(|why| wrong("to", why.to_string()))?;
            Audience::Only(vec![Address::Uid(uid)])
        }
        SendTo::Topic { topic } => {
            let topic = Topic::parse(topic.trim()).map_err(|why| wrong("to", why.to_string()))?;
            Audience::Only(vec![Address::Topic(topic)])
        }
    };
    Ok(Publication::new(to, form.text.clone()).event(event))
}

fn wrong(field: &str, why: String) -> Refusal {
    Refusal {
        text: because(why.clone()),
        fields: vec![FieldError {
            field: field.to_owned(),
            text: because(why),
        }],
    }
}

fn refused(why: &HubError) -> Refusal {
    Refusal::of(because(why.to_string()))
}

fn because(why: String) -> Text {
    Text::new("refused-hub").with("why", why)
}
