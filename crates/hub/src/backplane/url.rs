//! Addresses of engines. What is said of a wrong one repeats no part of it: with a
//! sign left unescaped, the password may be anywhere in it.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use fred::types::config::{Config, Server, ServerConfig, TlsConfig, TlsConnector};
use percent_encoding::percent_decode_str;
use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use url::{Host, ParseError, Url};

use super::BackplaneError;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What an address says.
pub(super) fn parse(address: &str) -> Result<Config, BackplaneError> {
    let url = Url::parse(address.trim()).map_err(|why| match why {
        ParseError::RelativeUrlWithoutBase => BackplaneError::Scheme,
        ParseError::InvalidPort => BackplaneError::Port,
        _ => BackplaneError::Host,
    })?;
    let (engine, kind) = url.scheme().split_once('-').unwrap_or((url.scheme(), ""));
    let secure = match engine {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(BackplaneError::Scheme),
    };
    let usual = match kind {
        "" => PORT,
        "sentinel" => SENTINEL_PORT,
        "cluster" => return Err(BackplaneError::Cluster),
        _ => return Err(BackplaneError::Scheme),
    };
    let host = match url.host().ok_or(BackplaneError::Host)? {
        Host::Domain("") => return Err(BackplaneError::Host),
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        // A resolver takes no brackets.
        Host::Ipv6(ip) => ip.to_string(),
    };
    let port = url.port().unwrap_or(usual);
    if port == 0 {
        return Err(BackplaneError::Port);
    }
    if url.fragment().is_some() {
        return Err(BackplaneError::Credentials);
    }
    let first = Server::new(host, port);
    let server = if kind == "sentinel" {
        sentinels(&url, first)?
    } else if url.query().is_some() {
        return Err(BackplaneError::Parameters);
    } else {
        ServerConfig::Centralized { server: first }
    };
    let tls = secure.then(|| trusted_by_system().map(configured));
    Ok(Config {
        server,
        username: credential(url.username())?,
        password: credential(url.password().unwrap_or_default())?,
        database: match url.path().trim_matches('/') {
            "" => None,
            number => Some(u8::from_str(number).map_err(|_| BackplaneError::Database)?),
        },
        tls: tls.transpose()?,
        ..Config::default()
    })
}

fn sentinels(url: &Url, first: Server) -> Result<ServerConfig, BackplaneError> {
    let mut hosts = vec![first];
    let (mut service, mut username, mut password) = (None, None, None);
    for (name, value) in url.query_pairs() {
        match &*name {
            "sentinelServiceName" => service = Some(value.into_owned()),
            "sentinelUsername" => username = Some(value.into_owned()),
            "sentinelPassword" => password = Some(value.into_owned()),
            "node" => {
                let (host, port) = value.rsplit_once(':').ok_or(BackplaneError::Sentinel)?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                match port.parse() {
                    Ok(port) if port > 0 && !host.is_empty() => {
                        hosts.push(Server::new(host.to_owned(), port));
                    }
                    _ => return Err(BackplaneError::Sentinel),
                }
            }
            _ => return Err(BackplaneError::Parameters),
        }
    }
    Ok(ServerConfig::Sentinel {
        hosts,
        service_name: service
            .filter(|name| !name.is_empty())
            .ok_or(BackplaneError::Sentinel)?,
        username,
        password,
    })
}

/// User or password, as they are before they are escaped.
fn credential(escaped: &str) -> Result<Option<String>, BackplaneError> {
    let plain = percent_decode_str(escaped).decode_utf8();
    let plain = plain.map_err(|_| BackplaneError::Credentials)?;
    Ok((!plain.is_empty()).then(|| plain.into_owned()))
}

