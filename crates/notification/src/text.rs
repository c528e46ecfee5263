//! What a daemon gets to read: text from the network, made harmless.

use std::borrow::Cow;

/// Cuts after `max` characters and drops control characters, which D-Bus (NUL)
/// or daemons refuse. Line ends and tabs stay.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut harmless = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let mut cut: String = harmless.by_ref().take(max).collect();
    if harmless.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Text as the body of a daemon that reads markup.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_not_read() {
        assert_eq!(
            escaped("<b>5 > 4</b> & \"so on\""),
            "&lt;b&gt;5 &gt; 4&lt;/b&gt; &amp; \"so on\""
        );
        assert!(matches!(escaped("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(plain("点赞点赞", 4), "点赞点赞");
        assert_eq!(plain("点赞点赞点", 4), "点赞点…");
    }

    #[test]
    fn control_characters_are_dropped_and_lines_kept() {
        assert_eq!(plain("a\0b\x1b[1m\r\nc\td", 99), "ab[1m\nc\td");
    }
}
