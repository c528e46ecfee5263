//! Places in the log.

use std::fmt;
use std::str::FromStr;

use sse::EventId;

/// Names one log. A log that is recreated gets another epoch, so that an old
/// cursor is recognised instead of pointing at the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

/// A place in a log: what stands in `id:` and comes back as `Last-Event-ID`.
/// Opaque to subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which log.
    pub epoch: Epoch,
    /// Which event, counted from 1; 0 is the place before the first.
    pub seq: u64,
}

impl Epoch {
    const DIGITS: usize = 10;

    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn random(random: &mut fastrand::Rng) -> Self {
        Self(random.u64(..1 << (4 * Self::DIGITS)))
    }
}

impl Position {
    /// The position as an event id.
    #[must_use]
    pub fn to_id(self) -> EventId {
        // Each event is written with it, and the formatter is slow.
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digits = (0..Epoch::DIGITS).rev();
        let digits = digits.map(|nth| HEX[(self.epoch.0 >> (4 * nth) & 15) as usize]);
        let mut text = String::with_capacity(Epoch::DIGITS + 21);
        text.extend(digits.map(char::from));
        text.push('.');
        text.push_str(&self.seq.to_string());
        #[expect(
            clippy::expect_used,
            reason = "hex digits, a dot and digits are a valid id"
        )]
        EventId::parse(&text).expect("a position is a valid id")
    }

    /// Bits of the number in a [`fingerprint`](Self::fingerprint); the epoch's
    /// lowest 24 stand above them.
    const SEQ_BITS: u32 = 46;

    /// The position as one number below 2^70.
    pub(crate) fn fingerprint(self) -> u128 {
        let seq = self.seq & ((1 << Self::SEQ_BITS) - 1);
        u128::from(self.epoch.0 & 0xff_ffff) << Self::SEQ_BITS | u128::from(seq)
    }

    /// The position in the log of `epoch` with this fingerprint, if one has it.
    pub(crate) fn from_fingerprint(epoch: Epoch, number: u128) -> Option<Self> {
        let seq = u64::try_from(number & ((1 << Self::SEQ_BITS) - 1)).ok()?;
        let position = Self { epoch, seq };
        (position.fingerprint() == number).then_some(position)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = Self::DIGITS)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// The text is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position of this hub")]
pub struct NoPosition;

impl FromStr for Epoch {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != Self::DIGITS || !text.bytes().all(hex) {
            return Err(NoPosition);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| NoPosition)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (epoch, seq) = text.split_once('.').ok_or(NoPosition)?;
        let canonical = seq == "0" || !seq.starts_with('0');
        if !canonical || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NoPosition);
        }
        // SQLite counts with 63 bits.
        let seq = seq.parse::<i64>().map_err(|_| NoPosition)?;
        Ok(Self {
            epoch: epoch.parse()?,
            seq: seq.unsigned_abs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_round_trip_and_nothing_else_parses() {
        for text in [
            "0000000000.0",
            "7f3a00ff12.1",
            "7f3a00ff12.9223372036854775807",
        ] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Position>().unwrap().to_id().as_str(), text);
        }
        for text in [
            "",
            ".",
            "1",
            "7f3a00ff12.",
            "7f3a00ff12.01",
            "7f3a00ff12.+1",
            "7f3a00ff12.-1",
            "7F3A00FF12.1",
            "7f3a00ff1.1",
            "+f3a00ff12.1",
            "7f3a00ff12.9223372036854775808",
            "7f3a00ff12.1.1",
            "1764000000000",
            "msg1",
        ] {
            assert_eq!(text.parse::<Position>(), Err(NoPosition), "{text}");
        }
    }
}
