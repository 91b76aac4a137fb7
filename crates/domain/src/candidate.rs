use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::closed_set::closed_set;
use crate::{CandidateId, ProfessionalProfileId, StoredDocument, Text, UserId, Version, Violations, WebAddress};

/// The most entries in one [`Section`].
pub const MAX_ENTRIES_PER_SECTION: usize = 100;

/// The most links in a profile.
pub const MAX_SOCIAL_LINKS: usize = 20;

closed_set! {
    /// A section of a professional profile: a list of short texts.
    Section {
        /// Degrees and schools.
        Education = "education",
        /// Positions held.
        Experience = "experience",
        /// What the candidate can do.
        Skills = "skills",
        /// Languages spoken.
        Languages = "languages",
        /// Work to show.
        Projects = "projects",
        /// Certificates held.
        Certificates = "certificates",
        /// Prizes won.
        Awards = "awards",
        /// Memberships.
        Clubs = "clubs",
        /// Results of examinations.
        Exams = "exams",
    }
}

/// The personal part of a candidate's profile. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalDetails {
    /// Given name.
    pub first_name: Option<Text<150>>,
    /// Family name.
    pub last_name: Option<Text<150>>,
    /// Postal address, or as much of it as the candidate wants known.
    pub address: Option<Text<500>>,
    /// A few words about oneself.
    pub bio: Option<Text<5000>>,
    /// Pages about the candidate elsewhere.
    pub social_links: Vec<WebAddress>,
    /// In the candidate's own words.
    pub gender: Option<Text<50>>,
    /// Date of birth.
    pub birth_date: Option<NaiveDate>,
}

impl PersonalDetails {
    /// Checks what no single value can know: at most [`MAX_SOCIAL_LINKS`] links (`social_links`), and a birth after
    /// 1900-01-01 and before the day of `now` in UTC (`birth_date`). Empty where no rule is broken.
    pub fn validate(&self, now: DateTime<Utc>) -> Violations {
        const EARLIEST_BIRTH: Option<NaiveDate> = NaiveDate::from_ymd_opt(1900, 1, 1);
        let mut violations = Violations::default();
        if self.social_links.len() > MAX_SOCIAL_LINKS {
            violations
                .push("social_links", format_args!("Ensure this field has no more than {MAX_SOCIAL_LINKS} elements."));
        }
        if self.birth_date.is_some_and(|birth| birth >= now.date_naive()) {
            violations.push("birth_date", "The date of birth must be in the past.");
        }
        if self.birth_date < EARLIEST_BIRTH && self.birth_date.is_some() {
            violations.push("birth_date", "The date of birth must be after 1900-01-01.");
        }
        violations
    }
}

/// The lists of a professional profile. A section that was never set is empty.
///
/// ```
/// use jobportal_domain::{ProfessionalDetails, Section, Text};
///
/// let mut details = ProfessionalDetails::default();
/// details.set(Section::Skills, vec![Text::parse("Rust").unwrap()]).unwrap();
/// assert_eq!(details.section(Section::Skills).len(), 1);
/// assert!(details.section(Section::Awards).is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfessionalDetails(BTreeMap<Section, Vec<Text<500>>>);

impl ProfessionalDetails {
    /// The entries of `section`, in the candidate's order.
    pub fn section(&self, section: Section) -> &[Text<500>] {
        self.0.get(&section).map_or(&[], Vec::as_slice)
    }

    /// Replaces the entries of `section`. More than [`MAX_ENTRIES_PER_SECTION`] are refused, with a text for the user,
    /// and nothing changes.
    pub fn set(&mut self, section: Section, entries: Vec<Text<500>>) -> Result<(), String> {
        if entries.len() > MAX_ENTRIES_PER_SECTION {
            return Err(format!("Ensure this field has no more than {MAX_ENTRIES_PER_SECTION} elements."));
        }
        if entries.is_empty() {
            self.0.remove(&section);
        } else {
            self.0.insert(section, entries);
        }
        Ok(())
    }

    /// Every entry with its section: sections in the order of [`Section`], entries in the candidate's.
    pub fn entries(&self) -> impl Iterator<Item = (Section, &Text<500>)> {
        self.0.iter().flat_map(|(section, entries)| entries.iter().map(|entry| (*section, entry)))
    }
}

/// What a candidate can do and has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfessionalProfile {
    /// Its identity; 0 before it is stored.
    pub id: ProfessionalProfileId,
    /// The résumé that goes with it.
    pub resume: Option<StoredDocument>,
    /// Its lists.
    pub details: ProfessionalDetails,
}

