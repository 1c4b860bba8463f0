//! Names of files: safe on every system, telling, and the same in every export.

/// How long the telling part may be, in bytes: file systems take 255 in all.
const LONGEST: usize = 120;

/// The file of a conversation: its title, and a hash of its id so that equal titles do not collide.
pub(super) fn of_chat(title: &str, id: &str) -> String {
    format!("{} {}.md", or(safe(title), "Untitled"), hash(id))
}

/// The file of an image or a sound, of characters that a link needs no escape for.
pub(super) fn of_asset(label: &str, id: &str, mime: &str) -> String {
    let plain: String =
        safe(label).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    format!("images/{}-{}.{}", or(words.join("-"), "image"), hash(id), extension(mime))
}

fn or(name: String, otherwise: &str) -> String {
    if name.is_empty() { otherwise.to_owned() } else { name }
}

/// 64 bits of it: no two ids of one store meet.
fn hash(id: &str) -> String {
    blake3::hash(id.as_bytes()).to_hex()[..16].to_owned()
}

/// A title without what some system refuses or reads as something else: separators, wildcards, control and
/// invisible characters, dots and spaces at the ends, names of devices.
fn safe(title: &str) -> String {
    let visible = title.chars().filter(|c| !is_invisible(*c));
    let replaced: String = visible.map(|c| if is_special(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = replaced.split_whitespace().collect();
    let joined = words.join(" ");
    let start = joined.trim_start_matches(['.', '-', '~', ' ']);
    let cut = start.floor_char_boundary(LONGEST);
    let name = start[..cut].trim_end_matches(['.', ' ']);
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    if is_device(stem) { format!("_{name}") } else { name.to_owned() }
}

fn is_special(c: char) -> bool {
    c.is_control() || "<>:\"/\\|?*".contains(c)
}

/// Characters of no width, and those that turn the direction of what follows.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

/// Names that Windows keeps for devices, whatever follows their first dot.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let numbered =
        |name: &str| stem.strip_prefix(name).is_some_and(|n| matches!(n.as_bytes(), [b'0'..=b'9']));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// What files of a media type usually end in.
fn extension(mime: &str) -> &'static str {
    match mime {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "image/svg+xml" => "svg",
        "image/avif" => "avif",
        "audio/mpeg" => "mp3",
        "audio/wav" => "wav",
        "audio/ogg" => "ogg",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names_that_every_system_takes() {
        for (title, name) in [
            ("Notes & picture", "Notes & picture"),
            ("a/b\\c: \"d\" <e>|f?*", "a b c d e f"),
            ("../../etc/passwd", "etc passwd"),
            ("  tabs\tand\nlines\0 ", "tabs and lines"),
            ("ends in dots...", "ends in dots"),
            ("-rf", "rf"),
            ("CON", "_CON"),
            ("com1.txt", "_com1.txt"),
            ("Común 🚀 日本語", "Común 🚀 日本語"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            ("...", ""),
        ] {
            assert_eq!(safe(title), name, "{title:?}");
        }
        let long = safe(&"é日".repeat(200));
        assert!(long.len() <= LONGEST && long.starts_with("é日"));
    }

    #[test]
    fn names_are_stable_and_tell_equal_titles_apart() {
        assert_eq!(of_chat("x", "a"), of_chat("x", "a"));
        assert_ne!(of_chat("x", "a"), of_chat("x", "b"));
        assert!(of_chat("", "../../a").starts_with("Untitled "));
        assert!(!of_chat("", "../../a").contains('/'));
        assert!(of_asset("My (1) 你.png", "a", "image/png").starts_with("images/My-1-png-"));
        assert!(of_asset("你", "a", "x/y").starts_with("images/image-"));
    }
}
