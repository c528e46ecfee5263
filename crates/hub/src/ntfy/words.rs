//! Encoded words in header values, after RFC 2047: how clients whose HTTP
//! library sends only ASCII write the rest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text with its encoded words decoded. What is none, or has a character
/// set other than UTF-8, ASCII and Latin-1, stays as it is.
pub(super) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((word, length)) = word(from) else {
            out.push_str(before);
            out.push_str("=?");
            rest = &from[2..];
            after_word = false;
            continue;
        };
        // White space between two words belongs to the encoding.
        if !(after_word
            && before
                .chars()
                .all(|c| matches!(c, ' ' | '\t' | '\r' | '\n')))
        {
            out.push_str(before);
        }
        out.push_str(&word);
        rest = &from[length..];
        after_word = true;
    }
    out.push_str(rest);
    out
}

/// The encoded word at the start of `text`, and how many bytes it takes.
fn word(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix("=?")?;
    let (charset, inner) = inner.split_once('?')?;
    let (encoding, inner) = inner.split_once('?')?;
    let (encoded, after) = inner.split_once("?=")?;
    if charset.is_empty() || encoded.contains(['?', ' ', '\t']) {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(encoded).ok()?,
        "Q" | "q" => quoted(encoded)?,
        _ => return None,
    };
    // RFC 2231 allows a language after the character set.
    let charset = charset.split('*').next().unwrap_or_default();
    let decoded = match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => String::from_utf8(bytes).ok()?,
        "us-ascii" | "ascii" if bytes.is_ascii() => String::from_utf8(bytes).ok()?,
        "iso-8859-1" | "latin1" => latin1(&bytes),
        _ => return None,
    };
    Some((decoded, text.len() - after.len()))
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("=?UTF-8?B?8J+UpSBIb3Q=?=", "🔥 Hot"),
            ("=?utf-8?q?=E5=A4=A9_a?=", "天 a"),
            ("=?ISO-8859-1?Q?Gr=FC=DFe?=", "Grüße"),
            ("=?UTF-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
            ("=?us-ascii?q?a=20b?=", "a b"),
            // Between words the space is the encoding's, elsewhere it is text.
            ("a =?UTF-8?Q?b?= =?UTF-8?B?Yw==?= d", "a bc d"),
            ("=?UTF-8?Q?a?=b", "ab"),
            // None of these is a word that we can read.
            ("=?UTF-8?B?!!!?=", "=?UTF-8?B?!!!?="),
            ("=?UTF-8?Q?=FF?=", "=?UTF-8?Q?=FF?="),
            ("=?UTF-8?Q?=F?=", "=?UTF-8?Q?=F?="),
            ("=?koi8-r?Q?a?=", "=?koi8-r?Q?a?="),
            ("=?UTF-8?X?a?=", "=?UTF-8?X?a?="),
            ("=?UTF-8?Q?a b?=", "=?UTF-8?Q?a b?="),
            ("=?", "=?"),
            ("1 =? 2 =?UTF-8?Q?=33?=", "1 =? 2 3"),
            ("=?UTF-8?B??=", ""),
        ] {
            assert_eq!(decode(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(text in "\\PC{0,40}", more in "\\PC{0,20}") {
            let b = |text: &str| format!("=?UTF-8?B?{}?=", STANDARD.encode(text));
            let q = |text: &str| {
                let bytes: String = text.bytes().map(|byte| format!("={byte:02X}")).collect();
                format!("=?utf-8?q?{bytes}?=")
            };
            prop_assert_eq!(decode(&b(&text)), text.as_str());
            prop_assert_eq!(decode(&q(&text)), text.as_str());
            prop_assert_eq!(decode(&format!("{} {}", b(&text), q(&more))), format!("{text}{more}"));
        }

        #[test]
        fn nothing_makes_it_fall_over(text in "[=?_ Bbq8\\-UTFé天\t]{0,40}", any in any::<String>()) {
            decode(&text);
            decode(&any);
        }
    }
}
