//! What a program says of itself in its `User-Agent`, in a few words.
//!
//! The grammar is RFC 9110's: products (`name/version`) and comments in
//! brackets. No program is treated specially for what it says here.

/// Most characters of a product's name.
const MOST: usize = 40;

/// Names that browsers send to be taken for the browsers before them, the least
/// telling first. A browser's own name is the most telling one it sends.
const BORROWED: [&str; 8] = [
    "Mozilla",
    "KHTML",
    "Gecko",
    "AppleWebKit",
    "Version",
    "Mobile",
    "Safari",
    "Chrome",
];

/// What a comment says of the system, and what the system is called. The more
/// telling come first: Android says that it is a Linux, and an iPhone that it is
/// like a Mac.
const SYSTEMS: [(&str, &str); 13] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Mac OS", "macOS"),
    ("macOS", "macOS"),
    ("Darwin", "macOS"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("NetBSD", "NetBSD"),
    ("Linux", "Linux"),
];

/// The product and its system, like `Firefox on Linux`, `curl`; `None` without a
/// product. The result has letters, digits, spaces and `. _ - +` alone.
pub(crate) fn short(user_agent: &str) -> Option<String> {
    let mut comments = String::new();
    let mut products = String::new();
    let mut depth = 0_u32;
    for character in user_agent.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => comments.push(character),
            _ => products.push(character),
        }
        if matches!(character, '(' | ')') {
            products.push(' ');
            comments.push(' ');
        }
    }
    let telling = |name: &str| {
        let borrowed = BORROWED.iter().position(|other| *other == name);
        borrowed.unwrap_or(BORROWED.len())
    };
    let mut product: Option<String> = None;
    for word in products.split_whitespace() {
        let name = word.split('/').next().unwrap_or_default();
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
            .take(MOST)
            .collect();
        let named = name.bytes().any(|byte| byte.is_ascii_alphanumeric());
        // Of two that tell as much, the first: it is the program, and what
        // follows is what it is made of.
        if named
            && product
                .as_ref()
                .is_none_or(|own| telling(own) < telling(&name))
        {
            product = Some(name);
        }
    }
    let product = product?;
    let system = SYSTEMS.iter().find(|(word, _)| comments.contains(word));
    Some(match system {
        Some((_, system)) => format!("{product} on {system}"),
        None => product,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn products_and_systems() {
        let browser = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (user_agent, expected) in [
            ("curl/8.14.1", Some("curl")),
            ("Feedbell/0.1.0", Some("Feedbell")),
            ("python-requests/2.32.3", Some("python-requests")),
            ("Go-http-client/1.1", Some("Go-http-client")),
            (
                "SomeApp/1.16.0 (play; Android 13; SDK 33)",
                Some("SomeApp on Android"),
            ),
            ("Thing", Some("Thing")),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                Some("Firefox on Linux"),
            ),
            (
                &format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {browser} Chrome/138.0.0.0 Safari/537.36"
                ),
                Some("Chrome on Windows"),
            ),
            (
                &format!(
                    "Mozilla/5.0 (Windows NT 10.0) {browser} Chrome/138.0.0.0 Safari/537.36 Edg/138.0"
                ),
                Some("Edg on Windows"),
            ),
            (
                &format!(
                    "Mozilla/5.0 (Linux; Android 10; K) {browser} Chrome/138.0.0.0 Mobile Safari/537.36"
                ),
                Some("Chrome on Android"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                Some("Safari on macOS"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                Some("Safari on iPhone"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15 Epiphany/605.1.15",
                Some("Epiphany on Linux"),
            ),
            ("<script>alert(1)</script>", Some("scriptalert")),
            ("(Linux)", None),
            ("///", None),
            ("", None),
        ] {
            assert_eq!(short(user_agent).as_deref(), expected, "{user_agent}");
        }
    }

    proptest! {
        #[test]
        fn whatever_it_says_the_page_stays_whole(user_agent in ".{0,300}") {
            let Some(short) = short(&user_agent) else { return Ok(()) };
            prop_assert!(short.len() <= MOST + " on ".len() + 10);
            let harmless = |c: char| c.is_ascii_alphanumeric() || " ._-+".contains(c);
            prop_assert!(short.chars().all(harmless), "{}", short);
        }
    }
}
