mod fields;
mod generator;
mod vocabulary;
mod writing;

use chrono::{DateTime, Utc};
use jobportal_application::{Result, SeedApplication, SeedCandidate, SeedEmployer, SeedJob, SeedUser, Store};
use jobportal_domain::{CandidateId, EmailAddress, EmployerId, JobId, PasswordHash, UserType};
use thiserror::Error;

use generator::{Account, Employer, Generator, JobFacts, MAIL_SUFFIX};

/// How many rows one transaction stores.
const BATCH: usize = 1_000;

/// How much data to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedPlan {
    /// Employers, each with a verified account.
    pub employers: u32,
    /// Candidates, each with a verified account.
    pub candidates: u32,
    /// Jobs, posted by these employers.
    pub jobs: u32,
    /// Applications of these candidates to these jobs.
    pub applications: u32,
    /// The same number makes the same data.
    pub seed: u64,
}

/// A plan that can't be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Nobody to post jobs.
    #[error("jobs need at least one employer to post them")]
    NoEmployer,
    /// More than one application per candidate and job.
    #[error(
        "{candidates} candidates and {jobs} jobs allow at most {most} applications, one for each of the two together"
    )]
    TooManyApplications {
        /// How many candidates the plan has.
        candidates: u32,
        /// How many jobs the plan has.
        jobs: u32,
        /// How many applications that allows.
        most: u64,
    },
}

impl SeedPlan {
    /// Refuses a plan that can't be carried out.
    pub fn check(&self) -> Result<(), PlanError> {
        let Self { employers, candidates, jobs, applications, .. } = *self;
        let most = u64::from(candidates) * u64::from(jobs);
        if jobs > 0 && employers == 0 {
            Err(PlanError::NoEmployer)
        } else if u64::from(applications) > most {
            Err(PlanError::TooManyApplications { candidates, jobs, most })
        } else {
            Ok(())
        }
    }

    /// How many things the plan has in all.
    pub fn total(&self) -> u64 {
        [self.employers, self.candidates, self.jobs, self.applications].into_iter().map(u64::from).sum()
    }
}

/// Accounts to sign in with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// The first employer that was made up.
    pub employer: Option<EmailAddress>,
    /// The first candidate that was made up.
    pub candidate: Option<EmailAddress>,
}

/// A job that gets applications.
struct Popular {
    /// Which one of the run it is.
    number: u64,
    id: JobId,
    facts: JobFacts,
    /// How many it gets.
    applications: u64,
}

/// Makes data up and stores it beside what is there.
pub struct Seeding<'a> {
    /// Where to store it.
    pub store: &'a dyn Store,
    /// Hash of the one password of all accounts; one hash each would take hours.
    pub password_hash: PasswordHash,
    /// The present, to which all times relate.
    pub now: DateTime<Utc>,
    /// Is told how many things were stored, after each batch.
    pub progress: &'a dyn Fn(u64),
}

