//! Secrets: how they are made, and what is kept of them.

use sha2::{Digest as _, Sha256};

use crate::HubError;

/// What is kept of a secret. With 190 bits of chance in each secret nobody
/// finds one by trying, so a plain hash is enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What [`hex`](Self::hex) wrote.
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        let digit = |at: usize| char::from(*hex.as_bytes().get(at)?).to_digit(16);
        if hex.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(digit(2 * at)? * 16 + digit(2 * at + 1)?).ok()?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn hex(&self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are of the same secret, in a time that says nothing.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let different = self
            .0
            .iter()
            .zip(other.0)
            .fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(different) == 0
    }
}

/// Not even the hash is for logs.
impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}

/// A new secret: `prefix` and 32 of `A-Z a-z 0-9`.
pub(crate) fn secret(prefix: &str) -> Result<String, HubError> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    random(prefix, 32, LETTERS)
}

/// A new name for a token: so many of `a-z 0-9`.
pub(crate) fn id(len: usize) -> Result<String, HubError> {
    random("", len, b"abcdefghijklmnopqrstuvwxyz0123456789")
}

fn random(prefix: &str, len: usize, letters: &[u8]) -> Result<String, HubError> {
    let mut text = prefix.to_owned();
    // Above the last whole multiple a letter would be likelier than others.
    let fair = 256 / letters.len() * letters.len();
    while text.len() < prefix.len() + len {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).map_err(|source| HubError::NoRandomness { source })?;
        let missing = prefix.len() + len - text.len();
        let fresh = bytes.iter().map(|byte| usize::from(*byte));
        let fresh = fresh.filter(|byte| *byte < fair).take(missing);
        text.extend(fresh.map(|byte| char::from(letters[byte % letters.len()])));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets() {
        let one = secret("fb_").unwrap();
        assert_eq!(one.len(), 35);
        assert!(one.starts_with("fb_"));
        assert!(one[3..].bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(one, secret("fb_").unwrap());
        assert_eq!(id(4).unwrap().len(), 4);
        let (own, other) = (Hash::of(&one), Hash::of("fb_"));
        assert!(own.is(&Hash::of(&one)) && !own.is(&other));
        assert_eq!(Hash::read(own.bytes()), Some(own));
        assert_eq!(Hash::read(&[0; 31]), None);
        assert_eq!(Hash::parse(&own.hex()), Some(own));
        assert_eq!(Hash::parse(&own.hex()[1..]), None);
        assert_eq!(Hash::parse(&"é".repeat(32)), None);
        assert_eq!(format!("{own:?}"), "Hash(…)");
    }
}
