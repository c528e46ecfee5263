//! `docs/openapi.yaml` and the hub say the same: each address of the one is an
//! address of the other, and what the hub answers is what the file says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::{Server, Stream, memory, request};
use hub::{HubConfig, NewToken, Rate, Uid};

/// Addresses in the file that this hub does not have yet.
const NOT_YET: &[(&str, &str)] = &[];

/// Addresses that are not the file's business: ntfy's, which ntfy documents, and
/// the page's own files.
fn is_elsewhere(method: &str, path: &str) -> bool {
    let ntfy = path.starts_with("/{topic}") || path.starts_with("/{") || path.starts_with("/v1");
    ntfy || path.starts_with("/hub/page") || (path == "/" && method != "get")
}

struct Api {
    file: Value,
    /// Which operations were used, and how each ended.
    seen: BTreeSet<(String, String, u16)>,
}

impl Api {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.yaml");
        let text = fs::read_to_string(path).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(file["openapi"], "3.1.0");
        Self {
            file,
            seen: BTreeSet::new(),
        }
    }

    /// Method, in small letters, and path of everything in the file.
    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.file["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods
                    .filter(|name| *name != "parameters")
                    .map(|method| (method.clone(), path.clone()))
            })
            .collect()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(to) => self.file.pointer(to.strip_prefix('#').unwrap()).expect(to),
            None => value,
        }
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut root = json!({"allOf": [schema], "components": self.file["components"]});
        root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        jsonschema::validator_for(&root).unwrap()
    }

    fn check(&self, schema: &Value, value: &Value, what: &str) {
        let validator = self.validator(schema);
        let wrong: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?} in {value}");
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let operation = &self.file["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not in the file");
        operation
    }

    /// Holds one answer against the file.
    fn answered(&mut self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status.to_string();
        let what = format!("{method} {path}: {status} {}", answer.body);
        let response = &self.operation(method, path)["responses"][&status];
        assert!(response.is_object(), "{what}: the file has no such answer");
        let response = self.resolve(response);
        match response["content"].as_object() {
            None => assert_eq!(answer.body, "", "{what}"),
            Some(content) => {
                let full = answer.header("content-type").expect(&what);
                let kind = full.split(';').next().unwrap();
                let schema = &content.get(kind).expect(&what)["schema"];
                if kind == "application/json" {
                    self.check(schema, &answer.json(), &what);
                }
            }
        }
        self.seen
            .insert((method.to_lowercase(), path.to_owned(), answer.status));
    }

    /// Asks, with `{…}` of the path filled in, and holds the answer against the
    /// file.
    async fn ask(
        &mut self,
        server: &Server,
        line: &str,
        filled: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let authorization = format!("Bearer {token}");
        let mut headers = Vec::new();
        if !token.is_empty() {
            headers.push(("Authorization", authorization.as_str()));
        }
        let text = body.as_ref().map(Value::to_string).unwrap_or_default();
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let asked = match path.split_once('{') {
            Some((start, _)) => format!("{start}{filled}"),
            None => path.to_owned(),
        };
        let answer = request(server.address, method, &asked, &headers, text.as_bytes()).await;
        self.answered(method, path, &answer);
        // What is taken is what the file calls right.
        if let Some(body) = body.filter(|_| answer.status < 300) {
            let wanted = &self.operation(method, path)["requestBody"]["content"];
            let schema = &wanted["application/json"]["schema"];
            self.check(schema, &body, &format!("{line} with {body}"));
        }
        answer
    }

    /// Opens a stream and holds its head against the file.
    async fn open(&mut self, server: &Server, path: &str, query: &str, accept: &str) -> Stream {
        let asked = format!("{path}{query}");
        let accept = [("Accept", accept)];
        let headers = if accept[0].1.is_empty() {
            &[][..]
        } else {
            &accept
        };
        let stream = Stream::try_open(server.address, &asked, headers).await;
        let answer = if stream.status == 200 {
            Answer {
                status: stream.status,
                headers: stream.headers.clone(),
                body: String::new(),
            }
        } else {
            // A refusal is asked for again, to read it to its end.
            request(server.address, "GET", &asked, headers, b"").await
        };
        self.answered("GET", path, &answer);
        stream
    }
}

