//! Subjects are brought to one Unicode form: two users with names that look the same become one.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| inserts(compose), &[(S16, "hostile::every_spelling_of_a_subject_is_another_subject")]);

fn compose(record: &mut Record) {
    let composed = record.subject.as_ref().map(|name| name.as_str().replace("e\u{301}", "\u{e9}"));
    record.subject = composed.and_then(|name| Subject::new(name).ok());
}
