//! Requests that try to be something else, and requests that are too large: each is refused in words
//! or by the protocol, nothing of it is stored, and nobody else notices.

use std::time::Duration;

use crate::{
    http::{Answer, Connection, Event, Parser},
    hub::{Ending, Hub},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What may come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// This status, with a sentence in the body that holds these words.
    Words(u16, &'static str),
    /// It is no HTTP, or more of it than anybody needs: a status from 400 on, or no answer at all.
    Protocol,
}
use Wanted::{Protocol, Words};

struct Case {
    about: String,
    bytes: Vec<u8>,
    wanted: Wanted,
}

fn raw(about: &str, wanted: Wanted, bytes: impl Into<Vec<u8>>) -> Case {
    Case {
        about: about.to_owned(),
        bytes: bytes.into(),
        wanted,
    }
}

/// A proper request around a target, headers and a body that need not be.
fn asked(about: &str, wanted: Wanted, line: &str, headers: &str, body: &str) -> Case {
    let length = body.len();
    let bytes = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    raw(about, wanted, bytes)
}

fn json(about: &str, wanted: Wanted, body: &str) -> Case {
    let headers = "Content-Type: application/json\r\n";
    asked(about, wanted, "POST /publish", headers, body)
}

/// One request in another's clothes.
const SMUGGLED: &str = "GET /door/publish?message=forged HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn injections() -> Vec<Case> {
    let host = "Host: localhost\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let mut cases = vec![
        json(
            "a line end in a name",
            Words(400, "line break"),
            r#"{"event":"a\r\nid: 1","data":"forged"}"#,
        ),
        json(
            "a line end in an id",
            Words(400, "line break"),
            r#"{"id":"a\ndata: x","data":"forged"}"#,
        ),
        json(
            "NUL in an id",
            Words(400, "control"),
            r#"{"id":"a\u0000","data":"forged"}"#,
        ),
        json(
            "a line end in a uid",
            Words(400, "control"),
            r#"{"uid":"a\nb","data":"forged"}"#,
        ),
        json(
            "a line end in a topic",
            Words(400, "topic"),
            r#"{"topic":"a\nb","data":"forged"}"#,
        ),
        json(
            "the name of a control event",
            Words(400, "reserved"),
            r#"{"event":"gap","data":"forged"}"#,
        ),
        json(
            "an unknown field",
            Words(400, "unknown field"),
            r#"{"evnt":"a","data":"forged"}"#,
        ),
        json(
            "half a surrogate",
            Words(400, "hex escape"),
            r#"{"data":"\ud800 forged"}"#,
        ),
        json(
            "half a document",
            Words(400, "publication"),
            r#"{"data":"forged""#,
        ),
        asked(
            "a line end in the query's name",
            Words(400, "line break"),
            "POST /publish?event=a%0d%0aid:%201",
            "",
            "forged",
        ),
        asked(
            "a line end in the query's uid",
            Words(400, "control"),
            "POST /publish?uid=a%0ab",
            "",
            "forged",
        ),
        asked(
            "a body that is no text",
            Words(400, "UTF-8"),
            "POST /publish",
            "Content-Type: text/plain\r\nX: ",
            "",
        )
        .with_body(b"\xff\xfe forged"),
        asked(
            "a line end in `since`",
            Words(400, "since"),
            "GET /events?since=a%0aevent:%20x",
            "",
            "",
        ),
        asked(
            "a line end in a listener's uid",
            Words(400, "control"),
            "GET /events?uid=a%0d%0ab",
            "",
            "",
        ),
        asked(
            "a line end in a listener's topic",
            Words(400, "topic"),
            "GET /events?topic=a%0d%0ab",
            "",
            "",
        ),
        asked(
            "a line end in a path",
            Words(400, ""),
            "POST /door%0d%0aSet-Cookie:%20forged",
            "",
            "forged",
        ),
        asked(
            "a line end in a stream's path",
            Words(400, ""),
            "GET /door%0d%0aSet-Cookie:%20forged/sse",
            "",
            "",
        ),
        asked(
            "a sequence that leads elsewhere",
            Words(404, "page not found"),
            "PUT /door/..%2fpublish",
            "",
            "forged",
        ),
        asked(
            "an origin that is none",
            Words(403, "--allow-origin"),
            "POST /publish",
            "Origin: http://a\"}\u{e9}\r\n",
            "forged",
        ),
        raw(
            "a host that is none",
            Words(403, "127.0.0.1"),
            "GET / HTTP/1.1\r\nHost: a\"b\\\r\n\r\n",
        ),
        raw(
            "no host",
            Words(400, "Host"),
            "POST /publish HTTP/1.1\r\nContent-Length: 6\r\n\r\nforged",
        ),
        raw(
            "two hosts",
            Words(400, "Host"),
            format!("POST /publish HTTP/1.1\r\n{host}{host}Content-Length: 6\r\n\r\nforged"),
        ),
        raw(
            "a line end in the target",
            Protocol,
            format!("GET /events?uid=1\r\nX: y HTTP/1.1\r\n{host}\r\n"),
        ),
        raw(
            "a bare CR in a header",
            Protocol,
            format!("GET / HTTP/1.1\r\n{host}X: a\rSet-Cookie: forged\r\n\r\n"),
        ),
        raw(
            "NUL in a header",
            Protocol,
            format!("GET / HTTP/1.1\r\n{host}X: a\0b\r\n\r\n"),
        ),
        raw(
            "a folded header",
            Protocol,
            format!("GET / HTTP/1.1\r\n{host}X: a\r\n b: c\r\n\r\n"),
        ),
        raw(
            "a space before the colon",
            Protocol,
            format!("POST /publish HTTP/1.1\r\n{host}Content-Length : 6\r\n\r\nforged"),
        ),
        raw(
            "two lengths",
            Protocol,
            format!(
                "POST /publish HTTP/1.1\r\n{host}Content-Length: 2\r\nContent-Length: 6\r\n\r\nforged"
            ),
        ),
        raw(
            "a length below nothing",
            Protocol,
            format!("POST /publish HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\nforged"),
        ),
        raw(
            "a length that overflows",
            Protocol,
            format!(
                "POST /publish HTTP/1.1\r\n{host}Content-Length: 99999999999999999999999\r\n\r\nforged"
            ),
        ),
        raw(
            "a chunk that is none",
            Protocol,
            format!("POST /publish HTTP/1.1\r\n{host}{chunked}\r\nxyz\r\nforged\r\n0\r\n\r\n"),
        ),
        raw(
            "a chunk that overflows",
            Protocol,
            format!("POST /publish HTTP/1.1\r\n{host}{chunked}\r\nfffffffffffffffff\r\nforged\r\n"),
        ),
        raw(
            "an unknown coding",
            Protocol,
            format!(
                "POST /publish HTTP/1.1\r\n{host}Transfer-Encoding: chunked, x\r\n\r\n6\r\nforged\r\n0\r\n\r\n"
            ),
        ),
        raw(
            "TLS",
            Protocol,
            [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
                &[7; 600],
            ]
            .concat(),
        ),
        raw(
            "HTTP/2 and then nothing of it",
            Protocol,
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0xff; 600]].concat(),
        ),
        raw("no HTTP", Protocol, [0x80_u8; 4096]),
        raw(
            "another version",
            Protocol,
            format!("GET / HTTP/3.7\r\n{host}\r\n"),
        ),
    ];
    // A body that ends elsewhere for somebody else.
    for (about, headers) in [
        (
            "a length and chunks",
            format!("Content-Length: 5\r\n{chunked}"),
        ),
        (
            "chunks and a length",
            format!("{chunked}Content-Length: {}\r\n", SMUGGLED.len() + 5),
        ),
    ] {
        let bytes = format!("POST /fact HTTP/1.1\r\n{host}{headers}\r\n0\r\n\r\n{SMUGGLED}");
        cases.push(raw(about, Protocol, bytes));
    }
    cases
}

