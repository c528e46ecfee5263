//! The ids of ntfy's messages.

use std::fmt;

use crate::Position;

/// The id of an ntfy message: 12 of `A-Z a-z 0-9`. Source: ntfy's
/// `docs/publish.md`; its clients take nothing else for an id in `since`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// Length in characters.
    pub const LEN: usize = 12;
    const ALPHABET: &'static [u8; 62] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// A new id.
    #[must_use]
    pub fn random(random: &mut fastrand::Rng) -> Self {
        let text: String = std::iter::repeat_with(|| random.alphanumeric())
            .take(Self::LEN)
            .collect();
        Self(text.into())
    }

    /// The id under which an event that is no ntfy message shows at ntfy's
    /// clients. The same event has the same id for ever.
    pub(crate) fn of(position: Position) -> Self {
        let mut rest = position.fingerprint();
        let text: String = std::iter::repeat_with(|| {
            let digit = (rest % 62) as usize;
            rest /= 62;
            char::from(Self::ALPHABET[digit])
        })
        .take(Self::LEN)
        .collect();
        Self(text.into())
    }

    /// Reads back what [`of`](Self::of) wrote; `None` for anything else.
    pub(crate) fn position(&self, epoch: crate::Epoch) -> Option<Position> {
        let mut number: u128 = 0;
        for byte in self.0.bytes().rev() {
            let digit = Self::ALPHABET.iter().position(|own| *own == byte)?;
            number = number * 62 + digit as u128;
        }
        Position::from_fingerprint(epoch, number)
    }

    /// Checks an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == Self::LEN && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;

    #[test]
    fn ids_of_positions_lead_back() {
        let mut random = fastrand::Rng::with_seed(7);
        let epoch = Epoch::random(&mut random);
        let other = Epoch::random(&mut random);
        for seq in [1, 2, 61, 62, 4_000_000_000, (1 << 44) - 1] {
            let id = MessageId::of(Position { epoch, seq });
            assert_eq!(MessageId::parse(id.as_str()), Some(id.clone()));
            assert_eq!(id.position(epoch), Some(Position { epoch, seq }));
            assert_eq!(id.position(other), None);
        }
        assert_eq!(MessageId::random(&mut random).position(epoch), None);
        for text in ["", "12345678901", "1234567890123", "12345678901-"] {
            assert_eq!(MessageId::parse(text), None, "{text}");
        }
    }
}
