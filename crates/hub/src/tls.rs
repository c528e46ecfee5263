//! The hub's certificate: the operator's own, or one that it makes for itself
//! and that clients pin.

use std::fmt;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

/// The name of a certificate that the hub made, beside its log.
pub const OWN_CERTIFICATE: &str = "hub-cert.pem";
/// The name of its key.
pub const OWN_KEY: &str = "hub-key.pem";
/// How long a certificate that the hub made is good for. Whoever pins it asks
/// for this very one, so it is made to stay.
const YEARS: i64 = 10;

/// A certificate with its key, ready for handshakes.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    fingerprint: String,
}

/// Why there is no TLS. Each is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {what} in PEM form", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Of a pair that the hub made, one is gone.
    #[error(
        "{} is missing; bring it back, or delete {} to have both made anew",
        path.display(),
        other.display()
    )]
    Widowed {
        /// The missing file.
        path: PathBuf,
        /// The one that is there.
        other: PathBuf,
    },
    /// Certificate and key are no pair, or of a kind that is not supported.
    #[error("the certificate {} and its key cannot be used: {why}", path.display())]
    NoPair {
        /// The certificate's file.
        path: PathBuf,
        /// What rustls says.
        why: rustls::Error,
    },
    /// No certificate could be made.
    #[error("no certificate could be made for {names}: {why}")]
    NotMade {
        /// The names and addresses it was for.
        names: String,
        /// What rcgen says.
        why: rcgen::Error,
    },
}

impl Tls {
    /// The operator's own certificate, with its chain, and its key, from PEM
    /// files.
    ///
    /// # Errors
    ///
    /// A file cannot be read or holds something else, or the two are no pair.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .unwrap_or_default();
        let key_of = PrivateKeyDer::from_pem_slice(&read(key)?);
        let key = key_of.map_err(|_| TlsError::NotPem {
            path: key.to_owned(),
            what: "private key",
        })?;
        Self::new(certificate, chain, key)
    }

    /// The hub's own certificate in `folder`, made there for `names` (host names
    /// and addresses) unless it exists. The key is readable by its owner alone.
    ///
    /// # Errors
    ///
    /// The files cannot be read, written or used, or a name is none.
    pub fn own(folder: &Path, names: &[String], now: Timestamp) -> Result<Self, TlsError> {
        let (certificate, key) = (folder.join(OWN_CERTIFICATE), folder.join(OWN_KEY));
        match (certificate.exists(), key.exists()) {
            (true, true) => {}
            (true, false) => {
                return Err(TlsError::Widowed {
                    path: key,
                    other: certificate,
                });
            }
            (false, true) => {
                return Err(TlsError::Widowed {
                    path: certificate,
                    other: key,
                });
            }
            (false, false) => {
                let made = make(names, now)?;
                write(&key, &made.1.serialize_pem(), 0o600)?;
                write(&certificate, &made.0.pem(), 0o644)?;
            }
        }
        Self::from_files(&certificate, &key)
    }

    /// A certificate for `names` that is gone with the process.
    ///
    /// # Errors
    ///
    /// [`TlsError::NotMade`] when a name is none.
    pub fn passing(names: &[String], now: Timestamp) -> Result<Self, TlsError> {
        let (certificate, key) = make(names, now)?;
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes());
        let path = Path::new("(in memory)");
        let key = key.map_err(|_| TlsError::NotPem {
            path: path.to_owned(),
            what: "private key",
        })?;
        Self::new(path, vec![certificate.der().clone()], key)
    }

    fn new(
        path: &Path,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let leaf = chain.first().ok_or_else(|| TlsError::NotPem {
            path: path.to_owned(),
            what: "certificate",
        })?;
        let fingerprint = fingerprint(leaf);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(|why| TlsError::NoPair {
            path: path.to_owned(),
            why,
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            fingerprint,
        })
    }

    /// What clients pin: `sha256:` and 64 hexadecimal digits over the
    /// certificate.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.fingerprint)
    }
}

