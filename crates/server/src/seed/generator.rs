use chrono::{DateTime, TimeDelta, Utc};
use fake::faker::name::en::{FirstName, LastName};
use jobportal_application::{Error, Result};
use jobportal_domain::{
    ApplicationForm, ApplicationStatus, Country, EmailAddress, EmployerDetails, ExperienceLevel, JobPosting,
    JobSubtype, JobType, Money, Pay, PersonalDetails, PhoneNumber, ProfessionalDetails, Skills, Text, Workplace,
};
use rand::rngs::ChaCha8Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::fields::{FIELDS, Field};
use super::vocabulary::{City, LETTER_MIDDLES, NOTICE_PERIODS};
use super::writing::{
    address, description, draw, draw_city, internal, letter, link, name, pick, professional, salary_range, slug, some,
    text, title, years_of,
};

/// The end of the e-mail address of every made-up account; nobody can own a name under `.example`.
pub(super) const MAIL_SUFFIX: &str = "@seed.example";

/// How far back jobs reach.
const POSTED_WITHIN: TimeDelta = TimeDelta::days(90);

/// What is told apart so that one more employer does not change what the first candidate is called.
#[derive(Clone, Copy)]
enum Kind {
    Employer = 1,
    Candidate,
    Poster,
    Job,
    Application,
    Popularity,
}

/// Makes up data. The same seed, start and time make the same data, in whatever portions it is asked for.
pub(super) struct Generator {
    seed: u64,
    first: u64,
    now: DateTime<Utc>,
}

/// How to reach a made-up user, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) email: EmailAddress,
    pub(super) phone_number: PhoneNumber,
    pub(super) created_at: DateTime<Utc>,
}

/// A made-up employer, and what its jobs have in common.
pub(super) struct Employer {
    pub(super) account: Account,
    pub(super) details: EmployerDetails,
    pub(super) company: Text<200>,
    pub(super) field: &'static Field,
    city: &'static City,
    is_public: bool,
}

/// A made-up candidate.
pub(super) struct Candidate {
    pub(super) account: Account,
    pub(super) personal: PersonalDetails,
    pub(super) professional: ProfessionalDetails,
}

/// A made-up job.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JobAd {
    pub(super) posting: JobPosting,
    pub(super) posted_at: DateTime<Utc>,
}

/// A made-up application.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Submission {
    pub(super) form: ApplicationForm,
    pub(super) status: ApplicationStatus,
    pub(super) applied_at: DateTime<Utc>,
}

/// What an application has to know of its job.
#[derive(Clone, Debug)]
pub(super) struct JobFacts {
    pub(super) title: Text<200>,
    pub(super) posted_at: DateTime<Utc>,
    pub(super) deadline: DateTime<Utc>,
}

impl Generator {
    /// Numbers accounts from `first` + 1.
    pub(super) fn new(seed: u64, first: u64, now: DateTime<Utc>) -> Self {
        Self { seed, first, now }
    }

