//! The scripts that come with the program.

/// Name and text of each.
pub const SCRIPTS: [(&str, &str); 5] = [
    ("exchange-restart", include_str!("../../../feeds/faults/exchange-restart.toml")),
    ("24h-cut", include_str!("../../../feeds/faults/24h-cut.toml")),
    ("gap-in-depth", include_str!("../../../feeds/faults/gap-in-depth.toml")),
    ("slow-feed", include_str!("../../../feeds/faults/slow-feed.toml")),
    ("flapping-network", include_str!("../../../feeds/faults/flapping-network.toml")),
];

/// The text of one; `None` for a name that none has.
pub fn text(name: &str) -> Option<&'static str> {
    SCRIPTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What a script is about: the first line of its comment.
pub fn title(text: &str) -> &str {
    text.lines().next().unwrap_or("").trim_start_matches(['#', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::fault::Script;

    #[test]
    fn all_of_them_are_whole_and_say_what_they_imitate() {
        for (name, text) in SCRIPTS {
            let script = Script::parse(name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!script.faults.is_empty());
            assert!(text.starts_with("# ") && title(text).ends_with('.'), "{name}: {}", title(text));
            assert_eq!(super::text(name), Some(text));
        }
        assert_eq!(super::text("no-such"), None);
    }
}
