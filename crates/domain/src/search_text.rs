use std::fmt;

/// The most terms of a [`SearchText`], the excluded ones included.
pub const MAX_SEARCH_TERMS: usize = 32;

/// The most characters of a word of a [`SearchText`].
pub const MAX_SEARCH_WORD_CHARS: usize = 64;

/// The most words of a phrase of a [`SearchText`].
pub const MAX_SEARCH_PHRASE_WORDS: usize = 16;

/// The fewest bytes of the beginning of a word that a [`SearchText`] may ask for: three letters of English, two of most alphabets,
/// one of Chinese. Fewer begin so many words that no index could tell quickly who has one.
pub const MIN_SEARCH_PREFIX_BYTES: usize = 3;

/// Names that punctuation is part of, and as what they are searched.
const SPELLINGS: &[(&str, &str)] = &[("c++", "cplusplus"), ("c#", "csharp"), (".net", " dotnet")];

/// A text in lower case, with the names that would be lost as punctuation spelled out: `c++` as `cplusplus`, `c#` as `csharp`,
/// `.net` as ` dotnet`. Whoever indexes texts for a [`SearchText`] does the same to them first, then takes for words what
/// [`SearchText::parse`] takes for words.
///
/// ```
/// assert_eq!(jobportal_domain::spelled_out("ASP.NET, C# and C++17"), "asp dotnet, csharp and cplusplus17");
/// ```
pub fn spelled_out(text: &str) -> String {
    // Character by character, as databases do: the end of a word makes no difference to a letter (`Σ`).
    let lower: String = text.chars().flat_map(char::to_lowercase).collect();
    SPELLINGS.iter().fold(lower, |text, (name, spelling)| text.replace(name, spelling))
}

/// One thing to look for. Its words are in lower case, and each is a run of letters, digits and the marks on them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// This word, in any inflection that the index knows.
    Word(String),
    /// Every word that begins so.
    Prefix(String),
    /// These words in this order, two at least.
    Phrase(Vec<String>),
}

impl Term {
    /// Its words.
    pub fn words(&self) -> &[String] {
        match self {
            Self::Word(word) | Self::Prefix(word) => std::slice::from_ref(word),
            Self::Phrase(words) => words,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Prefix(word) => write!(f, "{word}*"),
            Self::Phrase(words) => write!(f, "\"{}\"", words.join(" ")),
        }
    }
}

/// What someone looks for. Every text is one; what makes no sense in it is left out.
///
/// | written | means |
/// |---|---|
/// | `rust remote` | both words |
/// | `rust, go` or `rust OR go` | one of them. It binds tighter than the space: `rust, go remote` is one of the two, and `remote` |
/// | `"project manager"` | the words in this order |
/// | `front-end` | as `"front end"`: so for all punctuation inside a word, except in the names of [`spelled_out`] |
/// | `-junior`, `-"team lead"` | not that |
/// | `engineer*` | all words that begin so; a shorter beginning than [`MIN_SEARCH_PREFIX_BYTES`] is a word |
///
/// A word is a run of letters and digits of any script, with the marks on them: without its vowel signs and viramas a word of
/// Bengali is another word. Words are cut at [`MAX_SEARCH_WORD_CHARS`], phrases at [`MAX_SEARCH_PHRASE_WORDS`], the whole at
/// [`MAX_SEARCH_TERMS`]. Equal searches are often equal values: letter case, punctuation and repetitions are gone. Written, it is
/// read again as itself.
///
/// ```
/// use jobportal_domain::{SearchText, Term};
///
/// let text = SearchText::parse("Rust, Go  front-end -junior C++ engin*");
/// assert_eq!(text.to_string(), "rust, go \"front end\" cplusplus engin* -junior");
/// assert_eq!(SearchText::parse(&text.to_string()), text);
/// assert_eq!(text.groups()[0], [Term::Word("rust".to_owned()), Term::Word("go".to_owned())]);
/// assert!(SearchText::parse("\" -* ,, \0").is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SearchText {
    groups: Vec<Vec<Term>>,
    excluded: Vec<Term>,
}

