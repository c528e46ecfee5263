//! Takes secrets out of lines that are handed to others.

use crate::settings::{is_token, looks_secret};

/// The longest line that is kept, in characters.
const LINE: usize = 600;
/// What stands between words.
const BETWEEN: [char; 11] = [' ', '"', '\'', ',', ';', '(', ')', '{', '}', '<', '>'];

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
    let (mut hide_next, mut after_name) = (false, false);
    for piece in line.split_inclusive(BETWEEN) {
        let word = piece.trim_end_matches(BETWEEN);
        let end = &piece[word.len()..];
        if word.is_empty() || word == "=" || word == ":" {
            // `token = x`, `"token": x`
            hide_next |= after_name && !word.is_empty();
            out.push_str(piece);
            continue;
        }
        let scheme = ["bearer", "basic", "authorization:", "cookie:"];
        let hides = scheme.contains(&word.to_ascii_lowercase().as_str());
        if std::mem::replace(&mut hide_next, hides) && !hides {
            out.push('…');
        } else {
            out.push_str(&without_secrets(word));
        }
        let name = word.trim_end_matches(['=', ':']);
        after_name = !name.contains("//") && looks_secret(name);
        hide_next |= after_name && word != name;
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

/// `token=x` and `token:x` without the value, `/path?query` without the query, `me:password@host`
/// without both.
fn without_value(word: &str) -> String {
    let query = word
        .split_once('?')
        .filter(|(_, query)| query.contains('='));
    let (word, cut) = query.map_or((word, ""), |(path, _)| (path, "?…"));
    // An address without its scheme: who it is, and the password.
    let credentials = word.rsplit_once('@').filter(|(who, _)| who.contains(':'));
    if let Some((_, host)) = credentials {
        return format!("…@{host}{cut}");
    }
    let named = word.find(['=', ':']).filter(|at| at + 1 < word.len());
    let shown = match named.map(|at| word.split_at(at + 1)) {
        Some((name, value)) if looks_secret(name) || is_token(value) => format!("{name}…"),
        None if is_token(word) => "…".to_owned(),
        _ => word.to_owned(),
    };
    format!("{shown}{cut}")
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
            ("token = SECRET, done", "token = …, done"),
            (
                r#"{"access_token":"SECRET","name":"x"}"#,
                r#"{"access_token":"…","name":"x"}"#,
            ),
            ("api_key: SECRET ok", "api_key: … ok"),
            ("got eyJhbGciOiJIUzI1NiJ9SECRET here", "got … here"),
            ("path /x/y?sig=SECRET", "path /x/y?…"),
            (
                r#"proxy "me:SECRET@proxy:3128" is none"#,
                r#"proxy "…@proxy:3128" is none"#,
            ),
            ("token=SECRET?a=SECRET", "token=…?…"),
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
