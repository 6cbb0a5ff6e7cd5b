//! Checks where to go after a login.

/// Returns `text` if it is a path of this site, to which a login form may redirect.
///
/// Such a path begins with one `/` and consists of visible ASCII without a backslash. Everything else (another site
/// in any spelling that browsers accept, a control character, a scheme) is `None`: redirect to a page of your choice.
///
/// # Examples
/// ```
/// use hallpass_web::local_path;
///
/// assert_eq!(local_path("/account?tab=1"), Some("/account?tab=1"));
/// assert_eq!(local_path("//evil.example"), None);
/// assert_eq!(local_path("https://evil.example"), None);
/// ```
#[must_use]
pub fn local_path(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('/')?;
    let visible = rest.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (visible && !rest.starts_with('/')).then_some(text)
}

/// Returns `page` with `next` as a parameter of its query.
pub(crate) fn with_next(page: &str, next: &str) -> String {
    let mut url = String::with_capacity(page.len() + next.len() + 16);
    url.push_str(page);
    url.push(if page.contains('?') { '&' } else { '?' });
    url.push_str("next=");
    for byte in next.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                url.push(byte.into());
            }
            _ => {
                url.push('%');
                url.extend(
                    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
                );
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_pass() {
        for good in ["/", "/a", "/a//b", "/a?next=//evil", "/%2F%2Fevil", "/:80", "/@evil", "/a#b"] {
            assert_eq!(local_path(good), Some(good));
        }
        for bad in [
            "",
            "a",
            "//",
            "//evil",
            "///evil",
            "/\\evil",
            "\\/evil",
            "/\t/evil",
            "/\n/evil",
            " //evil",
            "/ /evil",
            "/a\\b",
            "https://evil",
            "javascript:alert(1)",
            "http:evil",
            "//evil@host",
            "/\0",
            "/\u{a0}/evil",
            "/ä",
            "?x",
            "#x",
            "/\r\nSet-Cookie: a=b",
            "\u{feff}//evil",
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn next_is_encoded_whole() {
        assert_eq!(with_next("/login", "/a?b=c&d=é"), "/login?next=/a%3Fb%3Dc%26d%3D%C3%A9");
        assert_eq!(with_next("/login?x=1", "/a"), "/login?x=1&next=/a");
    }
}
