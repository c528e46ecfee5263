//! A server known by its certificate alone, as one that signed its own.

use std::{fmt, str::FromStr, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a server's certificate, written `sha256:` and 64 hexadecimal
/// digits; colons between them are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

/// A text that is no [`Pin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it as the hub says it at its start: sha256: and 64 hexadecimal digits")]
pub struct InvalidPin;

impl Pin {
    /// The pin of a certificate, DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let kind = text.get(..7).ok_or(InvalidPin)?;
        if !kind.eq_ignore_ascii_case("sha256:") {
            return Err(InvalidPin);
        }
        let digits = text[7..].bytes().filter(|byte| *byte != b':');
        let digits: Option<Vec<u8>> = digits
            .map(|digit| char::from(digit).to_digit(16)?.try_into().ok())
            .collect();
        let digits = digits.ok_or(InvalidPin)?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        let whole = digits.len() == 64;
        let pin = bytes.try_into().ok().filter(|_| whole);
        pin.map(Self).ok_or(InvalidPin)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Another certificate than the pinned one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the certificate {0} is not the pinned one")]
pub(crate) struct WrongPin(pub(crate) Pin);

/// Takes the pinned certificate and no other, whatever its names, its dates and
/// its issuer are.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) pin: Pin,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Pin::of(end_entity);
        if found == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let why = OtherError(Arc::new(WrongPin(found)));
        Err(CertificateError::Other(why).into())
    }

    // That the server has the certificate's key: without it anybody could show
    // a copy of the certificate.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins() {
        let text = format!("sha256:{}", "0a".repeat(32));
        let pin: Pin = text.parse().unwrap();
        assert_eq!(pin.to_string(), text);
        let as_openssl_writes_it = format!("SHA256:{}", ["0A"; 32].join(":"));
        assert_eq!(as_openssl_writes_it.parse(), Ok(pin));
        for wrong in [
            "",
            "sha256:",
            &"0a".repeat(32),
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.replace("0a", "0g"),
            &text.replace("0a", "é"),
            "sha1:0a",
            "é256:00",
        ] {
            assert_eq!(wrong.parse::<Pin>(), Err(InvalidPin), "{wrong}");
        }
    }
}
