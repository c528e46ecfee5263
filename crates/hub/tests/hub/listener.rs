//! HTTP and HTTPS on one port, HTTP/1.1 and HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, StatusCode, Version};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Server, get, memory, request, soon};
use hub::{Doors, Tls, TlsMode};

/// A certificate that the hub made, and a client that trusts it alone, by the
/// names in it.
pub(crate) struct Own {
    pub(crate) tls: Tls,
    trusting: ClientConfig,
}

impl Own {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = hub::names_of("127.0.0.1:1".parse().unwrap(), &["bell.lan".to_owned()]);
        let now = jiff::Timestamp::now();
        let tls = Tls::own(folder.path(), &names, now).unwrap();
        let pem = std::fs::read(folder.path().join(hub::OWN_CERTIFICATE)).unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(&pem).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trusting = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls, trusting }
    }

    pub(crate) fn on(&self) -> impl FnOnce(&mut Doors) {
        let tls = self.tls.clone();
        move |doors| doors.tls = TlsMode::On(tls)
    }

    /// A client that takes what the server offers first.
    fn client(&self, how: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        self.client_with(&[b"h2", b"http/1.1"], how)
    }

    fn client_with(
        &self,
        alpn: &[&[u8]],
        how: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Client {
        let mut config = self.trusting.clone();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let builder = Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(config);
        how(builder).build().unwrap()
    }

    pub(crate) fn client_of_http_2(&self) -> Client {
        self.client(|builder| builder)
    }

    /// A connection without HTTP on it.
    pub(crate) async fn connect(&self, server: &Server) -> TlsStream<TcpStream> {
        let connector = TlsConnector::from(Arc::new(self.trusting.clone()));
        let name = ServerName::try_from("localhost").unwrap();
        let socket = TcpStream::connect(server.address).await.unwrap();
        soon("a handshake", connector.connect(name, socket))
            .await
            .unwrap()
    }
}

/// Reads an answer that never ends until it contains `text`.
async fn read_until(response: &mut Response, text: &str) -> String {
    let mut read = String::new();
    soon(text, async {
        while !read.contains(text) {
            let chunk = response.chunk().await.unwrap().expect("the stream ended");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    })
    .await;
    read
}

/// After a network was away all come at once: nobody is sent away because the hub
/// has not got to them yet.
#[tokio::test]
async fn many_may_wait_at_the_door() {
    let listener = hub::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // More than the usual 128. Nobody takes them.
    for _ in 0..300 {
        let socket = soon("a place at the door", TcpStream::connect(address));
        waiting.push(socket.await.unwrap());
    }
}

#[tokio::test]
async fn one_port_speaks_http_and_https_in_both_versions() {
    let own = Own::new();
    let server = Server::behind(memory(), own.on()).await;
    let port = server.address.port();
    let http1 = ClientBuilder::http1_only;
    let known = ClientBuilder::http2_prior_knowledge;
    let as_it_is = |builder| builder;
    let clients = [
        ("http", own.client(as_it_is), Version::HTTP_11),
        ("http", own.client(known), Version::HTTP_2),
        ("https", own.client(as_it_is), Version::HTTP_2),
        (
            "https",
            own.client_with(&[b"http/1.1"], as_it_is),
            Version::HTTP_11,
        ),
        ("https", own.client_with(&[], http1), Version::HTTP_11),
    ];
    let mut streams = Vec::new();
    for host in ["127.0.0.1", "localhost"] {
        for (scheme, client, version) in &clients {
            let site = format!("{scheme}://{host}:{port}");
            let response = client.get(format!("{site}/events?uid=1")).send().await;
            let mut response = response.unwrap();
            assert_eq!(
                (response.status(), response.version()),
                (StatusCode::OK, *version)
            );
            assert_eq!(response.headers().get("connection"), None);
            // Up to the first comment: from here on it misses nothing.
            read_until(&mut response, "id:").await;
            streams.push(response);

            for (origin, allowed) in [
                (site.clone(), true),
                (format!("https://{host}:1"), false),
                (format!("{scheme}://evil.example:{port}"), false),
            ] {
                let publish = client.post(format!("{site}/publish")).body("x");
                let answer = publish.header("origin", &origin).send().await.unwrap();
                let expected = if allowed { 200 } else { 403 };
                assert_eq!(answer.status(), expected, "{site} {origin}");
                assert_eq!(answer.headers().get("connection"), None);
            }
        }
    }
    server.publish(json!({"data": "for all of them"})).await;
    for mut stream in streams {
        read_until(&mut stream, "for all of them").await;
    }
    server.stop().await;
}

/// A page that rebinds its name keeps that name in HTTP/2 too, where it is not
/// in a header.
#[tokio::test]
async fn over_http_2_foreign_hosts_are_refused() {
    let own = Own::new();
    let server = Server::behind(memory(), own.on()).await;
    let client = own.client(|builder| builder.resolve("bell.lan", server.address));
    let url = format!("https://bell.lan:{}/healthz", server.address.port());
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.version()),
        (StatusCode::FORBIDDEN, Version::HTTP_2)
    );
    assert!(answer.text().await.unwrap().contains("bell.lan"));
    server.stop().await;
}

#[tokio::test]
async fn where_tls_is_required_plain_http_is_told_so() {
    let own = Own::new();
    let tls = own.tls.clone();
    let server = Server::behind(memory(), |doors| doors.tls = TlsMode::Required(tls)).await;
    let secret = [("Authorization", "Bearer tk_secret")];
    for (method, path) in [("GET", "/"), ("POST", "/publish"), ("GET", "/healthz")] {
        let answer = request(server.address, method, path, &secret, b"x").await;
        assert_eq!(answer.status, 400, "{path}");
        let way_out = format!("use https://{}", server.address);
        assert!(answer.error().contains(&way_out), "{}", answer.body);
    }
    assert_eq!(server.hub.position().seq, 0);

    let url = format!("https://{}/publish", server.address);
    let answer = own
        .client(|builder| builder)
        .post(url)
        .body("x")
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn without_tls_a_handshake_fails_and_harms_nothing() {
    let own = Own::new();
    let server = Server::memory().await;
    let url = format!("https://{}/", server.address);
    let failed = soon("an answer", own.client(|builder| builder).get(url).send()).await;
    assert!(failed.is_err());
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_idle_http_2_connection_ends_and_one_with_a_stream_stays() {
    let own = Own::new();
    let tls = own.tls.clone();
    let server = Server::behind(memory(), |doors| {
        doors.tls = TlsMode::On(tls);
        // The peer below does not even answer that the connection shall end.
        doors.idle_timeout = Duration::from_millis(50);
        doors.head_timeout = Duration::from_millis(50);
    })
    .await;
    let client = own.client(|builder| builder);
    let url = format!("https://{}/events?uid=1", server.address);
    let mut stream = client.get(url).send().await.unwrap();
    read_until(&mut stream, "id:").await;

    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    tokio::io::AsyncWriteExt::write_all(&mut idle, preface)
        .await
        .unwrap();
    let mut said = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut idle, &mut said);
    soon("the end of the idle one", read).await.unwrap();
    let begins_with_settings = said.get(3) == Some(&4);
    assert!(begins_with_settings, "{said:?}");

    server.publish(json!({"data": "still there"})).await;
    read_until(&mut stream, "still there").await;
    server.stop().await;
}
