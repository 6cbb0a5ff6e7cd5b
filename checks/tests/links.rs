//! Every link of a page leads to a file that exists, and every anchor to a heading.

use std::collections::BTreeMap;
use std::io::Result;

use hallpass_checks::{File, files, page, root};

/// The text without code blocks, whose lines may look like headings or links.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut is_prose = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    };
    text.lines().filter(|line| is_prose(line)).collect::<Vec<_>>().join("\n")
}

/// The relative links of a page. An intra-doc link of a README that is also rustdoc names an item and is left out.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|link| !link.contains("::") && !link.contains("://") && !link.starts_with("crate"))
}

/// The anchors that GitHub makes of a page's headings: lower case, without punctuation, hyphens for spaces. The second
/// heading of one text gets `-1`.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| -> String {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        title.chars().filter(|character| character.is_alphanumeric() || "-_".contains(*character)).collect()
    };
    let mut number = |slug: String| {
        let count: &mut u32 = seen.entry(slug.clone()).or_default();
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    };
    headings.map(|line| number(slug(line))).collect()
}

fn pages() -> Result<Vec<File>> {
    let mut pages = files("md")?;
    pages.iter_mut().for_each(|page| page.text = prose(&page.text));
    Ok(pages)
}

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    for page in pages().unwrap() {
        let own = root().join(&page.path);
        for link in links(&page.text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { own.clone() } else { own.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link} leads nowhere", page.path);
            if !anchor.is_empty() {
                let text = prose(&std::fs::read_to_string(&target).unwrap());
                let found = anchors(&text).iter().any(|heading| heading == anchor);
                assert!(found, "{}: {link} names no heading", page.path);
            }
        }
    }
}

#[test]
fn the_index_answers_at_least_40_questions_with_a_link_each() {
    let index = page("docs/README.md").unwrap();
    let questions: Vec<&str> = index.lines().filter(|line| line.contains("? |")).collect();
    assert!(questions.len() >= 40, "{} questions", questions.len());
    for question in questions {
        assert_eq!(question.matches("](").count(), 1, "{question}");
    }
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# The `check` page\n## S8: all, and only\n## S8: all, and only\ntext\n";
    assert_eq!(anchors(text), ["the-check-page", "s8-all-and-only", "s8-all-and-only-1"]);
    assert_eq!(prose("a\n```\n# no\n```\nb"), "a\nb");
}
