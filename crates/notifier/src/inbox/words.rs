//! Words: how texts lie in the index, and what a search asks of it.
//!
//! Letters lose case, accents and width. Chinese, Japanese and Korean have no spaces between words,
//! so each two characters that follow each other are a word (发布日 is 发布 布日 日): a search for two
//! is a look-up like that for any word, however common the single characters are.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::entry::number;

/// Most words that a search takes, and most parts that one of them may have.
const WORDS: usize = 16;
const PARTS: usize = 32;
/// Beginnings up to this length, in characters, have an index of their own.
const SHORT: usize = 3;

/// A text as the index takes it.
pub(super) fn indexed(text: &str) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len() * 2);
    for run in runs(&text) {
        match run {
            Run::Letters(letters) => {
                out.push_str(letters);
                out.push(' ');
            }
            Run::Ideographs(characters) => {
                let mut left = characters.chars().peekable();
                while let Some(first) = left.next() {
                    out.push(first);
                    out.extend(left.peek());
                    out.push(' ');
                }
            }
        }
    }
    out
}

/// What stands in the index for a message's feed. Its first letter is nobody's: no search meets it.
pub(super) fn feed(feed: &str) -> String {
    format!("\u{A500}f{:x}", number(feed))
}

/// What stands in the index for a message's event name.
pub(super) fn event(event: &str) -> String {
    format!("\u{A500}e{:x}", number(event))
}

/// What stands in the index for a message's urgency.
pub(super) fn urgency(urgency: i64) -> String {
    format!("\u{A500}u{urgency}")
}

/// What a person searches for: all of these, anywhere in title or body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search {
    parts: Vec<Part>,
}

/// What the index is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) text: String,
    /// It gives what does not match, too.
    pub(super) loose: bool,
}

/// Words that follow each other.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    words: Vec<String>,
    /// The last one may go on.
    open: bool,
}