impl SearchText {
    /// Reads any text. The first terms count where there are too many.
    pub fn parse(text: &str) -> Self {
        let mut search = Self::default();
        let (mut rest, mut terms, mut or) = (text, 0, false);
        while terms < MAX_SEARCH_TERMS
            && let Some((token, after)) = Token::next(rest)
        {
            rest = after;
            match token {
                Token::Or => or = true,
                Token::Term { term, excluded } => {
                    let group = if excluded { Some(&mut search.excluded) } else { search.groups.last_mut() };
                    match group {
                        Some(group) if excluded || or => {
                            if !group.contains(&term) {
                                group.push(term);
                                terms += 1;
                            }
                        }
                        _ => {
                            search.groups.push(vec![term]);
                            terms += 1;
                        }
                    }
                    or = false;
                }
                Token::Nothing => {}
            }
        }
        let mut unique: Vec<Vec<Term>> = Vec::with_capacity(search.groups.len());
        for group in search.groups {
            if !unique.contains(&group) {
                unique.push(group);
            }
        }
        Self { groups: unique, ..search }
    }

    /// What must hold: of each group one term at least. No group is empty.
    pub fn groups(&self) -> &[Vec<Term>] {
        &self.groups
    }

    /// What must not hold: none of these terms.
    pub fn excluded(&self) -> &[Term] {
        &self.excluded
    }

    /// Whether nothing is asked for or excluded.
    pub const fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.excluded.is_empty()
    }

    /// The words of all terms that are not excluded, in their order.
    pub fn positive_words(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().flatten().flat_map(Term::words).map(String::as_str)
    }
}

impl fmt::Display for SearchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for group in &self.groups {
            for (place, term) in group.iter().enumerate() {
                write!(f, "{}{term}", if place == 0 { space } else { ", " })?;
            }
            space = " ";
        }
        for term in &self.excluded {
            write!(f, "{space}-{term}")?;
            space = " ";
        }
        Ok(())
    }
}

enum Token {
    Or,
    Term { term: Term, excluded: bool },
    Nothing,
}

impl Token {
    /// The first token of a text, and what is behind it.
    fn next(text: &str) -> Option<(Self, &str)> {
        let text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        if let Some(rest) = text.strip_prefix(',') {
            return Some((Self::Or, rest));
        }
        let (sign, unsigned) = text.split_at(text.find(|c| c != '-').unwrap_or(text.len()));
        let excluded = !sign.is_empty();
        if let Some(quoted) = unsigned.strip_prefix('"') {
            let (phrase, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
            return Some((Self::of(phrase, excluded, false), rest));
        }
        let end = unsigned.find(|c: char| c.is_whitespace() || c == ',' || c == '"').unwrap_or(unsigned.len());
        let (chunk, rest) = unsigned.split_at(end);
        let token = if chunk == "OR" && !excluded { Self::Or } else { Self::of(chunk, excluded, chunk.ends_with('*')) };
        Some((token, rest))
    }

    fn of(text: &str, excluded: bool, prefix: bool) -> Self {
        let text = spelled_out(text);
        let mut words = words(&text).take(MAX_SEARCH_PHRASE_WORDS);
        let Some(first) = words.next() else { return Self::Nothing };
        let more: Vec<String> = words.collect();
        let term = match (more.is_empty(), prefix) {
            (true, true) if first.len() >= MIN_SEARCH_PREFIX_BYTES => Term::Prefix(first),
            (true, _) => Term::Word(first),
            // Which words begin with the last one is not asked in the midst of a phrase: the star is no more than punctuation.
            (false, _) => Term::Phrase(std::iter::once(first).chain(more).collect()),
        };
        Self::Term { term, excluded }
    }
}

/// The words of a text that was spelled out.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)).filter_map(|run| {
        // A mark without a letter is no word.
        let word = run.trim_start_matches(is_mark);
        (!word.is_empty()).then(|| word.chars().take(MAX_SEARCH_WORD_CHARS).collect())
    })
}

