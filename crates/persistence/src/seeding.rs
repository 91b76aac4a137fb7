use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::{insert_into, insert_or_ignore_into};
use jobportal_application::{
    BulkRepository, Constraint, RepositoryError, SeedApplication, SeedCandidate, SeedEmployer, SeedJob, SeedUser,
    Subject,
};
use jobportal_domain::{CandidateId, EmployerId, JobId, JobStatus, UserId};

use crate::accounts::NewUserRow;
use crate::applications::{NewApplicationRow, Placed};
use crate::candidates::{NewEntryRow, PersonalRow, link_rows, section_rows};
use crate::changes::Feed;
use crate::connection::AnyConnection;
use crate::employers::DetailsRow;
use crate::jobs::{NewJobRow, escape, skill_rows};
use crate::schema::{
    applications, candidate_entries, candidates, employers, job_skills, jobs, professional_profiles, users,
};
use crate::search::terms::Terms;
use crate::session::Session;
use crate::time::At;

/// How many values SQLite binds in a statement; PostgreSQL takes twice as many.
const MAX_VALUES: usize = 32_766;

/// Every table but the plans and the clocks of the feeds, which never go back; those that refer to others first.
const TABLES: [&str; 20] = [
    "search_terms",
    "receipts",
    "schedule",
    "outbox",
    "daily_usage",
    "subscriptions",
    "applications",
    "job_skills",
    "jobs",
    "employers",
    "candidate_entries",
    "professional_profiles",
    "candidates",
    "documents",
    "sessions",
    "known_networks",
    "recovery_codes",
    "second_factors",
    "one_time_codes",
    "users",
];

#[derive(Insertable)]
#[diesel(table_name = candidates)]
struct NewCandidateRow<'a> {
    user_id: i64,
    #[diesel(embed)]
    personal: PersonalRow<'a>,
    created_at: At,
    updated_at: At,
}

#[derive(Insertable)]
#[diesel(table_name = professional_profiles)]
struct NewProfileRow {
    candidate_id: i64,
    created_at: At,
    updated_at: At,
}

#[derive(Insertable)]
#[diesel(table_name = employers)]
struct NewEmployerRow<'a> {
    user_id: i64,
    #[diesel(embed)]
    details: DetailsRow<'a>,
    created_at: At,
    updated_at: At,
}

/// Inserts rows of so many columns in as few statements as will do, and returns their ids in the order of the rows.
macro_rules! insert_all {
    ($session:expr, $table:ident, $columns:expr, $rows:expr) => {{
        let mut rows = $rows;
        let mut ids: Vec<i64> = Vec::new();
        loop {
            let batch: Vec<_> = rows.by_ref().take(MAX_VALUES / $columns).collect();
            if batch.is_empty() {
                break;
            }
            let mut inserted: Vec<i64> = both!($session, |c| {
                insert_into($table::table).values(&batch).returning($table::id).get_results(c)
            })?;
            // Ids are given in the order of the rows, but may be returned in another one.
            inserted.sort_unstable();
            ids.extend(inserted);
        }
        ids
    }};
}

impl Session<'_> {
    /// The place of applications in the feeds of their employers, by job.
    fn place(&mut self, applications: &[SeedApplication]) -> Result<HashMap<i64, Placed>, RepositoryError> {
        let wanted: BTreeSet<i64> = applications.iter().map(|seed| seed.job_id.0).collect();
        let query = jobs::table.filter(jobs::id.eq_any(wanted)).select((jobs::id, jobs::employer_id));
        let employers: HashMap<i64, i64> = both!(self, |c| query.load(c))?.into_iter().collect();
        // In the order of the employers, so that two of these do not wait for each other.
        let mut latest = BTreeMap::new();
        for seed in applications {
            if let Some(employer) = employers.get(&seed.job_id.0) {
                let time = latest.entry(*employer).or_insert(seed.applied_at);
                *time = seed.applied_at.max(*time);
            }
        }
        let stamp = |(employer, time)| Ok((employer, self.stamp(Feed::Applications(employer), time)?));
        let stamps = latest.into_iter().map(stamp).collect::<Result<HashMap<_, _>, RepositoryError>>()?;
        let place = |(job, employer_id): (i64, i64)| {
            stamps.get(&employer_id).map(|changed_at| (job, Placed { employer_id, changed_at: *changed_at }))
        };
        Ok(employers.into_iter().filter_map(place).collect())
    }
}

