//! The metrics, read by a parser that is not ours and held against what
//! happened.

use std::collections::BTreeMap;

use prometheus_parse::{Sample, Scrape, Value};
use serde_json::json;

use crate::{Server, get, memory, post, request, soon};
use hub::{HubConfig, Store};

/// All series by name and labels.
#[derive(Debug, PartialEq)]
struct Series(BTreeMap<String, f64>);

impl Series {
    async fn of(server: &Server) -> Self {
        let answer = get(server.address, "/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let content_type = "text/plain; version=0.0.4; charset=utf-8";
        assert_eq!(answer.header("content-type"), Some(content_type));
        Self::parse(&answer.body)
    }

    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has an end");
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = Scrape::parse(lines).unwrap();
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        for name in &names {
            let helped = text.contains(&format!("# HELP {name} "));
            assert!(
                helped && scrape.docs.contains_key(*name),
                "{name} has no help"
            );
        }
        let mut series = BTreeMap::new();
        for Sample {
            metric,
            value,
            labels,
            ..
        } in scrape.samples
        {
            let mut labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
            labels.sort_unstable();
            let name = format!("{metric}{{{}}}", labels.join(","));
            let value = match value {
                Value::Counter(value) => {
                    assert!(metric.ends_with("_total"), "{metric}");
                    value
                }
                Value::Gauge(value) => value,
                Value::Histogram(classes) => {
                    // Each class has what the one before it has, and more.
                    let counts: Vec<_> = classes.iter().map(|class| class.count).collect();
                    assert!(counts.is_sorted(), "{metric}: {counts:?}");
                    let last = classes.last().unwrap();
                    assert!(last.less_than.is_infinite());
                    last.count
                }
                // The parser leaves the rest of a histogram to us.
                Value::Untyped(value)
                    if metric.ends_with("_seconds_sum") || metric.ends_with("_seconds_count") =>
                {
                    value
                }
                other => panic!("{metric} is neither counter, gauge nor histogram: {other:?}"),
            };
            assert!(series.insert(name.clone(), value).is_none(), "{name} twice");
        }
        Self(series)
    }

    fn value(&self, name: &str) -> f64 {
        let name = if name.contains('{') {
            name.to_owned()
        } else {
            format!("{name}{{}}")
        };
        match self.0.get(&name) {
            Some(value) => *value,
            None => panic!("no series {name} in {:?}", self.0.keys()),
        }
    }

    fn sum(&self, prefix: &str) -> f64 {
        let own = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        own.map(|(_, value)| value).sum()
    }
}

#[tokio::test]
async fn they_say_what_happened() {
    let server = Server::start(HubConfig {
        max_streams_per_uid: 1,
        allow_origins: vec!["http://localhost:3000".to_owned()],
        ..memory()
    })
    .await;
    let before = Series::of(&server).await;
    assert_eq!(before.sum("feedbell_streams_"), 0.0);
    assert_eq!(before.sum("feedbell_requests_refused_total"), 0.0);
    assert_eq!(before.sum("feedbell_publications_total"), 0.0);
    assert_eq!(before.value("feedbell_log_commit_seconds"), 0.0);

    let mut one = server.open("/events?uid=1").await;
    let mut two = server.open("/events?uid=2").await;
    server.publish(json!({"data": "to all"})).await;
    server.publish(json!({"uid": 1, "data": "to one"})).await;
    for _ in 0..3 {
        server.publish(json!({"id": "same", "data": "once"})).await;
    }
    assert_eq!(one.data(3).await.len() + two.data(2).await.len(), 5);
    let start = format!("{}.0", server.hub.epoch());
    let mut poll = server.resume("/events?uid=3&poll=1", &start).await;
    assert_eq!(poll.rest().await.len(), 2);

    let refused = [
        (post(server.address, "/publish", "{").await.status, 400),
        (get(server.address, "/no.thing").await.status, 404),
        (get(server.address, "/publish").await.status, 405),
        (get(server.address, "/events?uid=1").await.status, 429),
        (
            request(server.address, "GET", "/", &[("Host", "evil.example")], b"")
                .await
                .status,
            403,
        ),
        (
            post(server.address, "/publish", &"x".repeat((1 << 20) + 1))
                .await
                .status,
            413,
        ),
    ];
    for (status, expected) in refused {
        assert_eq!(status, expected);
    }
    let ids: Vec<_> = server.hub.listening().iter().map(|own| own.id).collect();
    assert!(server.hub.disconnect(ids[0]));
    one.rest().await;
    drop(two);
    server.subscribers(0).await;

    let series = Series::of(&server).await;
    for (name, expected) in [
        ("feedbell_subscribers", 0.0),
        ("feedbell_subscribers_limit", 900.0),
        ("feedbell_subscribers_shared", 0.0),
        ("feedbell_subscribers_lag_events_max", 0.0),
        ("feedbell_streams_opened_total", 3.0),
        ("feedbell_streams_ended_total{reason=left}", 1.0),
        ("feedbell_streams_ended_total{reason=replayed}", 1.0),
        ("feedbell_streams_ended_total{reason=disconnected}", 1.0),
        ("feedbell_publications_total{result=stored}", 3.0),
        ("feedbell_publications_total{result=duplicate}", 2.0),
        ("feedbell_publications_total{result=failed}", 0.0),
        ("feedbell_events_delivered_total", 7.0),
        ("feedbell_log_events", 3.0),
        ("feedbell_log_head", 3.0),
        ("feedbell_log_floor", 0.0),
        ("feedbell_log_reads_from_disk_total", 0.0),
        ("feedbell_log_commit_seconds", 5.0),
        ("feedbell_log_commit_seconds_count", 5.0),
        ("feedbell_requests_refused_total{reason=invalid}", 1.0),
        ("feedbell_requests_refused_total{reason=unknown}", 2.0),
        ("feedbell_requests_refused_total{reason=limit}", 1.0),
        ("feedbell_requests_refused_total{reason=origin}", 1.0),
        ("feedbell_requests_refused_total{reason=size}", 1.0),
        ("feedbell_requests_refused_total{reason=other}", 0.0),
        ("feedbell_streams_ended_total{reason=other}", 0.0),
    ] {
        assert_eq!(series.value(name), expected, "{name}");
    }
    assert_eq!(series.sum("feedbell_streams_ended_total"), 3.0);
    assert_eq!(series.sum("feedbell_requests_refused_total"), 6.0);
    assert_eq!(series.sum("feedbell_build_info"), 1.0);
    // The same series as at the start, whoever came: none is a peer's choice.
    let names = |series: &Series| series.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&series));
    server.stop().await;
}