/// The profile of a candidate; made when the e-mail address is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateProfile {
    /// Its identity.
    pub id: CandidateId,
    /// Whose profile it is.
    pub user_id: UserId,
    /// The personal part.
    pub personal: PersonalDetails,
    /// The picture.
    pub picture: Option<StoredDocument>,
    /// The professional part, once the candidate gave one.
    pub professional: Option<ProfessionalProfile>,
    /// Of this state, of both parts together.
    pub version: Version,
}

impl CandidateProfile {
    /// Changes the personal part and the picture.
    pub fn revise_personal(&mut self, personal: PersonalDetails, picture: Option<StoredDocument>) {
        if self.personal != personal || self.picture != picture {
            self.personal = personal;
            self.picture = picture;
            self.version = self.version.next();
        }
    }

    /// Makes or replaces the professional part.
    pub fn revise_professional(&mut self, details: ProfessionalDetails, resume: Option<StoredDocument>) {
        let id = self.professional.as_ref().map_or(ProfessionalProfileId(0), |present| present.id);
        let revised = Some(ProfessionalProfile { id, resume, details });
        if self.professional != revised {
            self.professional = revised;
            self.version = self.version.next();
        }
    }
}

impl PersonalDetails {
    /// The name to address the candidate by; `None` while there is none.
    pub fn full_name(&self) -> Option<String> {
        let names: Vec<&str> = [&self.first_name, &self.last_name].into_iter().flatten().map(Text::as_str).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn born(date: (i32, u32, u32)) -> Violations {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        PersonalDetails { birth_date: NaiveDate::from_ymd_opt(date.0, date.1, date.2), ..Default::default() }
            .validate(now)
    }

    #[test]
    fn a_birth_is_past_and_within_a_human_life() {
        assert!(born((1995, 6, 15)).is_empty());
        assert_eq!(born((2095, 6, 15)).of("birth_date").len(), 1);
        assert_eq!(born((1895, 6, 15)).of("birth_date").len(), 1);
        assert!(PersonalDetails::default().validate(DateTime::UNIX_EPOCH).is_empty());
    }

    #[test]
    fn lists_are_bounded() {
        let entry = Text::parse("Rust").unwrap();
        let mut details = ProfessionalDetails::default();
        assert!(details.set(Section::Skills, vec![entry.clone(); MAX_ENTRIES_PER_SECTION]).is_ok());
        assert!(details.set(Section::Skills, vec![entry; MAX_ENTRIES_PER_SECTION + 1]).is_err());
        assert_eq!(details.section(Section::Skills).len(), MAX_ENTRIES_PER_SECTION);
        assert_eq!(details.entries().count(), MAX_ENTRIES_PER_SECTION);

        let link = WebAddress::parse("https://example.com").unwrap();
        let details = PersonalDetails { social_links: vec![link; MAX_SOCIAL_LINKS + 1], ..Default::default() };
        assert_eq!(details.validate(DateTime::UNIX_EPOCH).of("social_links").len(), 1);
    }

    #[test]
    fn a_revision_of_either_part_is_counted_if_it_changes_anything() {
        let mut profile = CandidateProfile {
            id: CandidateId(1),
            user_id: UserId(2),
            personal: PersonalDetails::default(),
            picture: None,
            professional: None,
            version: Version::FIRST,
        };
        profile.revise_personal(PersonalDetails::default(), None);
        assert_eq!(profile.version, Version::FIRST);
        let personal = PersonalDetails { gender: Text::parse("x").ok(), ..PersonalDetails::default() };
        for _ in 0..2 {
            profile.revise_personal(personal.clone(), None);
            assert_eq!((&profile.personal, profile.version), (&personal, Version(2)));
        }
        // An empty professional part is one all the same.
        let mut details = ProfessionalDetails::default();
        profile.revise_professional(details.clone(), None);
        assert_eq!(profile.version, Version(3));
        details.set(Section::Skills, Vec::new()).unwrap();
        profile.revise_professional(details.clone(), None);
        assert_eq!(profile.version, Version(3));
        details.set(Section::Skills, vec![Text::parse("Rust").unwrap()]).unwrap();
        profile.revise_professional(details.clone(), None);
        assert_eq!((profile.professional.unwrap().details, profile.version), (details, Version(4)));
    }

    #[test]
    fn a_name_is_what_there_is_of_it() {
        let mut personal = PersonalDetails::default();
        assert_eq!(personal.full_name(), None);
        personal.last_name = Text::parse("Abc").ok();
        assert_eq!(personal.full_name().as_deref(), Some("Abc"));
        personal.first_name = Text::parse("Mr").ok();
        assert_eq!(personal.full_name().as_deref(), Some("Mr Abc"));
    }
}
