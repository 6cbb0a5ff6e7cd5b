//! The pages avoid words that lead to riddles.

use hallpass_checks::files;

/// Subjects that hide the actor, and Germanic phrases for "at most n" and "permanently".
const WORDS: &[&str] = &["who", "whoever", "whom", "nobody", "somebody", "so many", "for ever"];

/// How often they may occur in all pages together.
const MOST: usize = 10;

/// How often a word or phrase occurs in a text as whole words, in any case, outside of code.
fn count(text: &str, phrase: &str) -> usize {
    let plain: Vec<&str> = text.split('`').step_by(2).collect();
    let plain = plain.join(" x ").to_lowercase();
    let words: Vec<&str> =
        plain.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).filter(|window| *window == phrase.as_slice()).count()
}

#[test]
fn pages_name_the_client_the_caller_the_user_or_an_attacker() {
    let mut found = Vec::new();
    for file in files("md").unwrap() {
        for phrase in WORDS {
            let times = count(&file.text, phrase);
            found.extend((0..times).map(|_| format!("{}: {phrase}", file.path)));
        }
    }
    assert!(found.len() <= MOST, "{} of at most {MOST}: {found:#?}", found.len());
}

#[test]
fn a_word_counts_whole_and_outside_of_code() {
    assert_eq!(count("Who asks? Whoever `who` whole so many, SO MANY", "who"), 1);
    assert_eq!(count("so many, SO\nMANY; so few many", "so many"), 2);
}
