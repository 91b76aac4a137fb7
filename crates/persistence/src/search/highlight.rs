use jobportal_application::FoundJob;
use jobportal_domain::{JobPosting, SearchText, Term, Text, spelled_out};

/// How many words of a text are shown.
const WORDS: usize = 30;

/// Ends that words have in some forms and not in others.
const ENDINGS: [&str; 22] = [
    "ements", "ement", "ments", "ment", "rs", "r", "ings", "ing", "ions", "ion", "ies", "ied", "ers", "er", "ed", "es",
    "ly", "s", "e", "y", "d", "",
];

/// A piece of the description, else of another text, in which words that were looked for are marked.
///
/// The stem of a word is known to the index alone, and two engines tell it in two ways, or not at all. So here a word is marked
/// that differs from what was looked for in its ending.
pub(super) fn highlight(posting: &JobPosting, text: &SearchText) -> Option<String> {
    let terms = terms(text);
    let skills = posting.skills.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
    let texts = [
        posting.description.as_str(),
        posting.title.as_str(),
        posting.company_name.as_str(),
        skills.as_str(),
        posting.location.as_str(),
    ];
    texts.into_iter().find_map(|text| piece(text, &terms))
}

/// The words that are looked for, and whether each is only a beginning.
fn terms(text: &SearchText) -> Vec<(&str, bool)> {
    text.groups()
        .iter()
        .flatten()
        .flat_map(|term| term.words().iter().map(move |word| (word.as_str(), matches!(term, Term::Prefix(_)))))
        .collect()
}

fn piece(text: &str, terms: &[(&str, bool)]) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let hits: Vec<bool> = words.iter().map(|word| is_hit(word, terms)).collect();
    // The piece with the most hits, the first of these.
    let starts = (0..words.len()).filter(|start| hits.get(*start).is_some_and(|is_hit| *is_hit));
    let count = |start: usize| hits.iter().skip(start).take(WORDS - WORDS / 4).filter(|is_hit| **is_hit).count();
    let best = starts.max_by_key(|start| (count(*start), std::cmp::Reverse(*start)))?;
    let start = best.saturating_sub(WORDS / 4);
    let (open, close) = FoundJob::MARKS;
    let shown = words.iter().zip(&hits).skip(start).take(WORDS).map(|(word, is_hit)| {
        if !is_hit {
            return (*word).to_owned();
        }
        let core = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+' && c != '#');
        word.replacen(core, &format!("{open}{core}{close}"), 1)
    });
    let before = if start > 0 { "… " } else { "" };
    let behind = if start + WORDS < words.len() { " …" } else { "" };
    Some(format!("{before}{}{behind}", shown.collect::<Vec<_>>().join(" ")))
}

/// Whether one of the words between the spaces of a text is looked for.
fn is_hit(text: &str, terms: &[(&str, bool)]) -> bool {
    let text = spelled_out(text);
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).any(|word| {
        terms.iter().any(|(term, is_prefix)| if *is_prefix { word.starts_with(term) } else { is_form(word, term) })
    })
}

/// Whether two words are the same but for their endings.
fn is_form(one: &str, other: &str) -> bool {
    let common: usize = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let rest = |word: &str| word.get(common..).unwrap_or_default().to_owned();
    let is_ending = |rest: &str| ENDINGS.contains(&rest);
    one == other || (common >= 3 && is_ending(&rest(one)) && is_ending(&rest(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, query: &str) -> Option<String> {
        let query = SearchText::parse(query);
        piece(text, &terms(&query)).map(|piece| piece.replace('\u{2}', "<").replace('\u{3}', ">"))
    }

    #[test]
    fn marks_words_in_their_forms() {
        for (text, query, expected) in [
            ("We seek Engineers, for engineering.", "engineer", Some("We seek <Engineers>, for <engineering>.")),
            ("Manage (the) managers", "management", Some("<Manage> (the) <managers>")),
            ("C++ and C# in .NET", "c++, .net", Some("<C++> and C# in .<NET>")),
            ("front-end, back-end", "\"front end\"", Some("<front-end>, <back-end>")),
            ("portal and port", "port", Some("portal and <port>")),
            ("engine engineer", "engin*", Some("<engine> <engineer>")),
            ("nothing here", "rust", None),
            ("", "rust", None),
            ("rust", "-rust", None),
        ] {
            assert_eq!(marked(text, query).as_deref(), expected, "{text}: {query}");
        }
    }

    #[test]
    fn shows_a_piece_with_the_most_of_them() {
        let text = format!("{}rust {}rust and rust {}", "a ".repeat(50), "b ".repeat(50), "c ".repeat(50));
        let piece = marked(&text, "rust").unwrap();
        assert_eq!(piece.split(' ').count(), WORDS + 2);
        assert!(piece.starts_with("… b b b b b b b <rust> and <rust> c ") && piece.ends_with(" c …"), "{piece}");
    }
}
