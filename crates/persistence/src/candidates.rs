use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::{delete, insert_into, update};
use jobportal_application::{CandidateAccount, CandidateRepository, Page, PageRequest, RepositoryError};
use jobportal_domain::{
    CandidateId, CandidateProfile, DocumentId, PersonalDetails, ProfessionalDetails, ProfessionalProfile,
    ProfessionalProfileId, Section, StoredDocument, Text, UserId, Version, WebAddress,
};

use crate::accounts::ContactRow;
use crate::documents::{DocumentRow, document_columns};
use crate::error::{stored, stored_text};
use crate::schema::{PICTURES, RESUMES, candidate_entries, candidates, documents, professional_profiles, users};
use crate::session::Session;
use crate::time::At;

/// Links are kept as one more section.
const SOCIAL_LINKS: &str = "social_links";

/// Adds to a query the professional part and the documents of a candidate.
macro_rules! with_candidate_parts {
    ($query:expr) => {
        $query
            .left_join(PICTURES.on(candidates::picture_id.eq(PICTURES.field(documents::id).nullable())))
            .left_join(professional_profiles::table.on(professional_profiles::candidate_id.eq(candidates::id)))
            .left_join(RESUMES.on(professional_profiles::resume_id.eq(RESUMES.field(documents::id).nullable())))
    };
}
pub(crate) use with_candidate_parts;

/// The columns of a [`CandidateRow`].
macro_rules! candidate_columns {
    () => {
        (
            candidates::id,
            candidates::user_id,
            candidates::first_name,
            candidates::last_name,
            candidates::address,
            candidates::bio,
            candidates::gender,
            candidates::birth_date,
            candidates::version,
            PICTURES.fields(document_columns!()).nullable(),
            professional_profiles::id.nullable(),
            RESUMES.fields(document_columns!()).nullable(),
        )
    };
}
pub(crate) use candidate_columns;

#[derive(Queryable)]
pub(crate) struct CandidateRow {
    pub(crate) id: i64,
    user_id: i64,
    first_name: Option<String>,
    last_name: Option<String>,
    address: Option<String>,
    bio: Option<String>,
    gender: Option<String>,
    birth_date: Option<NaiveDate>,
    version: i64,
    picture: Option<DocumentRow>,
    professional_id: Option<i64>,
    resume: Option<DocumentRow>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = candidate_entries)]
pub(crate) struct EntryRow {
    candidate_id: i64,
    section: String,
    value: String,
}

impl CandidateRow {
    fn into_profile(self, entries: Vec<EntryRow>) -> Result<CandidateProfile, RepositoryError> {
        let mut social_links = Vec::new();
        let mut sections: HashMap<Section, Vec<Text<500>>> = HashMap::new();
        for entry in entries {
            if entry.section == SOCIAL_LINKS {
                social_links.push(stored("candidate_entries.value", WebAddress::parse(&entry.value))?);
            } else {
                let section = stored("candidate_entries.section", Section::parse(&entry.section))?;
                let value = stored("candidate_entries.value", Text::parse(&entry.value))?;
                sections.entry(section).or_default().push(value);
            }
        }
        let mut details = ProfessionalDetails::default();
        for (section, entries) in sections {
            stored("candidate_entries.position", details.set(section, entries))?;
        }
        let resume = self.resume.map(StoredDocument::try_from).transpose()?;
        let professional =
            self.professional_id.map(|id| ProfessionalProfile { id: ProfessionalProfileId(id), resume, details });
        Ok(CandidateProfile {
            id: CandidateId(self.id),
            user_id: UserId(self.user_id),
            personal: PersonalDetails {
                first_name: stored_text("candidates.first_name", self.first_name)?,
                last_name: stored_text("candidates.last_name", self.last_name)?,
                address: stored_text("candidates.address", self.address)?,
                bio: stored_text("candidates.bio", self.bio)?,
                social_links,
                gender: stored_text("candidates.gender", self.gender)?,
                birth_date: self.birth_date,
            },
            picture: self.picture.map(StoredDocument::try_from).transpose()?,
            professional,
            version: Version(self.version),
        })
    }
}

