//! When the access of a feed expires, as far as it says so itself.

use base64::Engine as _;
use feed::FeedConfig;
use http::header;

/// The cookies in which the Mercure protocol, in its older and newer form, carries access. Others
/// may expire without a word about it.
const COOKIES: [&str; 2] = ["mercureAuthorization", "mercureAccessToken"];

/// The moment at which a token in this configuration expires, in milliseconds since the Unix epoch;
/// nothing if there is none, or none that tells.
///
/// A hub of the Mercure protocol goes on with an expired token, without a word, as with none: only
/// public updates arrive then.
#[must_use]
pub(crate) fn expiry(config: &FeedConfig) -> Option<i64> {
    let header = |name| config.headers.get_all(name).iter();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let bearer = header(header::AUTHORIZATION).map(text).filter_map(|value| {
        let (kind, token) = value.split_once(' ')?;
        kind.eq_ignore_ascii_case("bearer")
            .then(|| token.trim().to_owned())
    });
    let cookies: Vec<String> = header(header::COOKIE)
        .map(text)
        .flat_map(|value| {
            let values = value.split(';').filter_map(|pair| pair.split_once('='));
            values
                .filter(|(name, _)| COOKIES.contains(&name.trim()))
                .map(|(_, value)| value.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    let query = config
        .url
        .query_pairs()
        .filter(|(name, _)| name == "access_token")
        .map(|(_, value)| value.into_owned());
    bearer
        .chain(cookies)
        .chain(query)
        .filter_map(|token| expires(&token))
        .min()
}

/// `exp` of a JSON Web Token. Nothing is verified: the server does that, we only say what it reads.
fn expires(token: &str) -> Option<i64> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()?;
    let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let seconds = payload.get("exp")?;
    let seconds = seconds.as_i64().or_else(|| {
        // Dates of this format may have fractions.
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as is meant")]
        seconds.as_f64().map(|seconds| seconds.floor() as i64)
    })?;
    Some(seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encode(r#"{"alg":"HS256"}"#), encode(payload))
    }

    #[test]
    fn only_a_token_that_tells_has_an_expiry() {
        assert_eq!(
            expires(&token(r#"{"exp":1767225600}"#)),
            Some(1_767_225_600_000)
        );
        assert_eq!(expires(&token(r#"{"exp":1.5e9}"#)), Some(1_500_000_000_000));
        for other in [
            "tk_abc",
            "a.b.c",
            "a.b",
            &token("{}"),
            &token(r#"{"exp":"soon"}"#),
        ] {
            assert_eq!(expires(other), None, "{other}");
        }
    }

    #[test]
    fn it_is_found_wherever_it_is_sent() {
        let token = token(r#"{"exp":10}"#);
        let url = format!("https://h.example/?topic=a&access_token={token}");
        let config = FeedConfig::new(url.parse().unwrap());
        assert_eq!(expiry(&config), Some(10_000));
        for (name, value) in [
            ("authorization", format!("Bearer {token}")),
            ("cookie", format!("a=b; mercureAuthorization={token}")),
        ] {
            let mut config = FeedConfig::new("https://h.example/".parse().unwrap());
            assert_eq!(expiry(&config), None);
            let name = http::HeaderName::try_from(name).unwrap();
            config.headers.insert(name, value.parse().unwrap());
            assert_eq!(expiry(&config), Some(10_000));
        }
    }
}