impl Search {
    /// Nothing that is typed is syntax. None if there is no word in it.
    pub(super) fn new(typed: &str) -> Option<Self> {
        let parts: Vec<Part> = typed
            .split_whitespace()
            .take(WORDS)
            .flat_map(parts)
            .collect();
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// The FTS5 expression. `endings` gives the words that begin like this, none if there are too
    /// many: one look-up each is faster than the index's own way, which gathers all before the first.
    /// `loosely`, too many are asked for by a beginning so short that it has an index.
    pub(super) fn expression<E>(
        &self,
        loosely: bool,
        mut endings: impl FnMut(&str) -> Result<Option<Vec<String>>, E>,
    ) -> Result<Expression, E> {
        let (mut all, mut loose) = (Vec::with_capacity(self.parts.len()), false);
        for part in &self.parts {
            let (last, before) = match part.words.split_last() {
                Some(split) => split,
                None => continue,
            };
            let before = before.join(" ");
            let phrase = |last: &str| format!("\"{before} {last}\"");
            all.push(if !part.open {
                phrase(last)
            } else if last.chars().count() <= SHORT {
                format!("{} *", phrase(last))
            } else {
                match endings(last)? {
                    None if loosely => {
                        loose = true;
                        let short: String = last.chars().take(SHORT).collect();
                        format!("{} *", phrase(&short))
                    }
                    None => format!("{} *", phrase(last)),
                    Some(words) if words.is_empty() => phrase(last),
                    Some(words) => {
                        let any: Vec<String> = words.iter().map(|word| phrase(word)).collect();
                        format!("({})", any.join(" OR "))
                    }
                }
            });
        }
        let text = format!("{{title body}} : ({})", all.join(" AND "));
        Ok(Expression { text, loose })
    }

    /// Whether a message is meant, given its title and body.
    pub(super) fn is_in(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<bool> {
        Ok(self.matches(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?))
    }

    /// Whether a message with these texts is meant, as the index would say.
    pub(super) fn matches(&self, title: &str, body: &str) -> bool {
        let (title, body) = (indexed(title), indexed(body));
        let (title, body): (Vec<&str>, Vec<&str>) =
            (title.split(' ').collect(), body.split(' ').collect());
        self.parts
            .iter()
            .all(|part| part.is_in(&title) || part.is_in(&body))
    }
}

impl Part {
    fn is_in(&self, text: &[&str]) -> bool {
        let Some((last, before)) = self.words.split_last() else {
            return true;
        };
        text.windows(self.words.len()).any(|window| {
            let Some((end, begin)) = window.split_last() else {
                return false;
            };
            begin.iter().zip(before).all(|(a, b)| a == b)
                && if self.open {
                    end.starts_with(last.as_str())
                } else {
                    end == last
                }
        })
    }
}

fn parts(word: &str) -> Vec<Part> {
    let word = plain(word);
    let mut parts: Vec<Part> = Vec::new();
    let mut letters = false;
    for run in runs(&word).take(PARTS) {
        match run {
            Run::Letters(run) => {
                match parts.last_mut() {
                    // foo-bar: one after the other.
                    Some(part) if letters => part.words.push(run.to_owned()),
                    _ => parts.push(Part {
                        words: vec![run.to_owned()],
                        open: false,
                    }),
                }
                letters = true;
            }
            Run::Ideographs(run) => {
                let characters: Vec<char> = run.chars().take(PARTS).collect();
                let words: Vec<String> = characters.windows(2).map(String::from_iter).collect();
                parts.push(if words.is_empty() {
                    Part {
                        words: vec![run.to_owned()],
                        open: true,
                    }
                } else {
                    Part { words, open: false }
                });
                letters = false;
            }
        }
    }
    if letters && let Some(last) = parts.last_mut() {
        last.open = true;
    }
    parts
}

/// Without case, accents and width.
fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    let bare = text
        .nfkd()
        .filter(|character| !is_combining_mark(*character));
    Cow::Owned(bare.nfc().flat_map(char::to_lowercase).collect())
}

enum Run<'a> {
    Letters(&'a str),
    Ideographs(&'a str),
}

/// A text in pieces that are words, or rows of ideographs.
fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|character: char| !character.is_alphanumeric());
        let first = rest.chars().next()?;
        let ideographs = is_ideograph(first);
        let end = rest
            .find(|character: char| {
                !character.is_alphanumeric() || is_ideograph(character) != ideographs
            })
            .unwrap_or(rest.len());
        let (run, left) = rest.split_at(end);
        rest = left;
        Some(if ideographs {
            Run::Ideographs(run)
        } else {
            Run::Letters(run)
        })
    })
}

fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character),
        0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF
        | 0x20000..=0x3134F)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(search: &str, text: &str) -> bool {
        Search::new(search).is_some_and(|search| search.matches(text, ""))
    }

    #[test]
    fn texts_lose_what_nobody_types() {
        assert_eq!(indexed("Café, ＡＢＣ—naïve"), "cafe abc naive ");
        assert_eq!(indexed("ab点赞了cd"), "ab 点赞 赞了 了 cd ");
        assert_eq!(indexed("が 한국어"), "か 한국 국어 어 ");
    }

    #[test]
    fn a_search_asks_for_whole_words_beginnings_and_rows() {
        assert!(matches("caf", "Café"));
        assert!(matches("foo-ba", "see foo bar"));
        assert!(!matches("foo-ba", "see foo or bar"));
        assert!(matches("赞", "点赞"));
        assert!(matches("发布日", "《发布日手记》"));
        assert!(!matches("发日", "发布日"));
        assert!(!matches("ab点", "abc点"));
        assert!(Search::new("… ()").is_none());
    }

    #[test]
    fn what_is_typed_is_never_syntax() {
        let search = Search::new("\" OR title:x* NEAR(").unwrap();
        let expression = |loosely| {
            search
                .expression(loosely, |_| Ok::<_, ()>(None))
                .map(|expression| (expression.text, expression.loose))
                .unwrap()
        };
        let strict = "{title body} : (\" or\" * AND \"title x\" * AND \" near\" *)";
        assert_eq!(expression(false), (strict.to_owned(), false));
        assert_eq!(expression(true), (strict.replace("near", "nea"), true));
    }
}