/// What a candidate may change of the personal part.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = candidates, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PersonalRow<'a> {
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    address: Option<&'a str>,
    bio: Option<&'a str>,
    gender: Option<&'a str>,
    birth_date: Option<NaiveDate>,
}

impl<'a> From<&'a PersonalDetails> for PersonalRow<'a> {
    fn from(personal: &'a PersonalDetails) -> Self {
        Self {
            first_name: personal.first_name.as_ref().map(Text::as_str),
            last_name: personal.last_name.as_ref().map(Text::as_str),
            address: personal.address.as_ref().map(Text::as_str),
            bio: personal.bio.as_ref().map(Text::as_str),
            gender: personal.gender.as_ref().map(Text::as_str),
            birth_date: personal.birth_date,
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = candidate_entries)]
pub(crate) struct NewEntryRow<'a> {
    candidate_id: i64,
    section: &'a str,
    position: i32,
    value: &'a str,
}

/// The rows of the links of a candidate.
pub(crate) fn link_rows(id: CandidateId, links: &[WebAddress]) -> impl Iterator<Item = NewEntryRow<'_>> {
    (0..).zip(links).map(move |(position, link)| NewEntryRow {
        candidate_id: id.0,
        section: SOCIAL_LINKS,
        position,
        value: link.as_str(),
    })
}

/// The rows of the sections of a candidate.
pub(crate) fn section_rows(id: CandidateId, details: &ProfessionalDetails) -> impl Iterator<Item = NewEntryRow<'_>> {
    Section::ALL.iter().flat_map(move |section| {
        (0..).zip(details.section(*section)).map(move |(position, entry)| NewEntryRow {
            candidate_id: id.0,
            section: section.as_str(),
            position,
            value: entry.as_str(),
        })
    })
}

impl Session<'_> {
    /// The profiles of these rows, in their order; the lists of all of them are read in one go.
    pub(crate) fn candidate_profiles(
        &mut self,
        rows: Vec<CandidateRow>,
    ) -> Result<Vec<CandidateProfile>, RepositoryError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = candidate_entries::table.filter(candidate_entries::candidate_id.eq_any(ids)).order((
            candidate_entries::candidate_id,
            candidate_entries::section,
            candidate_entries::position,
        ));
        let mut entries: HashMap<i64, Vec<EntryRow>> = HashMap::new();
        for entry in both!(self, |c| query.select(EntryRow::as_select()).load(c))? {
            entries.entry(entry.candidate_id).or_default().push(entry);
        }
        rows.into_iter()
            .map(|row| {
                let entries = entries.remove(&row.id).unwrap_or_default();
                row.into_profile(entries)
            })
            .collect()
    }

    /// The profiles of these accounts.
    pub(crate) fn candidates_of(&mut self, users: &[i64]) -> Result<Vec<CandidateProfile>, RepositoryError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let query = with_candidate_parts!(candidates::table)
            .filter(candidates::user_id.eq_any(users))
            .select(candidate_columns!());
        let rows = both!(self, |c| query.load(c))?;
        self.candidate_profiles(rows)
    }

    fn candidate_accounts(
        &mut self,
        rows: Vec<(ContactRow, CandidateRow)>,
    ) -> Result<Vec<CandidateAccount>, RepositoryError> {
        let (contacts, candidates): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let profiles = self.candidate_profiles(candidates)?;
        contacts
            .into_iter()
            .zip(profiles)
            .map(|(contact, profile)| Ok(CandidateAccount { contact: contact.try_into()?, profile }))
            .collect()
    }

    fn insert_entries(&mut self, rows: &[NewEntryRow<'_>]) -> Result<(), RepositoryError> {
        if !rows.is_empty() {
            both!(self, |c| insert_into(candidate_entries::table).values(rows).execute(c))?;
        }
        Ok(())
    }
}