/// Method and path of each `.route(…)` in the sources.
fn routes() -> BTreeSet<(String, String)> {
    fn visit(folder: &Path, found: &mut BTreeSet<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for call in text.split(".route(").skip(1) {
                    let arguments = up_to_its_end(call);
                    let path = arguments.split('"').nth(1).expect(arguments);
                    let handlers = arguments.split_once(',').unwrap().1;
                    for method in ["get", "post", "put", "delete", "patch"] {
                        let named = handlers.split(|c: char| !c.is_alphanumeric() && c != '(');
                        if named.map(str::trim).any(|word| {
                            word.strip_prefix(method)
                                .is_some_and(|rest| rest.starts_with('('))
                        }) {
                            found.insert((method.to_owned(), path.to_owned()));
                        }
                    }
                    let any = ["any(", "any_service(", "route_service"];
                    assert!(
                        is_elsewhere("any", path) || !any.iter().any(|any| handlers.contains(any)),
                        "{path} takes any method"
                    );
                }
            }
        }
    }
    /// The arguments of a call, up to the bracket that ends it.
    fn up_to_its_end(call: &str) -> &str {
        let mut depth = 1;
        let end = call.find(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        &call[..end.unwrap()]
    }
    let mut found = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    visit(&sources, &mut found);
    found
}

#[test]
fn every_address_is_in_the_file() {
    let api = Api::load();
    let mut routes = routes();
    assert!(routes.len() > 10, "the routes are not found: {routes:?}");
    routes.retain(|(method, path)| !is_elsewhere(method, path));
    let not_yet =
        |(method, path): &&(String, String)| NOT_YET.contains(&(method.as_str(), path.as_str()));
    let documented: BTreeSet<_> = api
        .operations()
        .into_iter()
        .filter(|own| !not_yet(&own))
        .collect();
    let missing: Vec<_> = routes.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/openapi.yaml: {missing:?}");
    let invented: Vec<_> = documented.difference(&routes).collect();
    assert!(
        invented.is_empty(),
        "only in docs/openapi.yaml: {invented:?}"
    );
}

/// All schemas are schemas, and all references lead somewhere.
#[test]
fn the_file_is_sound() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    found.push(to.clone());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(array) => array.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let api = Api::load();
    let mut found = Vec::new();
    references(&api.file, &mut found);
    assert!(found.len() > 50);
    for to in found {
        let to = to.strip_prefix('#').unwrap();
        assert!(api.file.pointer(to).is_some(), "{to} leads nowhere");
    }
    for (name, schema) in api.file["components"]["schemas"].as_object().unwrap() {
        let checked = jsonschema::meta::validate(schema);
        assert!(checked.is_ok(), "{name}: {:?}", checked.err());
    }
    let mut names = BTreeSet::new();
    for (method, path) in api.operations() {
        let operation = api.operation(&method, &path);
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} twice");
        let summary = operation["summary"].as_str().unwrap();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{summary}");
        // Each `{…}` of the path is a parameter.
        let inside = path.split(['{', '}']).skip(1).step_by(2);
        for wanted in inside {
            let all = [
                &operation["parameters"],
                &api.file["paths"][&path]["parameters"],
            ];
            let all = all.iter().filter_map(|list| list.as_array()).flatten();
            let own = all.filter(|own| own["in"] == "path" && own["name"] == wanted);
            assert_eq!(own.count(), 1, "{method} {path}: {wanted}");
        }
    }
}

