use chrono::{DateTime, Utc};
use jobportal_application::Actor;
use jobportal_domain::{
    Country, Currency, EmailAddress, ExperienceLevel, JobPosting, JobStatus, JobSubtype, JobType, MAX_SKILLS,
    NotAChoice, Pay, PayError, PayPeriod, Skills, Text, Violations, WebAddress, Workplace,
};
use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{ExperienceLevelText, JobSubtypeText, JobTypeText, PayPeriodText, WorkplaceText};
use crate::body::Request;
use crate::error::ApiError;
use crate::input::{Change, Input};
use crate::openapi::{none_required, one_of, with_property};
use crate::wire::{IdInput, TextOrNumber, parse_time};

/// What a job says.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ReplaceJob)]
pub(crate) struct JobRequest {
    /// The id of the caller's account, if given.
    #[schema(value_type = Option<IdInput>)]
    user: Input<i64>,
    /// The id of the caller's profile, if given.
    #[schema(value_type = Option<IdInput>)]
    employer: Input<i64>,
    #[schema(value_type = String, required, max_length = 200, example = "Software Engineer")]
    title: Input<String>,
    #[schema(
        value_type = String,
        required,
        max_length = 20_000,
        example = "Develop and maintain web applications."
    )]
    description: Input<String>,
    #[schema(value_type = JobTypeText, required)]
    job_type: Input<String>,
    #[schema(value_type = JobSubtypeText, required)]
    job_subtype: Input<String>,
    #[schema(value_type = ExperienceLevelText, required)]
    experience_level: Input<String>,
    /// That of the employer's profile, if it is left out.
    #[schema(value_type = String, max_length = 200, example = "Tech Solutions Ltd.")]
    company_name: Input<String>,
    #[schema(value_type = String, required, max_length = 200, example = "Dhaka")]
    location: Input<String>,
    #[schema(value_type = Option<String>, max_length = 100, example = "70,000 - 90,000 USD")]
    salary_range: Input<String>,
    /// The least pay. Without `salary_` keys of figures they are read from `salary_range`, if it plainly says them.
    #[schema(value_type = Option<TextOrNumber>, example = "70000.00")]
    salary_min: Input<TextOrNumber>,
    /// The most pay.
    #[schema(value_type = Option<TextOrNumber>, example = "90000.00")]
    salary_max: Input<TextOrNumber>,
    /// Of the figures, by ISO 4217.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 3, example = "USD")]
    salary_currency: Input<String>,
    /// What the figures are paid for; a year if it is left out.
    #[schema(value_type = Option<PayPeriodText>)]
    salary_period: Input<String>,
    /// Where the work is done.
    #[schema(value_type = Option<WorkplaceText>)]
    workplace: Input<String>,
    /// The country of the work, by ISO 3166-1 (two letters).
    #[schema(value_type = Option<String>, min_length = 2, max_length = 2, example = "BD")]
    country: Input<String>,
    /// What one should know.
    #[schema(value_type = Option<Vec<String>>, max_items = 30, example = json!(["Rust", "PostgreSQL"]))]
    skills: Input<Vec<String>>,
    /// Applications are taken before it. Without an offset it is in UTC.
    #[schema(value_type = String, required, format = DateTime, example = "2099-12-31T23:59:59Z")]
    deadline: Input<String>,
    #[schema(value_type = Option<String>, format = "uri", max_length = 500, example = "https://techsolutions.example/apply")]
    application_link: Input<String>,
    #[schema(value_type = Option<String>, format = "email", max_length = 254, example = "jobs@techsolutions.example")]
    application_email: Input<String>,
}

impl Request for JobRequest {}

/// A new job: what it says, and whether it is a draft.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PostJobRequest {
    #[serde(flatten)]
    job: JobRequest,
    state: Input<String>,
}

impl Request for PostJobRequest {}

impl PostJobRequest {
    /// Reads the request of `actor`: the id of the employer that it names, the status of the new job, and the job.
    pub(super) fn draft(self, actor: &Actor) -> Result<(Option<i64>, JobStatus, Draft), ApiError> {
        let (employer, mut draft) = self.job.draft(actor, Completeness::Whole)?;
        let status = self.state.change("state", &mut draft.violations, |raw| match JobStatus::parse(raw)? {
            status if NEW.contains(&status) => Ok(status),
            other => Err(NotAChoice(other.to_string())),
        });
        Ok((employer, status.apply(None).unwrap_or(JobStatus::Published), draft))
    }
}

/// What a new job may be.
const NEW: [JobStatus; 2] = [JobStatus::Draft, JobStatus::Published];