/// Whether a character is a mark on the one before it, or joins two, and Unicode doesn't count it among the letters: accents;
/// points of Hebrew and Arabic; nuktas and viramas of the scripts of India; tones of Thai; the two joiners.
const fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' | '\u{93c}' | '\u{94d}'
        | '\u{9bc}' | '\u{9cd}' | '\u{a3c}' | '\u{a4d}' | '\u{abc}' | '\u{acd}' | '\u{b3c}' | '\u{b4d}' | '\u{bcd}'
        | '\u{c4d}' | '\u{cbc}' | '\u{ccd}' | '\u{d4d}' | '\u{dca}' | '\u{e47}'..='\u{e4e}' | '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> String {
        SearchText::parse(text).to_string()
    }

    #[test]
    fn the_grammar() {
        for (text, means) in [
            ("Rust  remote", "rust remote"),
            ("rust, go remote", "rust, go remote"),
            ("rust OR go remote,hybrid", "rust, go remote, hybrid"),
            ("rust or go", "rust or go"),
            (", OR rust ,, OR go OR", "rust, go"),
            ("\"Project  Manager\" -junior", "\"project manager\" -junior"),
            ("-\"team lead\" --x", "-\"team lead\" -x"),
            ("\"rust\" \"\" \" , \"", "rust"),
            ("\"open end", "\"open end\""),
            ("rust\"a b\"go", "rust \"a b\" go"),
            ("front-end node.js UI/UX driver's", "\"front end\" \"node js\" \"ui ux\" \"driver s\""),
            ("engin* -jun* *", "engin* -jun*"),
            ("a* qa* qua* é* яб* 工*", "a qa qua* é яб* 工*"),
            ("front-en* \"rust\"* en*gin", "\"front en\" rust \"en gin\""),
            ("C++ c# .NET ASP.NET -c++ C++*", "cplusplus csharp dotnet \"asp dotnet\" cplusplus* -cplusplus"),
            ("rust, -go python", "rust python -go"),
            ("rust, -go, python", "rust, python -go"),
            ("-OR rust", "rust -or"),
            ("rust RUST rust, Rust", "rust"),
            ("a, b c a,b -x -X", "a, b c -x"),
            ("১২ বাংলাদেশ ক্রয়", "১২ বাংলাদেশ ক্রয়"),
            ("Élan e\u{301}lan \u{301}", "élan e\u{301}lan"),
            ("ΟΔΟΣ İ", "οδοσ i\u{307}"),
            ("a\0b\u{7}\u{feff}", "\"a b\""),
            ("- * \" -\" @ ' -- --", ""),
        ] {
            assert_eq!(normal(text), means, "{text}");
        }
    }

    #[test]
    fn the_words_of_what_is_looked_for() {
        let text = SearchText::parse("rust, \"project lead\" eng* -junior");
        assert_eq!(text.positive_words().collect::<Vec<_>>(), ["rust", "project", "lead", "eng"]);
        assert_eq!(text.excluded(), [Term::Word("junior".to_owned())]);
        assert!(!SearchText::parse("-junior").is_empty());
    }

    #[test]
    fn too_much_is_cut() {
        let many = (0..100).map(|n| format!("{}w{n}", if n % 2 == 0 { "" } else { "-" })).collect::<Vec<_>>().join(" ");
        let text = SearchText::parse(&many);
        assert_eq!((text.groups().len(), text.excluded().len()), (MAX_SEARCH_TERMS / 2, MAX_SEARCH_TERMS / 2));
        let phrase = SearchText::parse(&format!("\"{}\"", "w ".repeat(100)));
        assert_eq!(phrase.positive_words().count(), MAX_SEARCH_PHRASE_WORDS);
        let word = SearchText::parse(&"ä".repeat(1_000));
        assert_eq!(word.positive_words().map(|word| word.chars().count()).collect::<Vec<_>>(), [MAX_SEARCH_WORD_CHARS]);
    }

    #[test]
    fn each_character_is_in_words_or_between_them_in_either_case() {
        for c in '\0'..='\u{1ffff}' {
            let text = SearchText::parse(&format!("a{c}b"));
            assert_eq!(normal(&text.to_string()), text.to_string(), "{c:?}");
        }
    }

    fn holds(raw: &str) -> Result<(), TestCaseError> {
        let text = SearchText::parse(raw);
        let terms: Vec<&Term> = text.groups.iter().flatten().chain(&text.excluded).collect();
        prop_assert!(terms.len() <= MAX_SEARCH_TERMS && text.groups.iter().all(|group| !group.is_empty()));
        for term in terms {
            let words = term.words();
            let fits = match term {
                Term::Phrase(_) => (2..=MAX_SEARCH_PHRASE_WORDS).contains(&words.len()),
                _ => words.len() == 1,
            };
            prop_assert!(fits, "{term}");
            for word in words {
                prop_assert!((1..=MAX_SEARCH_WORD_CHARS).contains(&word.chars().count()));
                prop_assert!(word.starts_with(char::is_alphanumeric));
                prop_assert!(word.chars().all(|c| c.is_alphanumeric() || is_mark(c)), "{word}");
            }
        }
        prop_assert_eq!(SearchText::parse(&text.to_string()), text);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            holds(&String::from_utf8_lossy(&bytes))?;
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_is_written_is_read_again(picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
            const PIECES: [&str; 24] = ["a", "B", "OR", " ", " ", ",", "\"", "-", "*", "c++", "C#", ".net", "+", "#", ".", "é",
                "\u{301}", "İ", "ß", "\u{9cd}", "OR ", "\0", "\u{200d}", "word"];
            holds(&picks.iter().map(|pick| *pick.get(&PIECES)).collect::<String>())?;
        }
    }
}
