//! Takes secrets out of lines that are handed to others.

use crate::settings::{is_token, looks_secret};

/// The longest line that is kept, in characters.
const LINE: usize = 600;

/// A line without what may be a secret: queries and credentials of addresses, values after names of
/// secrets, what follows `Bearer` and `Basic`, and words that look like tokens.
pub(crate) fn redacted(line: &str, home: Option<&str>) -> String {
    let mut line: String = line
        .chars()
        .take(LINE)
        .filter(|c| !c.is_control())
        .collect();
    if let Some(home) = home.filter(|home| home.len() > 1) {
        line = line.replace(home, "~");
    }
    let mut out = String::with_capacity(line.len());
    let mut hide_next = false;
    for piece in line.split_inclusive([' ', '"', '\'', ',', ';', '(', ')', '{', '}', '<', '>']) {
        let word = piece.trim_end_matches([' ', '"', '\'', ',', ';', '(', ')', '{', '}', '<', '>']);
        let end = &piece[word.len()..];
        if word.is_empty() {
            out.push_str(end);
            continue;
        }
        let scheme = ["bearer", "basic", "authorization:", "cookie:"];
        let hides = scheme.contains(&word.to_ascii_lowercase().as_str());
        if std::mem::replace(&mut hide_next, hides) && !hides {
            out.push('…');
        } else {
            out.push_str(&without_secrets(word));
        }
        // `token = x`, `"token": x`
        let name = word.trim_end_matches(['=', ':']);
        hide_next |= !name.contains("//") && looks_secret(name) && (word != name || end == "\"");
        out.push_str(end);
    }
    out
}

fn without_secrets(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        let place = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let host = host.rsplit('@').next().unwrap_or_default();
        let path: Vec<&str> = path
            .split('/')
            .map(|part| if is_token(part) { "…" } else { part })
            .collect();
        let cut = if place.len() < rest.len() { "?…" } else { "" };
        return format!("{}://{host}{}{cut}", without_value(scheme), path.join("/"));
    }
    without_value(word)
}

/// `token=x` and `token:x` without the value.
fn without_value(word: &str) -> String {
    if let Some(at) = word.find(['=', ':'])
        && at + 1 < word.len()
    {
        let (name, value) = word.split_at(at + 1);
        if looks_secret(&name[..at]) || is_token(value) {
            return format!("{name}…");
        }
        return word.to_owned();
    }
    if let Some((path, _)) = word
        .split_once('?')
        .filter(|(_, query)| query.contains('='))
    {
        return format!("{path}?…");
    }
    if is_token(word) {
        "…".to_owned()
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_go_and_words_stay() {
        let cases = [
            (
                "waiting feed=a why=the server closed",
                "waiting feed=a why=the server closed",
            ),
            (
                "GET https://me:SECRET@a.example/x?token=SECRET&b=1 failed",
                "GET https://a.example/x?… failed",
            ),
            (
                "url=https://a.example/x?a=SECRET, next",
                "url=https://a.example/x?…, next",
            ),
            (
                "Authorization: Bearer SECRET and more",
                "Authorization: Bearer … and more",
            ),
            ("authorization: SECRET", "authorization: …"),
            ("token=SECRET password:SECRET", "token=… password:…"),
            ("token = SECRET", "token = SECRET"),
            (
                r#"{"access_token":"SECRET","name":"x"}"#,
                r#"{"access_token":"…","name":"x"}"#,
            ),
            ("api_key: SECRET ok", "api_key: … ok"),
            ("got eyJhbGciOiJIUzI1NiJ9SECRET here", "got … here"),
            ("path /x/y?sig=SECRET", "path /x/y?…"),
            (
                "opened /home/ada/.local/share/feedbell/inbox.db",
                "opened ~/.local/share/feedbell/inbox.db",
            ),
            (
                "https://a.example/hook/9f86d081884c7d659a2feaa0c55ad015",
                "https://a.example/hook/…",
            ),
        ];
        for (line, expected) in cases {
            if line == "token = SECRET" {
                assert!(!redacted(line, None).contains("SECRET"), "{line}");
                continue;
            }
            assert_eq!(redacted(line, Some("/home/ada")), expected);
        }
    }

    proptest! {
        #[test]
        fn any_line_is_taken(line in r"\PC{0,80}") {
            let short = redacted(&line, Some("/home/ada"));
            prop_assert!(!short.contains('\n'));
        }
    }
}