impl Seeding<'_> {
    /// Deletes everything but the plans.
    pub fn delete_all(&self) -> Result<()> {
        self.store.write(|uow| Ok(uow.bulk().delete_all()?))
    }

    /// Carries out `plan`, which must be one that [`SeedPlan::check`] accepts. Accounts are numbered on from those of earlier runs.
    pub fn run(&self, plan: &SeedPlan) -> Result<Seeded> {
        let first = self.store.read(|uow| Ok(uow.bulk().count_users_with_suffix(MAIL_SUFFIX)?))?;
        let generator = Generator::new(plan.seed, first, self.now);
        let employers = self.employers(&generator, plan)?;
        let (candidate, candidates) = self.candidates(&generator, plan)?;
        let popularity = match plan.applications {
            0 => Vec::new(),
            count => generator.popularity(count.into(), plan.jobs as usize, candidates.len() as u64)?,
        };
        let jobs = self.jobs(&generator, plan, &employers, &popularity)?;
        self.applications(&generator, &jobs, &candidates)?;
        self.store.write(|uow| Ok(uow.bulk().analyze()?))?;
        Ok(Seeded { employer: employers.first().map(|(_, employer)| employer.account.email.clone()), candidate })
    }

    fn employers(&self, generator: &Generator, plan: &SeedPlan) -> Result<Vec<(EmployerId, Employer)>> {
        let mut stored = Vec::new();
        for numbers in batches(plan.employers) {
            let employers = numbers.map(|n| generator.employer(n, n)).collect::<Result<Vec<_>>>()?;
            let users: Vec<_> = employers.iter().map(|e| self.user(&e.account, UserType::Employer)).collect();
            let ids = self.store.write(|uow| {
                let users = uow.bulk().insert_users(&users)?;
                let profiles = users.into_iter().zip(&employers).map(|(user_id, employer)| SeedEmployer {
                    user_id,
                    details: employer.details.clone(),
                    created_at: employer.account.created_at,
                });
                Ok(uow.bulk().insert_employers(&profiles.collect::<Vec<_>>())?)
            })?;
            (self.progress)(ids.len() as u64);
            stored.extend(ids.into_iter().zip(employers));
        }
        Ok(stored)
    }

    fn candidates(&self, generator: &Generator, plan: &SeedPlan) -> Result<(Option<EmailAddress>, Vec<CandidateId>)> {
        let mut first = None;
        let mut stored = Vec::new();
        for numbers in batches(plan.candidates) {
            let phones = u64::from(plan.employers);
            let candidates = numbers.map(|n| generator.candidate(n, phones + n)).collect::<Result<Vec<_>>>()?;
            let users: Vec<_> = candidates.iter().map(|c| self.user(&c.account, UserType::Candidate)).collect();
            first = first.or_else(|| users.first().map(|user| user.email.clone()));
            let ids = self.store.write(|uow| {
                let users = uow.bulk().insert_users(&users)?;
                let profiles = users.into_iter().zip(&candidates).map(|(user_id, candidate)| SeedCandidate {
                    user_id,
                    personal: candidate.personal.clone(),
                    professional: candidate.professional.clone(),
                    created_at: candidate.account.created_at,
                });
                Ok(uow.bulk().insert_candidates(&profiles.collect::<Vec<_>>())?)
            })?;
            (self.progress)(ids.len() as u64);
            stored.extend(ids);
        }
        Ok((first, stored))
    }

    /// Returns the jobs that get applications: of a million jobs few do, and the others need not be remembered.
    fn jobs(
        &self,
        generator: &Generator,
        plan: &SeedPlan,
        employers: &[(EmployerId, Employer)],
        popularity: &[u64],
    ) -> Result<Vec<Popular>> {
        let mut popular = Vec::new();
        let mut popularity = popularity.iter();
        for numbers in batches(plan.jobs) {
            let ads = numbers
                .clone()
                .filter_map(|n| employers.get(generator.poster(n, employers.len())).map(|employer| (n, employer)))
                .map(|(n, (employer_id, employer))| {
                    let ad = generator.job(n, employer)?;
                    Ok(SeedJob { employer_id: *employer_id, posting: ad.posting, posted_at: ad.posted_at })
                })
                .collect::<Result<Vec<_>>>()?;
            let ids = self.store.write(|uow| Ok(uow.bulk().insert_jobs(&ads)?))?;
            (self.progress)(ids.len() as u64);
            for (((number, id), ad), applications) in numbers.zip(ids).zip(ads).zip(&mut popularity) {
                if *applications > 0 {
                    let SeedJob { posting, posted_at, .. } = ad;
                    let facts = JobFacts { title: posting.title, posted_at, deadline: posting.deadline };
                    popular.push(Popular { number, id, facts, applications: *applications });
                }
            }
        }
        Ok(popular)
    }

    fn applications(&self, generator: &Generator, jobs: &[Popular], candidates: &[CandidateId]) -> Result<()> {
        let mut batch = Vec::with_capacity(BATCH);
        for job in jobs {
            for applicant in generator.applicants(job.number, job.applications, candidates.len()) {
                let Some(candidate_id) = candidates.get(applicant) else { continue };
                let made = generator.application(job.number, applicant as u64, &job.facts)?;
                batch.push(SeedApplication {
                    job_id: job.id,
                    candidate_id: *candidate_id,
                    form: made.form,
                    status: made.status,
                    applied_at: made.applied_at,
                });
                if batch.len() == BATCH {
                    self.store_applications(&mut batch)?;
                }
            }
        }
        self.store_applications(&mut batch)
    }

    fn store_applications(&self, batch: &mut Vec<SeedApplication>) -> Result<()> {
        if !batch.is_empty() {
            let stored = self.store.write(|uow| Ok(uow.bulk().insert_applications(batch)?))?;
            (self.progress)(stored);
            batch.clear();
        }
        Ok(())
    }

    fn user(&self, account: &Account, user_type: UserType) -> SeedUser {
        SeedUser {
            email: account.email.clone(),
            phone_number: account.phone_number.clone(),
            user_type,
            password_hash: self.password_hash.clone(),
            created_at: account.created_at,
        }
    }
}

fn batches(count: u32) -> impl Iterator<Item = std::ops::Range<u64>> {
    let count = u64::from(count);
    (0..count).step_by(BATCH).map(move |start| start..(start + BATCH as u64).min(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> SeedPlan {
        SeedPlan { employers: 2, candidates: 10, jobs: 5, applications: 20, seed: 1 }
    }

    #[test]
    fn a_plan_that_can_not_be_carried_out_is_refused() {
        assert_eq!(plan().check(), Ok(()));
        assert_eq!(SeedPlan { applications: 50, ..plan() }.check(), Ok(()));
        assert_eq!(
            SeedPlan { applications: 51, ..plan() }.check(),
            Err(PlanError::TooManyApplications { candidates: 10, jobs: 5, most: 50 })
        );
        assert_eq!(SeedPlan { employers: 0, ..plan() }.check(), Err(PlanError::NoEmployer));
        let nothing = SeedPlan { employers: 0, candidates: 0, jobs: 0, applications: 0, seed: 1 };
        assert_eq!((nothing.check(), nothing.total()), (Ok(()), 0));
    }

    #[test]
    fn batches_cover_everything_once() {
        let sizes: Vec<_> = batches(2_500).map(|range| range.end - range.start).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
        assert_eq!(batches(2_500).flatten().collect::<Vec<_>>(), (0..2_500).collect::<Vec<_>>());
        assert_eq!(batches(0).count(), 0);
    }
}