    fn rng(&self, kind: Kind, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(self.first << 32));
        rng.set_stream((kind as u64) << 48 | number);
        rng
    }

    fn account(&self, role: &str, number: u64, phone: u64, rng: &mut ChaCha8Rng) -> Result<Account> {
        let number = self.first + number + 1;
        Ok(Account {
            email: EmailAddress::parse(&format!("{role}{number:06}{MAIL_SUFFIX}")).map_err(internal)?,
            phone_number: PhoneNumber::parse(&format!("019{:08}", self.first + phone)).map_err(internal)?,
            created_at: self.now - POSTED_WITHIN - TimeDelta::minutes(rng.random_range(1_440..400_000)),
        })
    }

    /// Employer `number` of the run, with the phone number `phone` of the run.
    pub(super) fn employer(&self, number: u64, phone: u64) -> Result<Employer> {
        let mut rng = self.rng(Kind::Employer, number);
        let account = self.account("employer", number, phone, &mut rng)?;
        let field = pick(&mut rng, FIELDS)?;
        let city = draw_city(&mut rng)?;
        let is_public = rng.random_bool(0.15);
        let company: String = if is_public {
            pick(&mut rng, field.public_bodies)?.replace("{}", city.name)
        } else {
            format!("{} {}", name(&LastName(), &mut rng), pick(&mut rng, field.companies)?)
        };
        let details = EmployerDetails {
            first_name: Some(text(name(&FirstName(), &mut rng))?),
            last_name: Some(text(name(&LastName(), &mut rng))?),
            address: Some(address(city, &mut rng)?),
            website: Some(link(&format!("https://{}.seed.example/", slug(&company)))?),
            company_name: Some(text(&company)?),
        };
        Ok(Employer { account, details, company: text(&company)?, field, city, is_public })
    }

    /// Candidate `number` of the run, with the phone number `phone` of the run.
    pub(super) fn candidate(&self, number: u64, phone: u64) -> Result<Candidate> {
        let mut rng = self.rng(Kind::Candidate, number);
        let account = self.account("candidate", number, phone, &mut rng)?;
        let (first, last) = (name(&FirstName(), &mut rng), name(&LastName(), &mut rng));
        let field = pick(&mut rng, FIELDS)?;
        let city = draw_city(&mut rng)?;
        let occupation = pick(&mut rng, field.occupations)?;
        let years: i64 = rng.random_range(0..30);
        let age_in_days = (21 + years) * 365 + rng.random_range(0..1_500);
        let profile = format!("https://people.seed.example/{}-{}-{number}", slug(first), slug(last));
        let personal = PersonalDetails {
            first_name: Some(text(first)?),
            last_name: Some(text(last)?),
            address: Some(address(city, &mut rng)?),
            bio: Some(text(format!(
                "{occupation} from {} with {} of experience in {}. {}",
                city.name,
                years_of(years),
                field.name,
                pick(&mut rng, LETTER_MIDDLES)?
            ))?),
            social_links: vec![link(&profile)?],
            gender: [Some("female"), Some("male"), None].choose(&mut rng).copied().flatten().map(text).transpose()?,
            birth_date: (self.now - TimeDelta::days(age_in_days)).date_naive().into(),
        };
        let professional = professional(field, city, occupation, years, &mut rng)?;
        Ok(Candidate { account, personal, professional })
    }

    /// Which of `employers` posts job `number` of the run: a few post much more than the others.
    pub(super) fn poster(&self, number: u64, employers: usize) -> usize {
        let mut rng = self.rng(Kind::Poster, number);
        let among_the_first = rng.random_range(1..=employers.max(1));
        rng.random_range(0..among_the_first)
    }

    /// Job `number` of the run, posted by `employer`.
    pub(super) fn job(&self, number: u64, employer: &Employer) -> Result<JobAd> {
        const LEVELS: &[(ExperienceLevel, u32)] = &[
            (ExperienceLevel::Entry, 25),
            (ExperienceLevel::Mid, 40),
            (ExperienceLevel::Senior, 25),
            (ExperienceLevel::Director, 7),
            (ExperienceLevel::Executive, 3),
        ];
        const SUBTYPES: &[(JobSubtype, u32)] = &[
            (JobSubtype::FullTime, 60),
            (JobSubtype::PartTime, 14),
            (JobSubtype::Contract, 12),
            (JobSubtype::Temporary, 7),
            (JobSubtype::Freelance, 7),
        ];
        const WORKPLACES: &[(Workplace, u32)] =
            &[(Workplace::OnSite, 55), (Workplace::Hybrid, 30), (Workplace::Remote, 15)];
        let mut rng = self.rng(Kind::Job, number);
        let drawn = pick(&mut rng, FIELDS)?;
        let field = if drawn.is_needed_everywhere && rng.random_bool(0.5) { drawn } else { employer.field };
        let has_branches = !employer.is_public && rng.random_bool(0.2);
        let city = if has_branches { draw_city(&mut rng)? } else { employer.city };
        let level = draw(&mut rng, LEVELS)?;
        let subtype = match level {
            ExperienceLevel::Entry if rng.random_bool(0.25) => JobSubtype::Internship,
            ExperienceLevel::Director | ExperienceLevel::Executive => JobSubtype::FullTime,
            _ => draw(&mut rng, SUBTYPES)?,
        };
        let title = title(field, level, subtype, &mut rng)?;
        let posted_at = self.now - TimeDelta::minutes(rng.random_range(1..POSTED_WITHIN.num_minutes()));
        let since = (self.now - posted_at).num_minutes();
        let deadline = if rng.random_bool(0.12) {
            posted_at + TimeDelta::minutes(rng.random_range(since / 2..=since))
        } else {
            self.now + TimeDelta::minutes(rng.random_range(1_440..130_000))
        };
        let site = slug(employer.company.as_str());
        let salary_range = rng.random_bool(0.85).then(|| salary_range(city, level, &mut rng));
        let posting = JobPosting {
            description: text(description(&title, employer, field, level, city, &mut rng)?)?,
            title: text(&title)?,
            job_type: if employer.is_public { JobType::Government } else { JobType::Private },
            job_subtype: subtype,
            experience_level: level,
            company_name: employer.company.clone(),
            location: text(format!("{}, {}", city.name, city.country))?,
            pay: salary_range.as_deref().and_then(Pay::in_text),
            salary_range: salary_range.map(text).transpose()?,
            workplace: if rng.random_bool(0.9) { Some(draw(&mut rng, WORKPLACES)?) } else { None },
            country: Some(Country::parse(city.country_code).map_err(internal)?),
            skills: Skills::new(some(&mut rng, field.skills, 2..7).iter().map(text).collect::<Result<Vec<_>>>()?)
                .map_err(|problem| Error::Internal(problem.into()))?,
            deadline,
            application_link: rng
                .random_bool(0.4)
                .then(|| link(&format!("https://{site}.seed.example/careers/{}", slug(&title))))
                .transpose()?,
            application_email: rng
                .random_bool(0.3)
                .then(|| EmailAddress::parse(&format!("jobs@{site}.seed.example")).map_err(internal))
                .transpose()?,
        };
        Ok(JobAd { posting, posted_at })
    }

    /// How many of `applications` go to each of `jobs` jobs, of which none gets more than `most`: as in life, few get many.
    pub(super) fn popularity(&self, applications: u64, jobs: usize, most: u64) -> Result<Vec<u64>> {
        let mut rng = self.rng(Kind::Popularity, 0);
        let mut ranks: Vec<u32> = (0..u32::try_from(jobs).map_err(internal)?).collect();
        ranks.shuffle(&mut rng);
        // The place of a job in a popularity contest, and the share that Zipf's law gives it.
        let weights = ranks.iter().map(|rank| (f64::from(*rank) + 3.0).powf(-0.9));
        let shares = rand::distr::weighted::WeightedIndex::new(weights).map_err(internal)?;
        let mut counts = vec![0_u64; jobs];
        let mut left_over = 0;
        for _ in 0..applications {
            match counts.get_mut(rng.sample(&shares)) {
                Some(count) if *count < most => *count += 1,
                _ => left_over += 1,
            }
        }
        for count in &mut counts {
            let more = left_over.min(most - *count);
            *count += more;
            left_over -= more;
        }
        Ok(counts)
    }

    /// Which of `candidates` apply to job `job` of the run, `count` of them.
    pub(super) fn applicants(&self, job: u64, count: u64, candidates: usize) -> Vec<usize> {
        let mut rng = self.rng(Kind::Application, job << 20);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(candidates);
        rand::seq::index::sample(&mut rng, candidates, count).into_vec()
    }

    /// The application of candidate `candidate` of the run to job `job` of the run.
    pub(super) fn application(&self, job: u64, candidate: u64, facts: &JobFacts) -> Result<Submission> {
        const STATUSES: &[(ApplicationStatus, u32)] = &[
            (ApplicationStatus::Applied, 52),
            (ApplicationStatus::Selected, 14),
            (ApplicationStatus::Interviewed, 11),
            (ApplicationStatus::Offered, 5),
            (ApplicationStatus::Rejected, 18),
        ];
        let mut rng = self.rng(Kind::Application, (job << 20) + candidate + 1);
        let open_for = (self.now.min(facts.deadline) - facts.posted_at).num_minutes().max(1);
        let letter = letter(&facts.title, &mut rng)?;
        let form = ApplicationForm {
            cover_letter: rng.random_bool(0.8).then_some(letter),
            expected_salary: Money::from_minor_units(rng.random_range(40..300) * 50_000),
            notice_period: Some(text(pick(&mut rng, NOTICE_PERIODS)?)?),
        };
        let applied_at = facts.posted_at + TimeDelta::minutes(rng.random_range(0..open_for));
        Ok(Submission { form, status: draw(&mut rng, STATUSES)?, applied_at })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jobportal_domain::Section;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn generator(seed: u64, first: u64) -> Generator {
        Generator::new(seed, first, now())
    }

    fn jobs(generator: &Generator, count: u64) -> Vec<JobAd> {
        let employers: Vec<_> = (0..20).map(|n| generator.employer(n, n).unwrap()).collect();
        (0..count).map(|n| generator.job(n, &employers[generator.poster(n, 20)]).unwrap()).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_data() {
        assert_eq!(jobs(&generator(1, 0), 50), jobs(&generator(1, 0), 50));
        assert_ne!(jobs(&generator(1, 0), 50), jobs(&generator(2, 0), 50));
        let candidate = |seed, first| generator(seed, first).candidate(3, 3).unwrap();
        let (one, same) = (candidate(1, 0), candidate(1, 0));
        assert_eq!(
            (&one.account, &one.personal, &one.professional),
            (&same.account, &same.personal, &same.professional)
        );
        assert_ne!(one.personal, candidate(1, 100).personal, "a later run makes other people");
        let facts = JobFacts { title: text("Baker").unwrap(), posted_at: now() - TimeDelta::days(9), deadline: now() };
        let submission = |seed| generator(seed, 0).application(1, 2, &facts).unwrap();
        assert_eq!(submission(1), submission(1));
        assert_ne!(submission(1), submission(2));
    }

    #[test]
    fn a_later_run_numbers_accounts_on() {
        let account = generator(1, 350).candidate(0, 50).unwrap().account;
        assert_eq!(account.email.as_str(), "candidate000351@seed.example");
        assert_eq!(account.phone_number.as_str(), "01900000400");
    }

    #[test]
    fn jobs_read_like_jobs() {
        let jobs = jobs(&generator(42, 0), 2_000);
        let is_open = |job: &&JobAd| job.posting.deadline > now();
        for JobAd { posting, posted_at } in &jobs {
            let length = posting.description.as_str().chars().count();
            assert!((600..=2_000).contains(&length), "{length}: {}", posting.description);
            assert!(!posting.description.as_str().contains(['{', '}']), "{}", posting.description);
            assert!(now() - *posted_at <= POSTED_WITHIN && *posted_at < now() && posting.deadline >= *posted_at);
        }
        let open = jobs.iter().filter(is_open).count();
        assert!((1_600..1_950).contains(&open), "most are open, some are not: {open}");
        let of = |job_type| jobs.iter().filter(|job| job.posting.job_type == job_type).count();
        assert!(of(JobType::Government) > 0 && of(JobType::Private) > of(JobType::Government));
        for level in ExperienceLevel::ALL {
            assert!(jobs.iter().any(|job| job.posting.experience_level == *level), "{level}");
        }
        for subtype in JobSubtype::ALL {
            assert!(jobs.iter().any(|job| job.posting.job_subtype == *subtype), "{subtype}");
        }
    }

    #[test]
    fn people_are_plausible_and_told_apart() {
        let generator = generator(42, 0);
        let people: Vec<_> = (0..500).map(|n| generator.candidate(n, n).unwrap()).collect();
        let phones: HashSet<_> = people.iter().map(|person| person.account.phone_number.clone()).collect();
        assert_eq!(phones.len(), people.len());
        for person in &people {
            assert!(person.personal.validate(now()).is_empty());
            assert!(!person.professional.section(Section::Skills).is_empty());
            assert!(person.account.created_at < now() - POSTED_WITHIN);
        }
    }

    #[test]
    fn few_jobs_get_many_applications() {
        let mut counts = generator(42, 0).popularity(10_000, 1_000, 300).unwrap();
        assert_eq!(counts.iter().sum::<u64>(), 10_000);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        assert!(counts[0] <= 300);
        let of_the_first_tenth = counts.iter().take(100).sum::<u64>();
        assert!(of_the_first_tenth > 4_000, "{of_the_first_tenth}");
        assert!(counts[500] <= 10, "{}", counts[500]);
    }

    #[test]
    fn every_place_can_be_taken() {
        assert_eq!(generator(1, 0).popularity(50, 5, 10).unwrap(), [10; 5]);
        let applicants: HashSet<_> = generator(1, 0).applicants(0, 10, 10).into_iter().collect();
        assert_eq!(applicants.len(), 10);
    }

    #[test]
    fn an_application_is_sent_while_the_job_is_open() {
        let facts = |days| JobFacts {
            title: text("Baker").unwrap(),
            posted_at: now() - TimeDelta::days(30),
            deadline: now() + TimeDelta::days(days),
        };
        for (days, n) in [(-10, 0..200_u64), (10, 0..200)].into_iter().flat_map(|(d, ns)| ns.map(move |n| (d, n))) {
            let facts = facts(days);
            let applied_at = generator(42, 0).application(1, n, &facts).unwrap().applied_at;
            assert!(applied_at >= facts.posted_at && applied_at < facts.deadline && applied_at <= now());
        }
    }
}
