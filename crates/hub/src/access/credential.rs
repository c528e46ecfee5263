//! What a request says about who sent it.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What a request shows to be let in.
#[derive(PartialEq, Eq)]
pub(super) enum Credential {
    /// Nothing, or something that is not meant for us.
    Nothing,
    Token(String),
    /// A secret that opens streams and nothing else.
    Ticket(String),
    /// What was tried, and what is wrong with it.
    Malformed(&'static str),
}

/// A token that is longer is none of ours.
const LONGEST: usize = 1024;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl Credential {
    /// The header counts before the address, and a token before a ticket.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (Some(_), Some(_)) => return Self::Malformed("there are two Authorization headers"),
            (Some(value), None) => match value.to_str().map(scheme) {
                Ok(Self::Nothing) => {}
                Ok(known) => return known,
                Err(_) => return Self::Malformed("the Authorization header is not text"),
            },
            (None, _) => {}
        }
        let (mut auth, mut token, mut ticket) = (None, None, None);
        let query = uri.query().unwrap_or_default().as_bytes();
        for (name, value) in url::form_urlencoded::parse(query) {
            let first = match &*name {
                "auth" => &mut auth,
                "token" => &mut token,
                "ticket" => &mut ticket,
                _ => continue,
            };
            if first.is_none() && !value.is_empty() {
                *first = Some(value.into_owned());
            }
        }
        if let Some(auth) = auth {
            let decoded = URL_SAFE.decode(auth.trim());
            match decoded.map(|header| String::from_utf8(header).map(|text| scheme(&text))) {
                Ok(Ok(Self::Nothing)) => {}
                Ok(Ok(known)) => return known,
                _ => {
                    return Self::Malformed(
                        "`auth` is not the base64url form of an Authorization header",
                    );
                }
            }
        }
        if let Some(token) = token {
            return sized(token);
        }
        ticket.map_or(Self::Nothing, |ticket| {
            if ticket.len() > LONGEST {
                Self::Malformed("the ticket is too long")
            } else {
                Self::Ticket(ticket)
            }
        })
    }
}

/// What one value of an `Authorization` header shows.
fn scheme(value: &str) -> Credential {
    let value = value.trim();
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        if rest.is_empty() {
            return Credential::Malformed("`Bearer` is followed by no token");
        }
        return sized(rest.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD
            .decode(rest)
            .ok()
            .and_then(|pair| String::from_utf8(pair).ok());
        // The user is whoever it likes to be; the token is the password.
        return match pair.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((_, "")) => Credential::Malformed("`Basic` has no password: give the token as it"),
            Some((_, token)) => sized(token.to_owned()),
            None => Credential::Malformed("`Basic` is not followed by base64 of `user:token`"),
        };
    }
    Credential::Nothing
}

fn sized(token: String) -> Credential {
    if token.len() > LONGEST {
        Credential::Malformed("the token is too long")
    } else {
        Credential::Token(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: &Credential) -> String {
        match given {
            Credential::Nothing => "-".to_owned(),
            Credential::Token(token) => format!("token {token}"),
            Credential::Ticket(ticket) => format!("ticket {ticket}"),
            Credential::Malformed(_) => "malformed".to_owned(),
        }
    }

    #[test]
    fn credentials() {
        let url_safe = |text: &str| URL_SAFE.encode(text).trim_end_matches('=').to_owned();
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let long = "x".repeat(LONGEST + 1);
        for (uri, header, expected) in [
            ("/", None, "-"),
            ("/", Some("Bearer t".to_owned()), "token t"),
            ("/", Some("bEARER   t ".to_owned()), "token t"),
            ("/", Some("Bearer".to_owned()), "malformed"),
            ("/", Some("Bearer ".to_owned()), "malformed"),
            ("/", Some(format!("Bearer {long}")), "malformed"),
            ("/", Some(basic("user:t")), "token t"),
            ("/", Some(basic(":t")), "token t"),
            ("/", Some(basic(":a:b")), "token a:b"),
            (
                "/",
                Some(basic(":t").trim_end_matches('=').to_owned()),
                "token t",
            ),
            ("/", Some(basic("user:")), "malformed"),
            ("/", Some(basic("t")), "malformed"),
            ("/", Some("Basic t!".to_owned()), "malformed"),
            ("/", Some("Basic".to_owned()), "malformed"),
            // Schemes of others.
            ("/", Some("WebPush x.y.z".to_owned()), "-"),
            ("/", Some("vapid t=x, k=y".to_owned()), "-"),
            ("/", Some(String::new()), "-"),
            ("/?token=q", Some("vapid t=x".to_owned()), "token q"),
            ("/?token=q", None, "token q"),
            ("/?token=", None, "-"),
            ("/?token=a%20b", None, "token a b"),
            ("/?token=q", Some("Bearer t".to_owned()), "token t"),
            ("/?token=q", Some("Bearer ".to_owned()), "malformed"),
            ("/?ticket=i", None, "ticket i"),
            ("/?ticket=i&token=q", None, "token q"),
            ("/?ticket=i", Some("Bearer t".to_owned()), "token t"),
            (
                &format!("/?auth={}", url_safe("Bearer t?>")),
                None,
                "token t?>",
            ),
            (
                &format!("/?auth={}", url_safe(&basic("u:t"))),
                None,
                "token t",
            ),
            (
                &format!("/?auth={}", URL_SAFE.encode("Bearer t1")),
                None,
                "token t1",
            ),
            (
                &format!("/?auth={}&token=q", url_safe("vapid x")),
                None,
                "token q",
            ),
            ("/?auth=Bearer%20t", None, "malformed"),
            (&format!("/?auth={}", url_safe("Bearer")), None, "malformed"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = &header {
                headers.insert(AUTHORIZATION, header.parse().unwrap());
            }
            let given = Credential::of(&uri.parse().unwrap(), &headers);
            assert_eq!(shown(&given), expected, "{uri} {header:?}");
        }
        let mut two = HeaderMap::new();
        two.append(AUTHORIZATION, "Bearer a".parse().unwrap());
        two.append(AUTHORIZATION, "Bearer b".parse().unwrap());
        let given = Credential::of(&Uri::from_static("/"), &two);
        assert_eq!(shown(&given), "malformed");
    }
}