impl CandidateRepository for Session<'_> {
    fn create(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<CandidateId, RepositoryError> {
        let row =
            (candidates::user_id.eq(user_id.0), candidates::created_at.eq(At(now)), candidates::updated_at.eq(At(now)));
        both!(self, |c| insert_into(candidates::table).values(row).returning(candidates::id).get_result(c))
            .map(CandidateId)
    }

    fn find(&mut self, id: CandidateId) -> Result<Option<CandidateAccount>, RepositoryError> {
        let query = with_candidate_parts!(candidates::table.inner_join(users::table))
            .filter(candidates::id.eq(id.0))
            .filter(users::deactivated_at.is_null());
        let rows = both!(self, |c| query.select((ContactRow::as_select(), candidate_columns!())).load(c))?;
        Ok(self.candidate_accounts(rows)?.pop())
    }

    fn find_by_user(&mut self, user_id: UserId) -> Result<Option<CandidateAccount>, RepositoryError> {
        let query =
            with_candidate_parts!(candidates::table.inner_join(users::table)).filter(candidates::user_id.eq(user_id.0));
        let rows = both!(self, |c| query.select((ContactRow::as_select(), candidate_columns!())).load(c))?;
        Ok(self.candidate_accounts(rows)?.pop())
    }

    fn id_of_user(&mut self, user_id: UserId) -> Result<Option<CandidateId>, RepositoryError> {
        let query = candidates::table.filter(candidates::user_id.eq(user_id.0)).select(candidates::id);
        let found: Option<i64> = both!(self, |c| query.get_result(c).optional())?;
        Ok(found.map(CandidateId))
    }

    fn list(&mut self, page: PageRequest) -> Result<Page<CandidateAccount>, RepositoryError> {
        let query = with_candidate_parts!(candidates::table.inner_join(users::table))
            .filter(users::deactivated_at.is_null())
            .order(candidates::id)
            .limit(page.size().into())
            .offset(page.offset());
        let rows = both!(self, |c| query.select((ContactRow::as_select(), candidate_columns!())).load(c))?;
        let active = candidates::table.inner_join(users::table).filter(users::deactivated_at.is_null());
        let total = total!(self, rows, page, active.count());
        Ok(Page::new(self.candidate_accounts(rows)?, total, page))
    }

    fn update_personal(
        &mut self,
        id: CandidateId,
        personal: &PersonalDetails,
        picture: Option<DocumentId>,
        version: Version,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError> {
        let changes = (
            PersonalRow::from(personal),
            candidates::picture_id.eq(picture.map(i64::from)),
            candidates::version.eq(version.0),
            candidates::updated_at.eq(At(now)),
        );
        both!(self, |c| update(candidates::table.find(id.0)).set(changes).execute(c))?;
        let replaced = candidate_entries::table
            .filter(candidate_entries::candidate_id.eq(id.0))
            .filter(candidate_entries::section.eq(SOCIAL_LINKS));
        both!(self, |c| delete(replaced).execute(c))?;
        self.insert_entries(&link_rows(id, &personal.social_links).collect::<Vec<_>>())
    }

    fn save_professional(
        &mut self,
        id: CandidateId,
        details: &ProfessionalDetails,
        resume: Option<DocumentId>,
        version: Version,
        now: DateTime<Utc>,
    ) -> Result<ProfessionalProfileId, RepositoryError> {
        let counted = candidates::version.eq(version.0);
        both!(self, |c| update(candidates::table.find(id.0)).set(counted).execute(c))?;
        let resume = professional_profiles::resume_id.eq(resume.map(i64::from));
        let updated_at = professional_profiles::updated_at.eq(At(now));
        let created = (professional_profiles::candidate_id.eq(id.0), professional_profiles::created_at.eq(At(now)));
        let profile_id: i64 = both!(self, |c| {
            insert_into(professional_profiles::table)
                .values((created, resume, updated_at))
                .on_conflict(professional_profiles::candidate_id)
                .do_update()
                .set((resume, updated_at))
                .returning(professional_profiles::id)
                .get_result(c)
        })?;
        let replaced = candidate_entries::table
            .filter(candidate_entries::candidate_id.eq(id.0))
            .filter(candidate_entries::section.ne(SOCIAL_LINKS));
        both!(self, |c| delete(replaced).execute(c))?;
        self.insert_entries(&section_rows(id, details).collect::<Vec<_>>())?;
        Ok(ProfessionalProfileId(profile_id))
    }
}
