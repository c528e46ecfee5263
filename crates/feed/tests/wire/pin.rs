//! Servers known by their certificate alone.

use std::sync::Arc;

use feed::{
    FeedConfig, HubAddress, Pin, Publication, PublishError, State, StopReason, TlsTrouble, Trouble,
    publish,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::PrivateKeyDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    access::{first_data, secure_server},
    support::{Subscriber, still},
};

/// Shows this certificate, whatever its key is.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server whose certificate no authority signed, for another name and long
/// expired, and its pin. With a `thief`, it has the certificate and not the key.
fn server(
    versions: &[&'static rustls::SupportedProtocolVersion],
    thief: bool,
) -> (TlsAcceptor, Pin) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let pin = Pin::of(certificate.der());
    let key = if thief {
        KeyPair::generate().unwrap()
    } else {
        key
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let shown = CertifiedKey::new(vec![certificate.der().clone()], key);
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(Arc::new(shown))));
    (TlsAcceptor::from(Arc::new(config)), pin)
}

#[test]
fn the_pinned_certificate_and_no_other_is_taken() {
    still(async {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let (acceptor, pin) = server(&[version], false);
            let url = secure_server(acceptor).await;
            let mut config = FeedConfig::new(url.clone());
            config.pin = Some(pin);
            assert_eq!(first_data(config.clone()).await, "HTTP/1.1 false");

            config.pin = Some(Pin::of(b"another"));
            let mut subscriber = Subscriber::open(config);
            let Trouble::Tls { why, .. } = subscriber.trouble().await else {
                panic!("another certificate");
            };
            assert_eq!(why, TlsTrouble::WrongPin { found: pin });

            let mut subscriber = Subscriber::open(FeedConfig::new(url));
            let why = subscriber.trouble().await;
            assert!(matches!(why, Trouble::Tls { .. }), "{why:?}");
        }
    });
}

/// A certificate is public: only its key makes a server.
#[test]
fn a_copy_of_the_certificate_is_not_enough() {
    still(async {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let (acceptor, pin) = server(&[version], true);
            let mut config = FeedConfig::new(secure_server(acceptor).await);
            config.pin = Some(pin);
            let mut subscriber = Subscriber::open(config);
            let why = subscriber.trouble().await;
            let expected = matches!(
                &why,
                Trouble::Tls { why: TlsTrouble::Other(why), .. } if why.contains("ignature")
            );
            assert!(expected, "{why:?}");
        }
    });
}

#[test]
fn a_publish_goes_to_the_pinned_hub_only() {
    still(async {
        let (acceptor, found) = server(rustls::ALL_VERSIONS, false);
        let mut hub = HubAddress::new(secure_server(acceptor).await);
        hub.pin = Some(Pin::of(b"another"));
        let refused = publish(&hub, &Publication::default()).await;
        let Err(PublishError::Unreachable { why, .. }) = refused else {
            panic!("{refused:?}");
        };
        let why = why.words();
        assert_eq!(why.id, "trouble-tls-pin");
        assert!(why.args.contains(&("found", found.to_string())), "{why:?}");
    });
}

#[test]
fn with_a_pin_nothing_goes_over_plain_http() {
    still(async {
        let url: url::Url = "http://127.0.0.1:1/".parse().unwrap();
        let mut config = FeedConfig::new(url.clone());
        config.pin = Some(Pin::of(b"any"));
        let mut subscriber = Subscriber::open(config);
        assert_eq!(subscriber.state().await, State::Connecting);
        let why = subscriber.stopped().await;
        assert!(matches!(why, StopReason::BadAddress { .. }), "{why:?}");

        let mut hub = HubAddress::new(url);
        hub.pin = Some(Pin::of(b"any"));
        let refused = publish(&hub, &Publication::default()).await;
        assert!(
            matches!(refused, Err(PublishError::BadRequest { .. })),
            "{refused:?}"
        );
    });
}
