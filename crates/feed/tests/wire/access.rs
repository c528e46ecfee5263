//! Certificates, proxies, HTTP/2, and secrets that do not travel unencrypted.

use std::{convert::Infallible, path::PathBuf, sync::Arc};

use bytes::Bytes;
use feed::{FeedConfig, Identity, Proxy, State, StopReason, TlsTrouble, Trouble};
use futures::StreamExt as _;
use http::{HeaderValue, header::AUTHORIZATION};
use http_body_util::StreamBody;
use hyper::{body::Frame, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{RootCertStore, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::support::{Server, Subscriber, still};

/// An authority of our own, and a folder for what it signs.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self {
            folder: tempfile::TempDir::new().unwrap(),
            issuer,
        };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Certificate and key, PEM.
    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn acceptor(&self, clients: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign("localhost");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut known = RootCertStore::empty();
        known.add(self.issuer.as_ref().der().clone()).unwrap();
        let builder = if clients {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = key.serialize_der().try_into().unwrap();
        let mut config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A real HTTP/2 (or 1.1) server over TLS; answers each request with a stream
/// that says what it saw, and stays open.
pub(crate) async fn secure_server(acceptor: TlsAcceptor) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(socket) = acceptor.accept(socket).await else {
                    return;
                };
                let client = socket.get_ref().1.peer_certificates().is_some();
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let seen = format!("data: {:?} {client}\n\n", request.version());
                    let body = futures::stream::once(std::future::ready(Ok::<_, Infallible>(
                        Frame::data(Bytes::from(seen)),
                    )));
                    let body = StreamBody::new(body.chain(futures::stream::pending()));
                    let answer = hyper::Response::builder()
                        .header("content-type", "text/event-stream")
                        .body(body)
                        .unwrap();
                    std::future::ready(Ok::<_, Infallible>(answer))
                });
                let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    Url::parse(&format!("https://localhost:{port}/")).unwrap()
}