#[tokio::test]
async fn the_hub_answers_as_the_file_says() {
    let mut api = Api::load();
    let folder = tempfile::tempdir().unwrap();
    let store = hub::Store::Path(folder.path().join("hub.db"));
    let server = Server::start(HubConfig::new(store)).await;

    // Streams.
    let mut one = api.open(&server, "/events", "?uid=1", "").await;
    one.until_raw("id:").await;
    for path in ["/events", "/push", "/sse", "/test"] {
        let query = if path == "/push" { "?uid=2" } else { "" };
        api.open(&server, path, query, "").await;
    }
    api.open(&server, "/events", "?uid=%00", "").await;
    api.open(&server, "/push", "?uid=%00", "").await;

    // Publishing.
    let bodies = [
        json!({"event": "like"}),
        json!({"data": "x", "uid": 1, "uids": ["2"], "topic": "a", "topics": ["b"]}),
        json!({"data": {"a": [1]}, "id": 7, "ttl": 60, "retry": 3000, "event": "like"}),
        json!([{"data": 1}, {"event": "x", "uid": "1"}]),
    ];
    for body in bodies {
        let answer = api
            .ask(&server, "POST /publish", "", "", Some(body.clone()))
            .await;
        assert_eq!(answer.status, 200, "{body}");
    }
    let publication = json!({"$ref": "#/components/schemas/Publication"});
    for body in [
        json!({}),
        json!({"evnt": "like"}),
        json!({"data": 1, "topic": "a/b"}),
        json!({"data": 1, "ttl": 0}),
        json!({"data": 1, "retry": 86_400_001}),
        json!({"event": ""}),
        json!({"data": 1, "uid": true}),
    ] {
        // What is refused is what the file calls wrong.
        assert!(!api.validator(&publication).is_valid(&body), "{body}");
        let answer = api.ask(&server, "POST /publish", "", "", Some(body)).await;
        assert_eq!(answer.status, 400);
    }
    for line in ["POST /publish", "POST /fact", "POST /update"] {
        let large = Some(json!({"uid": 1, "data": "x".repeat(1 << 20)}));
        let answer = api.ask(&server, line, "", "", large).await;
        assert_eq!(answer.status, 413, "{line}");
    }
    api.ask(&server, "POST /fact", "", "", Some(json!({"a": 1})))
        .await;
    let empty = request(server.address, "POST", "/fact", &[], b"").await;
    api.answered("POST", "/fact", &empty);
    let message = json!({"uid": 1, "msg": "hello", "isAll": false});
    api.ask(&server, "POST /update", "", "", Some(message))
        .await;
    api.ask(&server, "POST /update", "", "", Some(json!({})))
        .await;

    // JSON lines.
    let lines = "application/x-ndjson";
    let query = "?uid=1&since=all&poll=1&control=1";
    let head = [("Accept", lines)];
    let asked = format!("/events{query}");
    let answer = request(server.address, "GET", &asked, &head, b"").await;
    api.answered("GET", "/events", &answer);
    let found: Vec<Value> = answer
        .body
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(found.len() > 5, "{}", answer.body);
    for line in &found {
        let schema = json!({"$ref": "#/components/schemas/Line"});
        api.check(&schema, line, "a line");
    }

    // Operating.
    for path in [
        "/",
        "/hub/status",
        "/hub/subscribers",
        "/hub/bans",
        "/hub/tokens",
        "/metrics",
        "/healthz",
        "/healthz/ready",
        "/healthz/live",
    ] {
        let answer = api.ask(&server, &format!("GET {path}"), "", "", None).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let id = server.hub.listening()[0].id.to_string();
    for (filled, status) in [
        (format!("{id}?ban=yes"), 400),
        (format!("{id}?ban=1"), 204),
        ("77".to_owned(), 404),
    ] {
        let answer = api
            .ask(&server, "DELETE /hub/subscribers/{id}", &filled, "", None)
            .await;
        assert_eq!(answer.status, status, "{filled}");
    }
    assert_eq!(server.hub.bans().await.unwrap(), [Uid::parse("1").unwrap()]);
    one.rest().await;
    let banned = api.open(&server, "/events", "?uid=1", "").await;
    assert_eq!(banned.status, 204);
    api.open(&server, "/push", "?uid=1", "").await;
    api.ask(&server, "GET /hub/bans", "", "", None).await;
    for (line, filled, status) in [
        ("PUT /hub/bans/{uid}", "x", 204),
        ("PUT /hub/bans/{uid}", "%00", 400),
        ("DELETE /hub/bans/{uid}", "x", 204),
        ("DELETE /hub/bans/{uid}", "x", 404),
        ("DELETE /hub/bans/{uid}", "%00", 400),
        ("DELETE /hub/tickets/{ticket}", "ft_none", 404),
        ("DELETE /hub/tokens/{id}", "none", 404),
    ] {
        let answer = api.ask(&server, line, filled, "", None).await;
        assert_eq!(answer.status, status, "{line} {filled}");
    }

    // A disk that takes nothing.
    let other = rusqlite::Connection::open(folder.path().join("hub.db")).unwrap();
    let broken = "CREATE TRIGGER broken BEFORE UPDATE ON hub BEGIN SELECT raise(FAIL, 'x'); END";
    other.execute_batch(broken).unwrap();
    for (line, body) in [
        ("POST /publish", Some(json!({"data": 1}))),
        ("POST /fact", Some(json!(1))),
        ("POST /update", Some(json!({"uid": 1}))),
        ("GET /healthz", None),
        ("GET /healthz/ready", None),
    ] {
        let answer = api.ask(&server, line, "", "", body).await;
        assert_eq!(answer.status, 503, "{line}");
    }
    other.execute_batch("DROP TRIGGER broken").unwrap();

    // Tokens and tickets.
    let new = json!({"name": "Owner", "read": true, "write": true, "admin": true});
    let made = api
        .ask(&server, "POST /hub/tokens", "", "", Some(new))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let owner = made.json()["token"].as_str().unwrap().to_owned();
    api.ask(&server, "GET /hub/tokens", "", &owner, None).await;
    let wrong = Some(json!({"name": ""}));
    api.ask(&server, "POST /hub/tokens", "", &owner, wrong)
        .await;
    let ticket = Some(json!({"uids": [2], "topics": ["door"]}));
    let made = api
        .ask(&server, "POST /hub/tickets", "", &owner, ticket)
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let ticket = made.json();
    let url = ticket["url"].as_str().unwrap();
    let (path, query) = url.split_once('?').unwrap();
    let stream = api.open(&server, path, &format!("?{query}"), "").await;
    assert_eq!(stream.status, 200);
    let secret = ticket["ticket"].as_str().unwrap();
    let wrong = Some(json!({"uid": 2}));
    api.ask(&server, "POST /hub/tickets", "", &owner, wrong)
        .await;
    api.ask(
        &server,
        "DELETE /hub/tickets/{ticket}",
        secret,
        &owner,
        None,
    )
    .await;

    // Who may do nothing, and who may do too little.
    let new = NewToken {
        name: "Nobody".to_owned(),
        read: false,
        write: true,
        admin: false,
        uids: vec![Uid::parse("7").unwrap()],
        topics: Vec::new(),
    };
    let (_, writer) = server.hub.create_token(new).await.unwrap();
    let new = NewToken {
        name: "Listener".to_owned(),
        read: true,
        write: false,
        admin: false,
        uids: Vec::new(),
        topics: Vec::new(),
    };
    let (reader_info, reader) = server.hub.create_token(new).await.unwrap();
    for (method, path) in api.operations() {
        let free = path == "/" || path.starts_with("/healthz");
        if free || NOT_YET.contains(&(method.as_str(), path.as_str())) {
            continue;
        }
        let line = format!("{} {path}", method.to_uppercase());
        let body = (method == "post").then(|| json!({"data": 1, "uid": 1}));
        let answer = api.ask(&server, &line, "x", "fb_none", body.clone()).await;
        assert_eq!(answer.status, 401, "{line}: {answer:?}");
        let little = match path.as_str() {
            "/publish" | "/fact" | "/update" => reader.secret(),
            _ => writer.secret(),
        };
        if path != "/hub/status" && path != "/metrics" {
            let answer = api.ask(&server, &line, "x", little, body).await;
            assert_eq!(answer.status, 403, "{line}: {answer:?}");
        }
    }
    let id = reader_info.id;
    api.ask(&server, "DELETE /hub/tokens/{id}", &id, &owner, None)
        .await;
    server.stop().await;

    // Limits.
    let server = Server::start(HubConfig {
        max_streams_per_uid: 1,
        max_streams: 3,
        rate: Rate {
            burst: 3,
            per_second: 0.001,
        },
        ..memory()
    })
    .await;
    let _first = api.open(&server, "/events", "?uid=1", "").await;
    assert_eq!(api.open(&server, "/events", "?uid=1", "").await.status, 429);
    assert_eq!(api.open(&server, "/push", "?uid=1", "").await.status, 429);
    let _second = api.open(&server, "/sse", "", "").await;
    let _third = api.open(&server, "/test", "", "").await;
    for (path, query) in [
        ("/events", "?uid=2"),
        ("/push", "?uid=2"),
        ("/sse", ""),
        ("/test", ""),
    ] {
        assert_eq!(api.open(&server, path, query, "").await.status, 503);
    }
    for line in ["POST /publish", "POST /fact", "POST /update"] {
        let mut answer = api
            .ask(&server, line, "", "", Some(json!({"uid": 1, "data": 1})))
            .await;
        while answer.status == 200 {
            answer = api
                .ask(&server, line, "", "", Some(json!({"uid": 1, "data": 1})))
                .await;
        }
        assert_eq!(answer.status, 429, "{line}: {}", answer.body);
        assert!(answer.header("retry-after").is_some());
    }
    server.stop().await;

    // All that the file has was used, and answered as on a good day.
    for (method, path) in api.operations() {
        if NOT_YET.contains(&(method.as_str(), path.as_str())) {
            continue;
        }
        let used = api
            .seen
            .iter()
            .any(|(own, at, status)| (own, at) == (&method, &path) && (200..300).contains(status));
        assert!(used, "{method} {path} was not used");
    }
    // And so was each answer, but for those that take long, a full disk, or more
    // than a test can make.
    let rare = [408, 409, 507];
    let mut unseen = Vec::new();
    for (method, path) in api.operations() {
        let responses = api.operation(&method, &path)["responses"].as_object();
        for status in responses.unwrap().keys() {
            let status: u16 = status.parse().unwrap();
            let answer = (method.clone(), path.clone(), status);
            if !rare.contains(&status) && !api.seen.contains(&answer) {
                unseen.push(format!("{path} {status}"));
            }
        }
    }
    let known = [
        // Takes several nodes.
        "/hub/subscribers/{id} 503",
        "/healthz/live 503",
        "/hub/status 403",
        "/metrics 403",
        "/sse 429",
        "/test 429",
    ];
    assert_eq!(unseen, known);
}