/// What a certificate of a hub at `address` is made for: `localhost`, this
/// machine's name, with `.local` too, and the addresses it is reached at.
#[must_use]
pub fn names_of(address: SocketAddr, hosts: &[String]) -> Vec<String> {
    let mut names: Vec<String> = hosts.to_vec();
    if let Ok(host) = gethostname::gethostname().into_string() {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.push("localhost".to_owned());
    let ip = address.ip();
    if !ip.is_unspecified() {
        names.push(ip.to_string());
    }
    if ip.is_unspecified() || ip.is_loopback() {
        names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    }
    if ip.is_unspecified() {
        names.extend(towards_elsewhere().iter().map(ToString::to_string));
    }
    names.retain(|name| is_name(name));
    names.sort();
    names.dedup();
    names
}

/// The addresses this machine would be seen at. Nothing is sent: connecting a
/// UDP socket only chooses the route. The targets are for documentation
/// (RFC 5737, RFC 3849).
fn towards_elsewhere() -> Vec<IpAddr> {
    let v4 = (
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::from(([192, 0, 2, 1], 9)),
    );
    let v6 = (
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 9)),
    );
    let seen = |(from, to): (SocketAddr, SocketAddr)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    [v4, v6].into_iter().filter_map(seen).collect()
}

/// Whether it can stand in a certificate: an address, or a DNS name.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

fn make(names: &[String], now: Timestamp) -> Result<(rcgen::Certificate, KeyPair), TlsError> {
    let not_made = |why| TlsError::NotMade {
        names: names.join(", "),
        why,
    };
    let mut params = CertificateParams::new(names).map_err(not_made)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Feedbell hub");
    // A day early, for clocks that are behind.
    let today = now.to_zoned(TimeZone::UTC).date();
    let from = today.saturating_sub(1.day());
    let until = today.saturating_add(YEARS.years());
    let day = |date: jiff::civil::Date| {
        // Months and days are within 1 to 31.
        date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    (params.not_before, params.not_after) = (day(from), day(until));
    let key = KeyPair::generate().map_err(not_made)?;
    let certificate = params.self_signed(&key).map_err(not_made)?;
    Ok((certificate, key))
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    use fmt::Write as _;
    let digest = Sha256::digest(certificate);
    digest.iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a new file whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let failed = |source| TlsError::File {
        path: path.to_owned(),
        source,
    };
    let part = path.with_extension("pem.part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    // One that a crash left might have another mode.
    let _ = std::fs::remove_file(&part);
    let mut file = options.open(&part).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let hosts = ["bell.lan".to_owned(), "not a name".to_owned()];
        let of = |address: &str| names_of(address.parse().unwrap(), &hosts);
        for (address, has, has_not) in [
            ("127.0.0.1:1", "127.0.0.1", "192.168.1.2"),
            ("192.168.1.2:1", "192.168.1.2", "127.0.0.1"),
            ("0.0.0.0:1", "::1", "0.0.0.0"),
        ] {
            let names = of(address);
            for name in [has, "localhost", "bell.lan"] {
                assert!(names.iter().any(|own| own == name), "{address}: {names:?}");
            }
            for name in [has_not, "not a name"] {
                assert!(!names.iter().any(|own| own == name), "{address}: {names:?}");
            }
        }
    }

    #[test]
    fn it_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "::1".to_owned()];
        let now = "2026-02-28T12:00:00Z".parse().unwrap();
        let first = Tls::own(folder.path(), &names, now).unwrap();
        let again = Tls::own(folder.path(), &[], now).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.fingerprint().len(), "sha256:".len() + 64);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |name: &str| {
                let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
                metadata.permissions().mode() & 0o777
            };
            assert_eq!(mode(OWN_KEY), 0o600);
            assert_eq!(mode(OWN_CERTIFICATE) & 0o022, 0);
        }

        std::fs::remove_file(folder.path().join(OWN_KEY)).unwrap();
        let error = Tls::own(folder.path(), &names, now).unwrap_err();
        assert!(
            error.to_string().contains("hub-key.pem is missing"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_pair_is_refused_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let now = Timestamp::UNIX_EPOCH;
        let names = ["localhost".to_owned()];
        for side in ["a", "b"] {
            std::fs::create_dir(path(side)).unwrap();
            Tls::own(&path(side), &names, now).unwrap();
        }
        let (a, b) = (path("a").join(OWN_CERTIFICATE), path("b").join(OWN_KEY));
        for (certificate, key, says) in [
            (&a, &b, "hub-cert.pem and its key cannot be used"),
            (&b, &b, "holds no certificate"),
            (&a, &a, "holds no private key"),
            (&path("none"), &b, "none: "),
        ] {
            let error = Tls::from_files(certificate, key).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