pub(crate) async fn first_data(config: FeedConfig) -> String {
    let mut subscriber = Subscriber::open(config);
    subscriber.live().await;
    subscriber.data().await
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named_and_http_2_is_spoken() {
    still(async {
        let authority = Authority::new();
        let url = secure_server(authority.acceptor(false)).await;
        let mut subscriber = Subscriber::open(FeedConfig::new(url.clone()));
        let Trouble::Tls { why, .. } = subscriber.trouble().await else {
            panic!("the authority is unknown");
        };
        assert_eq!(why, TlsTrouble::UnknownIssuer);

        let mut config = FeedConfig::new(url);
        config.authorities = Some(authority.path("ca.pem"));
        assert_eq!(first_data(config).await, "HTTP/2.0 false");
    });
}

#[test]
fn a_client_certificate_is_shown() {
    still(async {
        let authority = Authority::new();
        let url = secure_server(authority.acceptor(true)).await;
        let mut config = FeedConfig::new(url);
        config.authorities = Some(authority.path("ca.pem"));
        let mut without = Subscriber::open(config.clone());
        // TLS 1.3 tells the client only after its handshake.
        let why = without.trouble().await;
        assert!(
            matches!(why, Trouble::Tls { .. } | Trouble::Broken { .. }),
            "{why:?}"
        );

        let (certificate, key) = authority.sign("ada");
        config.identity = Some(Identity {
            certificate: authority.write("ada.pem", &certificate.pem()),
            key: Some(authority.write("ada.key", &key.serialize_pem())),
        });
        assert_eq!(first_data(config.clone()).await, "HTTP/2.0 true");
        // Both in one file:
        config.identity = Some(Identity {
            certificate: authority.write("both.pem", &(certificate.pem() + &key.serialize_pem())),
            key: None,
        });
        assert_eq!(first_data(config).await, "HTTP/2.0 true");
    });
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    still(async {
        let authority = Authority::new();
        for path in [
            authority.path("missing.pem"),
            authority.write("empty.pem", "not a certificate"),
        ] {
            let mut config = FeedConfig::new(Url::parse("https://localhost:1/").unwrap());
            config.authorities = Some(path.clone());
            let mut subscriber = Subscriber::open(config);
            assert_eq!(subscriber.state().await, State::Connecting);
            let StopReason::BadCertificate { path: named, .. } = subscriber.stopped().await else {
                panic!("the file is named");
            };
            assert_eq!(named, path.display().to_string());
        }
    });
}

#[test]
fn secrets_do_not_travel_unencrypted() {
    still(async {
        let stopped = |url: &str, allowed: bool, in_address: bool| {
            let mut config = FeedConfig::new(Url::parse(url).unwrap());
            config.plain_http = allowed;
            config.secret_address = in_address;
            if !in_address {
                config
                    .headers
                    .insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
            }
            async move {
                let mut subscriber = Subscriber::open(config);
                assert_eq!(subscriber.state().await, State::Connecting);
                subscriber.stopped().await
            }
        };
        for in_address in [false, true] {
            // Private, but nobody consented.
            let host = "192.168.1.20:8080".to_owned();
            assert_eq!(
                stopped("http://192.168.1.20:8080/", false, in_address).await,
                StopReason::Unencrypted { host }
            );
            let host = "198.51.100.7".to_owned();
            assert_eq!(
                stopped("http://198.51.100.7/", true, in_address).await,
                StopReason::UnencryptedPublic { host }
            );
        }
        // To this computer they may.
        let server = Server::start().await;
        let mut config = server.config();
        config
            .headers
            .insert(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        let mut subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        assert_eq!(peer.header("authorization"), Some("Bearer x"));
        // And not on to where the server sends us either.
        peer.redirect(302, "http://192.168.1.20/").await;
        drop(server);
        assert_eq!(subscriber.state().await, State::Connecting);
    });
}

/// A proxy that tunnels (CONNECT), and forwards plain requests, to where they
/// ask; tells each request line.
async fn http_proxy() -> (Url, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, lines) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let text = String::from_utf8(head.clone()).unwrap();
                let line = text.lines().next().unwrap().to_owned();
                let mut words = line.split(' ');
                let (method, target) = (words.next().unwrap(), words.next().unwrap());
                let place = match method {
                    "CONNECT" => target.to_owned(),
                    _ => {
                        let url = Url::parse(target).unwrap();
                        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
                    }
                };
                let mut server = TcpStream::connect(place).await.unwrap();
                if method == "CONNECT" {
                    client.write_all(b"HTTP/1.1 200 x\r\n\r\n").await.unwrap();
                } else {
                    server.write_all(&head).await.unwrap();
                }
                told.send(line).unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (Url::parse(&url).unwrap(), lines)
}

#[test]
fn a_feed_goes_through_its_own_proxy() {
    still(async {
        let (proxy, mut lines) = http_proxy().await;
        let server = Server::start().await;
        let mut config = server.config();
        config.proxy = Proxy::Url(proxy.clone());
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        peer.send("data: a\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        let line = lines.recv().await.unwrap();
        assert!(line.starts_with("GET http://127.0.0.1:"), "{line}");

        let authority = Authority::new();
        let mut config = FeedConfig::new(secure_server(authority.acceptor(false)).await);
        config.authorities = Some(authority.path("ca.pem"));
        config.proxy = Proxy::Url(proxy);
        assert_eq!(first_data(config).await, "HTTP/2.0 false");
        let line = lines.recv().await.unwrap();
        assert!(line.starts_with("CONNECT localhost:"), "{line}");
    });
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    still(async {
        let server = Server::start().await;
        let nobody = Server::start().await.origin();
        let mut config = server.config();
        config.proxy = Proxy::Url(Url::parse(&nobody).unwrap());
        let mut subscriber = Subscriber::open(config);
        let Trouble::Proxy { proxy, .. } = subscriber.trouble().await else {
            panic!("the proxy is to blame");
        };
        assert_eq!(format!("http://{proxy}"), nobody);
    });
}

/// SOCKS 5 without a login (RFC 1928): gives the address it was asked for.
async fn socks_proxy() -> (Url, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("socks5h://{}", listener.local_addr().unwrap());
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut greeting = [0; 2];
                client.read_exact(&mut greeting).await.unwrap();
                let mut methods = vec![0; greeting[1].into()];
                client.read_exact(&mut methods).await.unwrap();
                client.write_all(&[5, 0]).await.unwrap();
                let mut request = [0; 4];
                client.read_exact(&mut request).await.unwrap();
                let host = match request[3] {
                    1 => {
                        let mut address = [0; 4];
                        client.read_exact(&mut address).await.unwrap();
                        std::net::Ipv4Addr::from(address).to_string()
                    }
                    _ => {
                        let length = client.read_u8().await.unwrap();
                        let mut name = vec![0; length.into()];
                        client.read_exact(&mut name).await.unwrap();
                        String::from_utf8(name).unwrap()
                    }
                };
                let port = client.read_u16().await.unwrap();
                let mut server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                client
                    .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
                    .await
                    .unwrap();
                told.send(host).unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (Url::parse(&url).unwrap(), asked)
}

#[test]
fn a_socks_proxy_serves_too_and_looks_the_name_up() {
    still(async {
        let (proxy, mut asked) = socks_proxy().await;
        let server = Server::start().await;
        let mut config = server.config();
        config.url.set_host(Some("localhost")).unwrap();
        config.proxy = Proxy::Url(proxy);
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        peer.send("data: a\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        assert_eq!(asked.recv().await.unwrap(), "localhost");
    });
}