/// TLS that trusts the certificates in this file alone.
pub(super) fn trusting(path: &Path) -> Result<TlsConfig, BackplaneError> {
    let wrong = |why: String| BackplaneError::Certificates {
        path: path.to_owned(),
        why,
    };
    let pem = std::fs::read(path).map_err(|why| wrong(why.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|why| wrong(why.to_string()))?;
        roots
            .add(certificate)
            .map_err(|why| wrong(why.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    let builder = builder().map_err(|why| wrong(why.to_string()))?;
    Ok(configured(builder.with_root_certificates(roots)))
}

fn trusted_by_system() -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, BackplaneError> {
    builder()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|why| BackplaneError::Authorities {
            why: why.to_string(),
        })
}

fn builder() -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn configured(trusting: ConfigBuilder<ClientConfig, WantsClientCert>) -> TlsConfig {
    TlsConnector::from(trusting.with_no_client_auth()).into()
}

/// The address without user and password. With Sentinel, theirs.
pub(super) fn shown(config: &Config) -> String {
    let (kind, servers, service) = match &config.server {
        ServerConfig::Sentinel {
            hosts,
            service_name,
            ..
        } => ("-sentinel", hosts.as_slice(), Some(service_name)),
        ServerConfig::Centralized { server } => ("", std::slice::from_ref(server), None),
        // No address makes these.
        ServerConfig::Clustered { .. } => ("-cluster", [].as_slice(), None),
    };
    let secure = if config.tls.is_some() { "s" } else { "" };
    let mut shown = format!("redis{secure}{kind}://");
    for (nth, server) in servers.iter().enumerate() {
        if nth > 0 {
            shown.push(',');
        }
        if server.host.contains(':') {
            shown.push_str(&format!("[{}]:{}", server.host, server.port));
        } else {
            shown.push_str(&format!("{}:{}", server.host, server.port));
        }
    }
    if let Some(database) = config.database {
        shown.push_str(&format!("/{database}"));
    }
    if let Some(name) = service {
        shown.push_str(&format!("?sentinelServiceName={name}"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use fred::types::config::ServerConfig;

    use super::{parse, shown, trusting};
    use crate::BackplaneError;

    fn of(address: &str) -> Result<String, String> {
        let config = parse(address).map_err(|why| format!("{why:?}"))?;
        Ok(shown(&config))
    }

    #[test]
    fn what_addresses_say() {
        for (address, expected) in [
            ("redis://host", "redis://host:6379"),
            ("redis://host/", "redis://host:6379"),
            ("redis://host:6380", "redis://host:6380"),
            ("redis://10.0.0.7:6380/15", "redis://10.0.0.7:6380/15"),
            ("redis://[::1]:6380", "redis://[::1]:6380"),
            ("rediss://host", "rediss://host:6379"),
            ("valkey://host", "redis://host:6379"),
            ("valkeys://host:1", "rediss://host:1"),
            (" redis://host\n", "redis://host:6379"),
            ("redis://:secret@host", "redis://host:6379"),
            ("redis://bell:secret@host:1/2", "redis://host:1/2"),
            (
                "redis-sentinel://u:secret@one?sentinelServiceName=bell&node=two:26380\
                 &node=[::1]:26381&sentinelUsername=su&sentinelPassword=secret",
                "redis-sentinel://one:26379,two:26380,[::1]:26381?sentinelServiceName=bell",
            ),
            (
                "valkeys-sentinel://one:1/3?sentinelServiceName=bell",
                "rediss-sentinel://one:1/3?sentinelServiceName=bell",
            ),
        ] {
            assert_eq!(of(address), Ok(expected.to_owned()), "{address}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_it() {
        for (address, expected) in [
            ("", "Scheme"),
            ("host", "Scheme"),
            ("secret@host:6379", "Scheme"),
            ("host:6379", "Scheme"),
            ("http://host", "Scheme"),
            ("redis+unix:///run/redis.sock", "Scheme"),
            ("redis-secret://host", "Scheme"),
            ("redis-cluster://host", "Cluster"),
            ("valkeys-cluster://host", "Cluster"),
            ("redis://", "Host"),
            ("redis:6379", "Host"),
            ("redis:///0", "Host"),
            ("redis://:secret@", "Host"),
            ("redis://[::g]", "Host"),
            ("redis://host:0", "Port"),
            ("redis://host:70000", "Port"),
            ("redis://host:secret", "Port"),
            // A password with signs that end it, or what it is in.
            ("redis://:se/cret@host:6379", "Host"),
            ("redis://u:secret/1@host", "Port"),
            ("redis://u:1#secret@host", "Credentials"),
            ("redis://u:%ff@host", "Credentials"),
            ("redis://u?secret@host", "Parameters"),
            ("redis://host/256", "Database"),
            ("redis://host/secret", "Database"),
            ("redis://host/1/2", "Database"),
            ("redis://host?protocol=secret", "Parameters"),
            ("redis://host?node=two:1", "Parameters"),
            ("redis-sentinel://host", "Sentinel"),
            ("redis-sentinel://host?sentinelServiceName=", "Sentinel"),
            (
                "redis-sentinel://host?sentinelServiceName=a&node=b",
                "Sentinel",
            ),
            (
                "redis-sentinel://host?sentinelServiceName=a&node=:1",
                "Sentinel",
            ),
            (
                "redis-sentinel://host?sentinelServiceName=a&node=b:secret",
                "Sentinel",
            ),
            (
                "redis-sentinel://host?sentinelServiceName=a&secret=b",
                "Parameters",
            ),
        ] {
            let Err(why) = parse(address) else {
                panic!("{address} is taken");
            };
            assert_eq!(format!("{why:?}"), expected, "{address}");
            assert!(!why.to_string().contains("secret"), "{why}");
        }
    }

    #[test]
    fn escaped_signs_are_part_of_the_password() {
        let config = parse("redis://a%40b:p%2Fw%23%3F@host").unwrap();
        assert_eq!(config.username.as_deref(), Some("a@b"));
        assert_eq!(config.password.as_deref(), Some("p/w#?"));
        let config = parse("redis://:pw@host/0").unwrap();
        assert_eq!((config.username, config.database), (None, Some(0)));
    }

    #[test]
    fn sentinels_have_credentials_of_their_own() {
        let config =
            parse("redis-sentinel://:engine@one?sentinelServiceName=bell&sentinelPassword=s%26p")
                .unwrap();
        assert_eq!(config.password.as_deref(), Some("engine"));
        let ServerConfig::Sentinel {
            service_name,
            username,
            password,
            ..
        } = config.server
        else {
            panic!("no Sentinel");
        };
        assert_eq!(service_name, "bell");
        assert_eq!((username, password.as_deref()), (None, Some("s&p")));
    }

    #[test]
    fn a_file_has_to_hold_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let why = |path: &std::path::Path| match trusting(path) {
            Err(BackplaneError::Certificates { path: named, why }) => {
                assert_eq!(named, path);
                why
            }
            other => panic!("{other:?}"),
        };
        assert!(why(&path).contains("No such file"), "{}", why(&path));
        std::fs::write(&path, "hello").unwrap();
        assert!(why(&path).contains("no certificate"), "{}", why(&path));
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&path, key.serialize_pem()).unwrap();
        assert!(why(&path).contains("no certificate"), "{}", why(&path));
        let mut broken = rcgen::generate_simple_self_signed(["a".to_owned()])
            .unwrap()
            .cert
            .pem();
        std::fs::write(&path, &broken).unwrap();
        trusting(&path).unwrap();
        broken = broken.replace("-----END", "!-----END");
        std::fs::write(&path, broken).unwrap();
        why(&path);
    }
}
