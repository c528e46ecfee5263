//! The hub's web page, as `make ui` built it, inside the binary.

/// The files of the hub's page: path, content type, bytes. Empty when the page
/// was not built before this crate was.
pub static HUB: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/hub.rs"));

#[cfg(test)]
mod tests {
    use super::HUB;

    #[test]
    fn whole_or_not_at_all() {
        let index = HUB.iter().find(|(path, ..)| *path == "index.html");
        assert_eq!(index.is_some(), !HUB.is_empty());
        let Some((_, _, index)) = index else { return };
        let index = std::str::from_utf8(index).unwrap();
        // What the page loads is there, by a name that changes with its content.
        let mut loaded = 0;
        for part in index.split("\"/hub/page/").skip(1) {
            let path = part.split('"').next().unwrap();
            assert!(HUB.iter().any(|(known, ..)| *known == path), "{path}");
            assert_ne!(path, "index.html");
            loaded += 1;
        }
        assert!(loaded >= 3, "{index}");
        assert!(!index.contains("<style") && !index.contains(" style="));
        assert!(
            HUB.iter()
                .all(|(_, kind, _)| *kind != "application/octet-stream")
        );
    }
}