impl Case {
    fn with_body(mut self, body: &[u8]) -> Self {
        let head = String::from_utf8_lossy(&self.bytes).into_owned();
        let head = head.replace(
            "X: Content-Length: 0",
            &format!("Content-Length: {}", body.len()),
        );
        self.bytes = [head.as_bytes(), body].concat();
        self
    }
}

fn oversized() -> Vec<Case> {
    let long = |count: usize| "x".repeat(count);
    let uids = |count: usize| vec!["1"; count].join(",");
    let quoted =
        |name: &str, count: usize| format!(r#"{{"{name}":"{}","data":"forged"}}"#, long(count));
    let host = "Host: localhost\r\n";
    let plain = "Content-Type: text/plain\r\n";
    vec![
        json(
            "more uids than allowed",
            Words(400, "more than 1000"),
            &format!(r#"{{"uids":[{}],"data":"forged"}}"#, uids(1001)),
        ),
        json(
            "a uid too long",
            Words(400, "128 bytes"),
            &quoted("uid", 129),
        ),
        json(
            "a topic too long",
            Words(400, "topic"),
            &quoted("topic", 65),
        ),
        json(
            "a name too long",
            Words(400, "allowed"),
            &quoted("event", 257),
        ),
        json("an id too long", Words(400, "allowed"), &quoted("id", 5000)),
        json(
            "a number too large",
            Words(400, ""),
            r#"{"ttl":99999999999999999999,"data":"forged"}"#,
        ),
        json(
            "deep as a well",
            Words(400, ""),
            &format!(r#"{{"data":{}"#, "[".repeat(200_000)),
        ),
        asked(
            "a listener's uids",
            Words(400, "more than 64"),
            &format!("GET /events?{}", "uid=1&".repeat(65)),
            "",
            "",
        ),
        asked(
            "a listener's topics",
            Words(400, "more than 64"),
            &format!("GET /events?topic={}", vec!["a"; 65].join(",")),
            "",
            "",
        ),
        asked(
            "a publisher's query",
            Words(400, "more than 1000"),
            &format!("POST /publish?{}", "uid=1&".repeat(1001)),
            plain,
            "forged",
        ),
        asked(
            "ntfy's topics",
            Words(400, "64"),
            &format!(
                "GET /{}/sse",
                (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
            ),
            "",
            "",
        ),
        asked(
            "ntfy's message",
            Words(400, ""),
            "POST /door",
            plain,
            &long(4097),
        ),
        asked(
            "ntfy's document",
            Words(413, ""),
            "POST /",
            "",
            &format!(r#"{{"topic":"door","message":"{}"}}"#, long(9000)),
        ),
        asked(
            "ntfy's buttons",
            Words(400, ""),
            "POST /door",
            "Actions: view, a, https://a; view, b, https://b; view, c, https://c; view, d, https://d\r\n",
            "forged",
        ),
        asked(
            "a body over the limit",
            Words(413, "1048576"),
            "POST /publish",
            plain,
            &long((1 << 20) + 1),
        ),
        asked(
            "a fact over the limit",
            Words(413, "1048576"),
            "POST /fact",
            plain,
            &long((1 << 20) + 1),
        ),
        raw(
            "a length over the limit",
            Words(413, "16777216"),
            format!(
                "POST /publish HTTP/1.1\r\n{host}{plain}Content-Length: 1000000000000\r\n\r\n{}",
                long((1 << 20) + 1)
            ),
        ),
        raw("chunks over the limit", Words(413, "1048576"), {
            let chunk = format!("10000\r\n{}\r\n", long(1 << 16));
            format!(
                "POST /publish HTTP/1.1\r\n{host}{plain}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(17)
            )
        }),
        raw(
            "an endless target",
            Protocol,
            format!("GET /events?uid={} HTTP/1.1\r\n{host}\r\n", long(1 << 20)),
        ),
        raw(
            "an endless header",
            Protocol,
            format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", long(1 << 20)),
        ),
        raw(
            "endless headers",
            Protocol,
            format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(10_000)),
        ),
        raw(
            "an endless method",
            Protocol,
            format!("{} / HTTP/1.1\r\n{host}\r\n", long(1 << 20)),
        ),
        raw(
            "endless extensions of a chunk",
            Protocol,
            format!(
                "POST /publish HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n6;{}\r\nforged\r\n0\r\n\r\n",
                long(1 << 20)
            ),
        ),
        raw(
            "endless trailers",
            Protocol,
            format!(
                "POST /publish HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n",
                "X: y\r\n".repeat(100_000)
            ),
        ),
    ]
}

/// A subscriber that should notice nothing of it.
struct Bystander {
    connection: Connection,
    parser: Parser,
    events: Vec<Event>,
}

impl Bystander {
    async fn open(hub: &Hub, path: &str, headers: &str) -> Self {
        let mut connection = Connection::open(hub.address()).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            hub.address()
        );
        connection.send(head.as_bytes()).await.unwrap();
        assert_eq!(connection.head().await.unwrap().status, 200, "{path}");
        let mut own = Self {
            connection,
            parser: Parser::default(),
            events: Vec::new(),
        };
        while own.parser.last_event_id.is_empty() {
            own.more().await;
        }
        own
    }

    async fn more(&mut self) {
        let part = tokio::time::timeout(PATIENCE, self.connection.part()).await;
        let part = part.expect("the bystander hears nothing").unwrap();
        let events = &mut self.events;
        let part = part.expect("the bystander's stream ended");
        self.parser.feed(&part, |event| events.push(event));
    }

    async fn hears(&mut self, data: &str) {
        while self.events.last().is_none_or(|last| last.data != data) {
            self.more().await;
        }
    }
}

/// What a request comes to: an answer, or none.
async fn outcome(hub: &Hub, case: &Case) -> Option<Answer> {
    let mut connection = Connection::open(hub.address()).await.unwrap();
    let asked = async {
        // Who is refused early need not be heard to the end.
        let _ = connection.send(&case.bytes).await;
        connection.answer().await.ok()
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    asked.unwrap_or_else(|_| panic!("{}: neither an answer nor an end", case.about))
}

async fn publish(hub: &Hub, data: &str) -> u64 {
    let mut connection = Connection::open(hub.address()).await.unwrap();
    let plain = [("Content-Type", "text/plain")];
    let answer = connection
        .ask("POST", "/publish", &plain, data.as_bytes())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    id.split_once('.').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_or_too_large_is_refused_and_disturbs_nobody() {
    let mut hub = Hub::new(&[]);
    hub.start().await;
    let mut bystander = Bystander::open(&hub, "/events?uid=1&topic=door,lift", "").await;
    let mut ntfy = Bystander::open(&hub, "/door/sse", "").await;
    let mut wrong = Vec::new();
    let mut expected = Vec::new();
    for case in injections().into_iter().chain(oversized()) {
        let answer = outcome(&hub, &case).await;
        let shown = answer
            .as_ref()
            .map(|answer| (answer.status(), answer.text()));
        let right = match (case.wanted, &answer) {
            (Protocol, None) => true,
            (Protocol, Some(answer)) => (400..500).contains(&answer.status()),
            (Words(..), None) => false,
            (Words(status, words), Some(answer)) => {
                let error = answer.json()["error"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                answer.status() == status && error.contains(words) && error.len() > 10
            }
        };
        let clean = answer.is_none_or(|answer| answer.head.header("set-cookie").is_none());
        if !right || !clean {
            wrong.push(format!(
                "{}: {shown:?} instead of {:?}",
                case.about, case.wanted
            ));
        }
        assert!(
            hub.is_running(),
            "{}: the hub ended: {}",
            case.about,
            hub.said()
        );
        // Each is between two of these, so that nothing of it can be in the log.
        let place = publish(&hub, &case.about).await;
        expected.push((place, case.about.clone()));
        bystander.hears(&case.about).await;
    }
    let heard: Vec<_> = bystander
        .events
        .iter()
        .map(|event| event.data.as_str())
        .collect();
    let published: Vec<_> = expected.iter().map(|(_, about)| about.as_str()).collect();
    assert_eq!(heard, published);
    for pair in expected.windows(2) {
        if pair[1].0 != pair[0].0 + 1 {
            wrong.push(format!("{}: something was stored", pair[1].1));
        }
    }
    let mut connection = Connection::open(hub.address()).await.unwrap();
    let sent = connection
        .ask("POST", "/door", &[], b"the end")
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    while !ntfy
        .events
        .last()
        .is_some_and(|last| last.data.contains("the end"))
    {
        ntfy.more().await;
    }
    let messages = ntfy
        .events
        .iter()
        .filter(|event| event.name == "message")
        .count();
    assert_eq!(messages, 1, "{:?}", ntfy.events);
    let peak = hub.peak_memory();
    let (status, _) = hub.end(Ending::Asked).await;
    assert!(
        status.success() && !hub.said().contains("panicked"),
        "{}",
        hub.said()
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(peak < 200 << 10, "the hub held {peak} KiB");
}

/// What is taken is taken as one thing: the streams read back as exactly that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_stays_one_event() {
    let mut hub = Hub::new(&[]);
    hub.start().await;
    let mut native = Bystander::open(&hub, "/events?topic=door", "").await;
    let mut ntfy = Bystander::open(&hub, "/door/sse", "").await;
    let forged = "a\r\nevent: gap\ndata: {}\n\nid: 0000000000.1\n\n";
    let mut connection = Connection::open(hub.address()).await.unwrap();
    let mut query = url::form_urlencoded::Serializer::new(String::from("/door/publish?"));
    for name in ["message", "title", "tags", "click"] {
        query.append_pair(name, forged);
    }
    let in_query = connection
        .ask("GET", &query.finish(), &[], b"")
        .await
        .unwrap();
    // The same where a header can carry it: encoded.
    let encoded = "=?UTF-8?Q?a=0D=0Aevent:_gap=0Adata:_{}=0A=0Aid:_0000000000.1=0A=0A?=";
    let headers = [
        ("Title", encoded),
        ("Tags", encoded),
        ("Message", encoded),
        ("Click", encoded),
    ];
    let in_headers = connection
        .ask("POST", "/door", &headers, b"")
        .await
        .unwrap();
    let document =
        serde_json::json!({"topic": "door", "title": forged, "message": forged, "tags": [forged]});
    let in_json = connection
        .ask("POST", "/", &[], document.to_string().as_bytes())
        .await
        .unwrap();
    let document = serde_json::json!({"topic": "door", "data": forged, "id": "k"});
    let json = [("Content-Type", "application/json")];
    let as_data = connection
        .ask("POST", "/publish", &json, document.to_string().as_bytes())
        .await
        .unwrap();
    for answer in [&in_query, &in_headers, &in_json, &as_data] {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.text().trim_end().lines().count(), 1);
    }
    while native.events.len() < 4 {
        native.more().await;
    }
    while ntfy
        .events
        .iter()
        .filter(|event| event.name != "open")
        .count()
        < 4
    {
        ntfy.more().await;
    }
    let names = |events: &[Event]| {
        events
            .iter()
            .map(|event| event.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&native.events), ["message"; 4]);
    assert_eq!(
        names(&ntfy.events),
        ["open", "message", "message", "message", "message"]
    );
    let normalised = forged.replace("\r\n", "\n");
    assert_eq!(native.events[3].data, normalised);
    for event in &ntfy.events[1..] {
        let message: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(message["message"].as_str().unwrap().trim(), forged.trim());
    }

    // A place that is none is told as what it is, and nothing else.
    for (path, header) in [
        (
            "/events?uid=1&lastEventId=a%0d%0adata:%20x%0a%0aevent:%20y",
            String::new(),
        ),
        (
            "/events?uid=1",
            format!("Last-Event-ID: {}\r\n", "x".repeat(8000)),
        ),
        (
            "/events?uid=1",
            "Last-Event-ID: \u{e9}\"}\u{1F514}\r\n".to_owned(),
        ),
        ("/door/sse", "Last-Event-ID: a\\n\\n\r\n".to_owned()),
    ] {
        let mut stream = Bystander::open(&hub, path, &header).await;
        while !stream.events.iter().any(|event| event.name == "gap") {
            stream.more().await;
        }
        let gap = stream
            .events
            .iter()
            .find(|event| event.name == "gap")
            .unwrap();
        let said: serde_json::Value = serde_json::from_str(&gap.data).unwrap();
        assert_eq!(said["to"].as_str(), Some(gap.id.as_str()), "{said}");
        let others = stream
            .events
            .iter()
            .filter(|event| !matches!(event.name.as_str(), "gap" | "open" | "message"));
        assert_eq!(others.count(), 0, "{:?}", stream.events);
    }
    let (status, _) = hub.end(Ending::Asked).await;
    assert!(
        status.success() && !hub.said().contains("panicked"),
        "{}",
        hub.said()
    );
}

/// Peers that begin and do not go on hold up nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_requests_hold_up_nobody() {
    let mut hub = Hub::new(&[]);
    hub.start().await;
    let mut bystander = Bystander::open(&hub, "/events?uid=1", "").await;
    let mut halves = Vec::new();
    for number in 0..200 {
        let mut half = Connection::open(hub.address()).await.unwrap();
        let begun: &[u8] = match number % 5 {
            0 => b"",
            1 => b"G",
            2 => b"POST /publish HTTP/1.1\r\nHost: localhost\r\nX: y",
            3 => b"POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
            _ => b"POST /publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        };
        half.send(begun).await.unwrap();
        halves.push(half);
    }
    for number in 0..20 {
        let data = format!("number {number}");
        publish(&hub, &data).await;
        bystander.hears(&data).await;
    }
    assert_eq!(bystander.events.len(), 20);
    let (status, _) = hub.end(Ending::Asked).await;
    assert!(
        status.success() && !hub.said().contains("panicked"),
        "{}",
        hub.said()
    );
}

/// Whatever a configuration file holds, it is read or refused in words.
#[test]
fn any_configuration_file_is_read_or_refused_in_words() {
    let seed = crate::asked("SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("FEEDBELL_RIG_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("serve.toml");
    let good = "listen = \"127.0.0.1:0\"\nallow-origin = [\"http://localhost:3000\"]\nmax-streams = 10\nmemory = true\n\
                token = [\"fb_secret\"]\nmax-age = 60\nhost = [\"bell.local\"]\n";
    let pieces = [
        "\"",
        "=",
        "[",
        "]",
        "\n",
        "[table]\n",
        "listen",
        "-1",
        "99999999999999999999",
        "true",
        "\\u0000",
        "'''",
        "#",
        "\u{feff}",
        "a.b = 1\n",
        "2026-01-01",
        "inf",
        "{ x = 1 }",
        "\r",
        "\t",
        "max-streams = \"many\"\n",
        "\u{85}",
    ];
    let mut read = 0;
    for number in 0..60 {
        let mut text = good.to_owned();
        for _ in 0..rng.usize(..4).min(number) {
            let at = text
                .char_indices()
                .map(|(at, _)| at)
                .nth(rng.usize(..text.chars().count()))
                .unwrap();
            if rng.bool() {
                text.insert_str(at, pieces[rng.usize(..pieces.len())]);
            } else {
                text.remove(at);
            }
        }
        let mut bytes = text.clone().into_bytes();
        if rng.usize(..10) == 0 && number > 0 {
            bytes.push(0xff);
        }
        std::fs::write(&path, &bytes).unwrap();
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_feedbell"))
            .args(["serve", "--print-config", "--config"])
            .arg(&path)
            .env_clear()
            .env("HOME", home.path())
            .env("LANG", "C.UTF-8")
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&ran.stderr).into_owned();
        let out = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(
            !err.contains("panicked") && ran.status.code().is_some(),
            "{text:?}: {err}"
        );
        assert!(!out.contains("fb_secret"), "{text:?}: {out}");
        if ran.status.success() {
            read += 1;
            assert!(out.contains("listen"), "{text:?}: {out}");
        } else {
            assert!(!err.trim().is_empty(), "{text:?}: no word of why");
        }
    }
    assert!(read > 0, "not even the good one was read");
}