impl PartialSchema for PostJobRequest {
    fn schema() -> RefOr<Schema> {
        let state = one_of(NEW.map(JobStatus::as_str)).description(Some(
            "`published` if it is left out. A draft is seen by its employer alone, until it is published.",
        ));
        with_property(JobRequest::schema(), "state", state)
    }
}

impl ToSchema for PostJobRequest {
    fn name() -> std::borrow::Cow<'static, str> {
        "PostJob".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        JobRequest::schemas(schemas);
    }
}

/// What a `PATCH` changes of a job: the same keys, and none is required.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct ReviseJobRequest(pub(super) JobRequest);

impl Request for ReviseJobRequest {}

impl PartialSchema for ReviseJobRequest {
    fn schema() -> RefOr<Schema> {
        none_required(JobRequest::schema())
    }
}

impl ToSchema for ReviseJobRequest {
    fn name() -> std::borrow::Cow<'static, str> {
        "ReviseJob".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        JobRequest::schemas(schemas);
    }
}

/// A posting as far as a request makes it.
#[derive(Clone)]
pub(super) struct Draft {
    title: Option<Text<200>>,
    description: Option<Text<20_000>>,
    job_type: Option<JobType>,
    job_subtype: Option<JobSubtype>,
    experience_level: Option<ExperienceLevel>,
    company_name: Option<Text<200>>,
    location: Option<Text<200>>,
    deadline: Option<DateTime<Utc>>,
    salary_range: Change<Text<100>>,
    pay: PayDraft,
    workplace: Change<Workplace>,
    country: Change<Country>,
    skills: Change<Skills>,
    application_link: Change<WebAddress>,
    application_email: Change<EmailAddress>,
    violations: Violations,
}

/// Whether a request must hold every key that a posting can't do without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Completeness {
    Whole,
    Partial,
}

impl JobRequest {
    /// Reads the request of `actor`, and the id of the employer that it names.
    pub(super) fn draft(self, actor: &Actor, completeness: Completeness) -> Result<(Option<i64>, Draft), ApiError> {
        let mut violations = Violations::default();
        actor.require_own_user(self.user.optional("user", &mut violations))?;
        let employer = self.employer.optional("employer", &mut violations);
        let draft = Draft {
            title: field(self.title, "title", completeness, &mut violations, Text::parse),
            description: field(self.description, "description", completeness, &mut violations, Text::parse),
            job_type: field(self.job_type, "job_type", completeness, &mut violations, JobType::parse),
            job_subtype: field(self.job_subtype, "job_subtype", completeness, &mut violations, JobSubtype::parse),
            experience_level: field(
                self.experience_level,
                "experience_level",
                completeness,
                &mut violations,
                ExperienceLevel::parse,
            ),
            company_name: field(self.company_name, "company_name", Completeness::Partial, &mut violations, Text::parse),
            location: field(self.location, "location", completeness, &mut violations, Text::parse),
            deadline: field(self.deadline, "deadline", completeness, &mut violations, parse_time),
            salary_range: self.salary_range.change_text("salary_range", &mut violations),
            pay: PayDraft {
                minimum: amount(self.salary_min, "salary_min", &mut violations),
                maximum: amount(self.salary_max, "salary_max", &mut violations),
                currency: self.salary_currency.change("salary_currency", &mut violations, Currency::parse),
                period: self.salary_period.change("salary_period", &mut violations, PayPeriod::parse),
            },
            workplace: self.workplace.change("workplace", &mut violations, Workplace::parse),
            country: self.country.change("country", &mut violations, Country::parse),
            skills: skills(self.skills, &mut violations),
            application_link: self.application_link.change("application_link", &mut violations, WebAddress::parse),
            application_email: self.application_email.change("application_email", &mut violations, EmailAddress::parse),
            violations,
        };
        Ok((employer, draft))
    }
}

/// A key that a posting can't do without; a partial request may leave it out, but not set it to nothing.
fn field<T, E: std::fmt::Display>(
    input: Input<String>,
    name: &str,
    completeness: Completeness,
    violations: &mut Violations,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    if completeness == Completeness::Partial && input == Input::Missing {
        return None;
    }
    input.required_as(name, violations, |raw| parse(&raw))
}

/// An amount as it was sent: what it is in the smallest unit depends on the currency.
fn amount(input: Input<TextOrNumber>, name: &str, violations: &mut Violations) -> Change<String> {
    input.text().change(name, violations, |raw| Ok::<_, PayError>(raw.to_owned()))
}

