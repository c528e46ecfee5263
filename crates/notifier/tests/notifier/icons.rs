//! Pictures that messages name: fetched where the feed allows it, from the feed's own server or
//! from public ones.

use crate::{
    fixtures::{Answer, Request, Server, Site},
    support::{Desk, feed},
};

/// The head of a picture of 64 × 64 pixels.
const GIF: &str = "GIF89a@\0@\0\0\0\0;";

/// A feed with a picture beside it.
struct Pictured;

impl Site for Pictured {
    fn answer(&mut self, request: &Request) -> Answer {
        match request.path() {
            "/events" => Answer::Stream {
                head: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
                first: vec![": hello\n\n".to_owned()],
            },
            _ => Answer::Once {
                bytes: format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{GIF}",
                    GIF.len()
                ),
                writes: Vec::new(),
            },
        }
    }
}

#[tokio::test]
async fn a_picture_is_fetched_only_where_the_feed_allows_it() {
    let rule = "[[feed.rule]]\ntitle = \"{{ data.t }}\"\nicon = \"{{ data.icon }}\"\n";
    for (allowed, shown) in [(false, false), (true, true)] {
        let server = Server::start(Pictured).await;
        let other = Server::start(Pictured).await;
        let settings = feed("site", &server.url("/events"), "");
        let desk = Desk::new(&format!(
            "{settings}[feed.notification]\nremote_icons = {allowed}\n{rule}"
        ));
        let mut bell = desk.start().await;
        bell.live("site").await;
        // Another server at home is not asked, whatever the feed allows.
        let picture = other.url("/ada.gif");
        server.write(&format!("data: {{\"t\":\"1\",\"icon\":\"{picture}\"}}\n\n"));
        let announcement = bell.show().await;
        assert_eq!((&*announcement.title, announcement.icon), ("1", None));
        assert_eq!(bell.handle.icon(announcement.ids[0]).await.unwrap(), None);
        let asked = other.requests();
        assert!(asked.is_empty(), "{asked:?}");

        let picture = server.url("/ada.gif");
        for title in ["2", "3"] {
            server.write(&format!(
                "data: {{\"t\":\"{title}\",\"icon\":\"{picture}\"}}\n\n"
            ));
            let announcement = bell.show().await;
            let kept = bell.handle.icon(announcement.ids[0]).await.unwrap();
            assert_eq!(announcement.title, title);
            assert_eq!(kept.is_some(), shown, "allowed: {allowed}");
            assert_eq!(announcement.icon.map(Into::into), kept);
            if let Some(path) = kept {
                assert_eq!(std::fs::read_to_string(path).unwrap(), GIF);
            }
        }
        let asked = server.requests();
        let fetched = asked.iter().filter(|one| one.path() == "/ada.gif").count();
        assert_eq!(fetched, usize::from(shown), "at most once: {asked:?}");
        // A name of the theme needs nobody's permission.
        server.write("data: {\"t\":\"4\",\"icon\":\"mail-unread\"}\n\n");
        assert_eq!(bell.show().await.icon.as_deref(), Some("mail-unread"));
        bell.stop().await;
    }
}