#[tokio::test]
async fn they_say_what_the_disk_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let server = Server::start(HubConfig::new(Store::Path(path.clone()))).await;
    let first = server.publish(json!({"data": "1"})).await;
    server.stop().await;

    // A history that is no longer in memory is read from the disk.
    let server = Server::start(HubConfig::new(Store::Path(path.clone()))).await;
    let epoch = first.split('.').next().unwrap();
    let mut stream = server.resume("/events?uid=1", &format!("{epoch}.0")).await;
    assert_eq!(stream.data(1).await, ["1"]);
    assert_eq!(
        Series::of(&server)
            .await
            .value("feedbell_log_reads_from_disk_total"),
        1.0
    );

    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT raise(FAIL, 'disk full'); END",
        )
        .unwrap();
    assert_eq!(
        post(server.address, "/publish", r#"{"data":"2"}"#)
            .await
            .status,
        503
    );
    let series = Series::of(&server).await;
    assert_eq!(
        series.value("feedbell_publications_total{result=failed}"),
        1.0
    );
    assert_eq!(
        series.value("feedbell_requests_refused_total{reason=unavailable}"),
        1.0
    );
    if cfg!(target_os = "linux") {
        let files = series.value("process_open_fds");
        assert!(files > 3.0 && files < series.value("process_max_fds"));
        assert!(series.value("process_resident_memory_bytes") > f64::from(1 << 20));
    }
    server.stop().await;
}

/// The lag is that of the slowest.
#[tokio::test]
async fn they_say_who_is_behind() {
    let server = Server::memory().await;
    let mut fast = server.open("/events?uid=1").await;
    let _slow = server.open("/events?uid=2").await;
    let large = "x".repeat(256 * 1024);
    soon("a lag", async {
        while server.hub.listening()[1].lag < 3 {
            server.publish(json!({"data": large})).await;
            fast.next().await.unwrap();
        }
    })
    .await;
    let greatest = Series::of(&server)
        .await
        .value("feedbell_subscribers_lag_events_max");
    assert!(greatest >= 3.0, "{greatest}");
    server.stop().await;
}

/// Alive is not ready: a hub that can store nothing is not sent publications,
/// and not restarted either.
#[tokio::test]
async fn alive_and_ready() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let server = Server::start(HubConfig::new(Store::Path(path.clone()))).await;
    let all = ["/healthz", "/healthz/ready", "/healthz/live"];
    for path in all {
        let answer = get(server.address, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json(), json!({"healthy": true}), "{path}");
    }
    let other = rusqlite::Connection::open(&path).unwrap();
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON hub BEGIN SELECT raise(FAIL, 'x'); END";
    other.execute_batch(broken).unwrap();
    for path in ["/healthz", "/healthz/ready"] {
        let answer = get(server.address, path).await;
        assert_eq!(answer.status, 503, "{path}");
        let why = "the log cannot be written: look into what the hub says";
        assert_eq!(answer.json(), json!({"healthy": false, "error": why}));
    }
    assert_eq!(get(server.address, "/healthz/live").await.status, 200);
    other.execute_batch("DROP TRIGGER broken").unwrap();
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    server.stop().await;
}

/// Programs of this machine read them without a token; others, and pages and
/// proxies that only seem to be of this machine, do not.
#[tokio::test]
async fn they_are_for_this_machine_and_for_admins() {
    let hub = hub::Hub::open(memory()).unwrap();
    let token = |admin| hub::NewToken {
        name: format!("{admin}"),
        read: true,
        write: true,
        admin,
        uids: Vec::new(),
        topics: Vec::new(),
    };
    let (_, admin) = hub.create_token(token(true)).await.unwrap();
    let (_, other) = hub.create_token(token(false)).await.unwrap();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = ([127, 0, 0, 1], listener.local_addr().unwrap().port()).into();
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(hub::serve(hub, listener, stop.clone().cancelled_owned()));
    let [admin, other] = [&admin, &other].map(|token| format!("Bearer {}", token.secret()));
    let away = ("X-Forwarded-For", "203.0.113.7");
    let page = ("Host", "rebound.example");
    let cases: [(&[(&str, &str)], u16); 7] = [
        (&[], 200),
        (&[("Authorization", &other)], 200),
        (&[("Authorization", "Bearer fb_unknown")], 401),
        (&[away], 403),
        (&[page], 403),
        (&[away, ("Authorization", &other)], 403),
        (&[away, page, ("Authorization", &admin)], 200),
    ];
    for (headers, status) in cases {
        let answer = request(address, "GET", "/metrics", headers, b"").await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
    }
    stop.cancel();
    soon("the hub to stop", serving).await.unwrap().unwrap();
}