impl BulkRepository for Session<'_> {
    fn insert_users(&mut self, users: &[SeedUser]) -> Result<Vec<UserId>, RepositoryError> {
        let rows = users.iter().map(|user| NewUserRow {
            email: user.email.as_str(),
            phone_number: user.phone_number.as_str(),
            user_type: user.user_type.as_str(),
            password_hash: user.password_hash.expose(),
            verified_at: Some(At(user.created_at)),
            created_at: At(user.created_at),
            updated_at: At(user.created_at),
        });
        let ids = insert_all!(self, users, 7, rows);
        Ok(ids.into_iter().map(UserId).collect())
    }

    fn insert_candidates(&mut self, candidates: &[SeedCandidate]) -> Result<Vec<CandidateId>, RepositoryError> {
        let rows = candidates.iter().map(|candidate| NewCandidateRow {
            user_id: candidate.user_id.0,
            personal: PersonalRow::from(&candidate.personal),
            created_at: At(candidate.created_at),
            updated_at: At(candidate.created_at),
        });
        let ids = insert_all!(self, candidates, 9, rows);
        let ids: Vec<_> = ids.into_iter().map(CandidateId).collect();
        insert_all!(
            self,
            professional_profiles,
            3,
            ids.iter().zip(candidates).map(|(id, candidate)| NewProfileRow {
                candidate_id: id.0,
                created_at: At(candidate.created_at),
                updated_at: At(candidate.created_at),
            })
        );
        let entries: Vec<NewEntryRow<'_>> = ids
            .iter()
            .zip(candidates)
            .flat_map(|(id, candidate)| {
                link_rows(*id, &candidate.personal.social_links).chain(section_rows(*id, &candidate.professional))
            })
            .collect();
        for batch in entries.chunks(MAX_VALUES / 4) {
            both!(self, |c| insert_into(candidate_entries::table).values(batch).execute(c))?;
        }
        Ok(ids)
    }

    fn insert_employers(&mut self, employers: &[SeedEmployer]) -> Result<Vec<EmployerId>, RepositoryError> {
        let rows = employers.iter().map(|employer| NewEmployerRow {
            user_id: employer.user_id.0,
            details: DetailsRow::from(&employer.details),
            created_at: At(employer.created_at),
            updated_at: At(employer.created_at),
        });
        let ids = insert_all!(self, employers, 8, rows);
        Ok(ids.into_iter().map(EmployerId).collect())
    }

    fn insert_jobs(&mut self, jobs: &[SeedJob]) -> Result<Vec<JobId>, RepositoryError> {
        let Some(latest) = jobs.iter().map(|job| job.posted_at).max() else { return Ok(Vec::new()) };
        self.changes(Subject::Everything);
        if let AnyConnection::Sqlite(c) = &mut *self.connection {
            // The pages of indexes that a batch changes are all over the file, so they had better stay in memory: 128 MB, in KiB.
            let result = c.batch_execute("PRAGMA cache_size = -131072");
            self.settle(result)?;
        }
        let changed_at = self.stamp(Feed::Jobs, latest)?;
        let rows = jobs
            .iter()
            .map(|job| NewJobRow::new(job.employer_id, &job.posting, JobStatus::Published, job.posted_at, changed_at));
        let ids = insert_all!(self, jobs, NewJobRow::COLUMNS, rows);
        let ids: Vec<_> = ids.into_iter().map(JobId).collect();
        let skills: Vec<_> = ids.iter().zip(jobs).flat_map(|(id, job)| skill_rows(*id, &job.posting.skills)).collect();
        for batch in skills.chunks(MAX_VALUES / 2) {
            both!(self, |c| insert_into(job_skills::table).values(batch).execute(c))?;
        }
        let mut terms = Terms::default();
        for job in jobs {
            terms.add(&job.posting, 1);
        }
        self.adjust_terms(terms)?;
        Ok(ids)
    }

    fn insert_applications(&mut self, applications: &[SeedApplication]) -> Result<u64, RepositoryError> {
        self.changes(Subject::Everything);
        let mut stored = 0;
        for batch in applications.chunks(MAX_VALUES / NewApplicationRow::COLUMNS) {
            let placed = self.place(batch)?;
            let place = |seed: &SeedApplication| placed.get(&seed.job_id.0).copied();
            let rows: Option<Vec<_>> =
                batch.iter().map(|seed| Some(NewApplicationRow::seeded(seed, place(seed)?))).collect();
            let rows = rows.ok_or(RepositoryError::Conflict(Constraint::Reference))?;
            // Each database has its own way to pass over what is there.
            let result = match &mut *self.connection {
                AnyConnection::Sqlite(c) => insert_or_ignore_into(applications::table).values(&rows).execute(c),
                AnyConnection::Postgres(c) => {
                    insert_into(applications::table).values(&rows).on_conflict_do_nothing().execute(c)
                }
            };
            stored += self.settle(result)? as u64;
        }
        Ok(stored)
    }

    fn count_users_with_suffix(&mut self, suffix: &str) -> Result<u64, RepositoryError> {
        let pattern = format!("%{}", escape(suffix));
        let query = users::table.filter(users::email.like(pattern).escape('\\')).count();
        both!(self, |c| query.get_result::<i64>(c)).map(i64::unsigned_abs)
    }

    fn delete_all(&mut self) -> Result<(), RepositoryError> {
        self.changes(Subject::Everything);
        let result = match &mut *self.connection {
            AnyConnection::Sqlite(c) => {
                TABLES.iter().try_for_each(|table| c.batch_execute(&format!("DELETE FROM {table}")))
            }
            // Row by row it would look for references to each of them.
            AnyConnection::Postgres(c) => c.batch_execute(&format!("TRUNCATE {}", TABLES.join(", "))),
        };
        self.settle(result)
    }

    fn analyze(&mut self) -> Result<(), RepositoryError> {
        both!(self, |c| c.batch_execute("ANALYZE"))
    }
}
