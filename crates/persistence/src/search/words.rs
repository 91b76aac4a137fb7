//! Words that are looked for, as each engine is asked for them.

use jobportal_domain::{SearchText, Term};

pub(super) fn has_phrase(text: &SearchText) -> bool {
    text.groups().iter().flatten().any(|term| matches!(term, Term::Phrase(_)))
}

/// A string of FTS5.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\0', "\u{1}").replace('"', "\"\""))
}

pub(super) fn fts5_term(term: &Term) -> String {
    match term {
        Term::Word(word) => quoted(word),
        Term::Prefix(word) => format!("{}*", quoted(word)),
        Term::Phrase(words) => quoted(&words.join(" ")),
    }
}

pub(super) fn any_of(terms: impl Iterator<Item = String>) -> String {
    format!("({})", terms.collect::<Vec<_>>().join(" OR "))
}

/// What FTS5 is asked; there is something to look for in it.
pub(super) fn fts5(text: &SearchText) -> String {
    let groups: Vec<_> = text.groups().iter().map(|group| any_of(group.iter().map(fts5_term))).collect();
    let wanted = format!("({})", groups.join(" AND "));
    match text.excluded() {
        [] => wanted,
        excluded => format!("{wanted} NOT {}", any_of(excluded.iter().map(fts5_term))),
    }
}

/// A word of a query of PostgreSQL. A quote or backslash is in no word.
fn lexeme(word: &str) -> String {
    format!("'{}'", word.replace(['\'', '\\'], " "))
}

/// What PostgreSQL is asked. Loosely: with all words of a phrase, in any order.
pub(super) fn tsquery(text: &SearchText, is_strict: bool) -> String {
    let term = |term: &Term| match term {
        Term::Word(word) => lexeme(word),
        Term::Prefix(word) => format!("{}:*", lexeme(word)),
        Term::Phrase(words) => {
            let words: Vec<_> = words.iter().map(|word| lexeme(word)).collect();
            format!("({})", words.join(if is_strict { " <-> " } else { " & " }))
        }
    };
    let any_of = |terms: &[Term]| format!("({})", terms.iter().map(term).collect::<Vec<_>>().join(" | "));
    let mut parts: Vec<_> = text.groups().iter().map(|group| any_of(group)).collect();
    // Loosely excluded would be more than was meant.
    if is_strict {
        parts.extend(text.excluded().iter().map(|excluded| format!("!{}", term(excluded))));
    }
    parts.join(" & ")
}

/// All words that count for the rank, as PostgreSQL is asked: in a query for all of them, one that is only in the description would
/// take the rank of the others away.
pub(super) fn any_word(text: &SearchText) -> String {
    let word = |term: &Term| match term {
        Term::Prefix(word) => format!("{}:*", lexeme(word)),
        Term::Word(_) | Term::Phrase(_) => term.words().iter().map(|word| lexeme(word)).collect::<Vec<_>>().join(" | "),
    };
    text.groups().iter().flatten().map(word).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_asked_of_each_engine() {
        let text = SearchText::parse("rust, \"project lead\" eng* -junior -\"no way\"");
        assert_eq!(fts5(&text), "((\"rust\" OR \"project lead\") AND (\"eng\"*)) NOT (\"junior\" OR \"no way\")");
        assert_eq!(
            tsquery(&text, true),
            "('rust' | ('project' <-> 'lead')) & ('eng':*) & !'junior' & !('no' <-> 'way')"
        );
        assert_eq!(tsquery(&text, false), "('rust' | ('project' & 'lead')) & ('eng':*)");
        assert_eq!(any_word(&text), "'rust' | 'project' | 'lead' | 'eng':*");
    }
}
