use crate::Text;

/// The most skills of one job.
pub const MAX_SKILLS: usize = 30;

/// What a job asks for in a few words each: at most [`MAX_SKILLS`], no two equal in any letter case, in the employer's order.
///
/// ```
/// use jobportal_domain::{Skills, Text};
///
/// let skills = ["Rust", "SQL", "rust"].map(|skill| Text::parse(skill).unwrap());
/// let skills = Skills::new(skills).unwrap();
/// assert_eq!(skills.iter().map(Text::as_str).collect::<Vec<_>>(), ["Rust", "SQL"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skills(Vec<Text<50>>);

impl Skills {
    /// Takes each skill once, as it came first, on one line. More than [`MAX_SKILLS`] are refused, with a text for the user.
    pub fn new(skills: impl IntoIterator<Item = Text<50>>) -> Result<Self, String> {
        let (mut kept, mut seen) = (Vec::new(), Vec::new());
        for skill in skills {
            let Ok(skill) = Text::parse(&skill.as_str().split_whitespace().collect::<Vec<_>>().join(" ")) else {
                continue;
            };
            let folded = skill.as_str().to_lowercase();
            if seen.contains(&folded) {
                continue;
            }
            if kept.len() == MAX_SKILLS {
                return Err(format!("Ensure this field has no more than {MAX_SKILLS} elements."));
            }
            seen.push(folded);
            kept.push(skill);
        }
        Ok(Self(kept))
    }

    /// The skills, in the employer's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Text<50>> {
        self.0.iter()
    }

    /// Whether none is named.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Skills {
    type Item = &'a Text<50>;
    type IntoIter = std::slice::Iter<'a, Text<50>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skills(of: impl Iterator<Item = String>) -> Result<Skills, String> {
        Skills::new(of.map(|skill| Text::parse(&skill).unwrap()))
    }

    #[test]
    fn holds_each_skill_once_and_not_too_many() {
        let most = skills((0..MAX_SKILLS).flat_map(|n| [format!("Ä{n}"), format!("ä{n} ")])).unwrap();
        assert_eq!(most.iter().count(), MAX_SKILLS);
        assert!(most.into_iter().all(|skill| skill.as_str().starts_with('Ä')));
        let error = skills((0..=MAX_SKILLS).map(|n| n.to_string())).unwrap_err();
        assert_eq!(error, "Ensure this field has no more than 30 elements.");
        let lines = skills(["Machine\n learning".to_owned()].into_iter()).unwrap();
        assert_eq!(lines.iter().map(Text::as_str).collect::<Vec<_>>(), ["Machine learning"]);
        assert!(skills(std::iter::empty()).unwrap().is_empty());
    }
}