fn skills(input: Input<Vec<String>>, violations: &mut Violations) -> Change<Skills> {
    match input.change_list("skills", MAX_SKILLS, violations, Text::parse) {
        Change::Keep => Change::Keep,
        Change::Clear => Change::Clear,
        Change::Set(skills) => violations.check("skills", Skills::new(skills)).map_or(Change::Keep, Change::Set),
    }
}

/// The figures of a pay as far as a request makes them.
#[derive(Clone)]
struct PayDraft {
    minimum: Change<String>,
    maximum: Change<String>,
    currency: Change<Currency>,
    period: Change<PayPeriod>,
}

impl PayDraft {
    /// Makes the present pay over. Figures that the request does not give are read from the words, where it gives those.
    fn over(&self, present: Option<Pay>, words: &Change<Text<100>>, violations: &mut Violations) -> Option<Pay> {
        if let (Change::Keep, Change::Keep, Change::Keep, Change::Keep) =
            (&self.minimum, &self.maximum, &self.currency, &self.period)
        {
            return match words {
                Change::Keep => present,
                Change::Clear => None,
                Change::Set(words) => Pay::in_text(words.as_str()),
            };
        }
        let currency = self.currency.apply(present.map(Pay::currency));
        let Some(currency) = currency else {
            let is_paid = matches!((&self.minimum, &self.maximum), (Change::Set(_), _) | (_, Change::Set(_)));
            if is_paid && violations.of("salary_currency").is_empty() {
                violations.push("salary_currency", "This field is required.");
            }
            return None;
        };
        let mut figure = |name: &str, change: &Change<String>, present: Option<i64>| match change {
            Change::Keep => present,
            Change::Clear => None,
            Change::Set(raw) => violations.check(name, currency.parse_amount(raw)),
        };
        let minimum = figure("salary_min", &self.minimum, present.and_then(Pay::minimum));
        let maximum = figure("salary_max", &self.maximum, present.and_then(Pay::maximum));
        let period = self.period.apply(present.map(Pay::period)).unwrap_or(PayPeriod::Year);
        if !violations.is_empty() || (minimum, maximum) == (None, None) {
            return None;
        }
        violations.check("salary_max", Pay::new(minimum, maximum, currency, period))
    }
}

impl Draft {
    /// Makes a new posting; one that names no company is of the employer's own.
    pub(super) fn complete(self, own_company: Option<Text<200>>) -> Result<JobPosting, Violations> {
        let mut violations = self.violations;
        let pay = self.pay.over(None, &self.salary_range, &mut violations);
        let company_name =
            self.company_name.or_else(|| own_company.filter(|_| violations.of("company_name").is_empty()));
        if company_name.is_none() && violations.of("company_name").is_empty() {
            violations.push("company_name", "This field is required.");
        }
        match (
            self.title,
            self.description,
            self.job_type,
            self.job_subtype,
            self.experience_level,
            company_name,
            self.location,
            self.deadline,
        ) {
            (
                Some(title),
                Some(description),
                Some(job_type),
                Some(job_subtype),
                Some(experience_level),
                Some(company_name),
                Some(location),
                Some(deadline),
            ) if violations.is_empty() => Ok(JobPosting {
                title,
                description,
                job_type,
                job_subtype,
                experience_level,
                company_name,
                location,
                deadline,
                salary_range: self.salary_range.apply(None),
                pay,
                workplace: self.workplace.apply(None),
                country: self.country.apply(None),
                skills: self.skills.apply(None).unwrap_or_default(),
                application_link: self.application_link.apply(None),
                application_email: self.application_email.apply(None),
            }),
            _ => Err(violations),
        }
    }

    /// Makes the present posting over.
    pub(super) fn over(self, present: JobPosting) -> Result<JobPosting, Violations> {
        let mut violations = self.violations;
        let pay = self.pay.over(present.pay, &self.salary_range, &mut violations);
        violations.into_result()?;
        Ok(JobPosting {
            title: self.title.unwrap_or(present.title),
            description: self.description.unwrap_or(present.description),
            job_type: self.job_type.unwrap_or(present.job_type),
            job_subtype: self.job_subtype.unwrap_or(present.job_subtype),
            experience_level: self.experience_level.unwrap_or(present.experience_level),
            company_name: self.company_name.unwrap_or(present.company_name),
            location: self.location.unwrap_or(present.location),
            deadline: self.deadline.unwrap_or(present.deadline),
            salary_range: self.salary_range.apply(present.salary_range),
            pay,
            workplace: self.workplace.apply(present.workplace),
            country: self.country.apply(present.country),
            skills: self.skills.apply(Some(present.skills)).unwrap_or_default(),
            application_link: self.application_link.apply(present.application_link),
            application_email: self.application_email.apply(present.application_email),
        })
    }
}
