//! What a search is asked for, as it stands in a query string.

use jobportal_application::{
    Actor, Error, Facet, JobFilter, JobOrder, PageRequest, PayFilter, SearchRequest, SearchStart, SuggestionKind, Vault,
};
use jobportal_domain::{
    Country, Currency, EmployerId, ExperienceLevel, JobId, JobSubtype, JobType, MAX_SKILLS, NotAChoice, Pay, PayPeriod,
    SearchText, Text, TextError, UserType, Violations, Workplace,
};

use crate::cursor;
use crate::input::FromJson;
use crate::page::{Query, page_number, page_size};

/// Every parameter of a search.
const PARAMETERS: &[&str] = &[
    "q",
    "id",
    "title",
    "location",
    "company",
    "employer",
    "job_type",
    "job_subtype",
    "experience_level",
    "workplace",
    "country",
    "salary_min",
    "salary_max",
    "currency",
    "posted_within",
    "skills",
    "skills_any",
    "exclude_applied",
    "max_per_employer",
    "sort",
    "facets",
    "highlight",
    "cursor",
    "page",
    "page_size",
];

/// How far back one may look for new jobs, in days.
pub(super) const MAX_DAYS: i64 = 3_650;

/// How many jobs of one employer may be asked for.
pub(super) const MAX_PER_EMPLOYER: i64 = 100;

/// How many characters the beginning of a suggestion may have.
pub(super) const MAX_PREFIX_CHARS: usize = 100;

/// What the wire calls a facet: as the parameter that filters by it.
pub(super) const FACETS: [(&str, Facet); 7] = [
    ("job_type", Facet::JobType),
    ("job_subtype", Facet::JobSubtype),
    ("experience_level", Facet::ExperienceLevel),
    ("workplace", Facet::Workplace),
    ("country", Facet::Country),
    ("skills", Facet::Skill),
    ("company", Facet::Company),
];

/// What the wire calls an order.
pub(super) const ORDERS: [(&str, JobOrder); 4] = [
    ("relevance", JobOrder::Relevance),
    ("newest", JobOrder::Newest),
    ("deadline", JobOrder::Deadline),
    ("salary", JobOrder::Salary),
];

/// What the wire calls a kind of suggestion.
pub(super) const KINDS: [(&str, SuggestionKind); 4] = [
    ("title", SuggestionKind::Title),
    ("company", SuggestionKind::Company),
    ("skill", SuggestionKind::Skill),
    ("place", SuggestionKind::Place),
];

/// Finds the value that goes by a name.
fn named<T: Copy>(names: &[(&str, T)], name: &str) -> Result<T, NotAChoice> {
    names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| NotAChoice::new(name))
}

/// What a search binds its cursors to: all that decides which jobs are found, and in which order.
pub(super) fn binding(order: JobOrder, filter: &JobFilter) -> String {
    format!("{order:?} {filter:?}")
}

/// Reads a search of `actor`. Everything that is wrong is told at once; only then that there is no such page.
pub(super) fn search(query: &Query, actor: &Actor, vault: &dyn Vault) -> Result<SearchRequest, Error> {
    let mut reader = Reader { query, violations: Violations::default() };
    query.check_names(PARAMETERS, &mut reader.violations);
    let text = SearchText::parse(query.get("q").unwrap_or_default());
    // Without words nothing is more relevant than the rest.
    let usual = if text.groups().is_empty() { JobOrder::Newest } else { JobOrder::Relevance };
    let order = reader.value("sort", |raw| named(&ORDERS, raw)).unwrap_or(usual);
    let filter = reader.filter(text, actor);
    let highlight = reader.flag("highlight");
    let facets = reader.choices("facets", |name| named(&FACETS, name));
    let size = reader.violations.check("page_size", page_size(query, 10));
    let page =
        page_number(query).and_then(|number| PageRequest::new(number, size.unwrap_or(1)).ok_or(Error::INVALID_PAGE));
    let mut position = None;
    if let Some(raw) = query.get("cursor") {
        if query.get("page").is_some() {
            reader.violations.push("cursor", "Give `page` or `cursor`, not both.");
        } else if reader.violations.is_empty() {
            // What a search with mistakes would be bound to is not known.
            let read = cursor::read_signed(vault, &binding(order, &filter), raw);
            position = reader.violations.check("cursor", read);
        }
    }
    reader.violations.into_result()?;
    let start = match (position, size) {
        (Some(position), Some(size)) => SearchStart::After(position, size),
        _ => SearchStart::Page(page?),
    };
    Ok(SearchRequest { filter, order, start, highlight, facets })
}

/// Reads the beginning that suggestions are for, and of which kinds they should be.
pub(super) fn suggestions(query: &Query) -> Result<(String, Vec<SuggestionKind>), Violations> {
    let mut reader = Reader { query, violations: Violations::default() };
    query.check_names(&["q", "kind"], &mut reader.violations);
    let prefix = reader.value("q", |raw| match raw.chars().nth(MAX_PREFIX_CHARS) {
        Some(_) => Err(TextError::TooLong { max: MAX_PREFIX_CHARS }),
        None => Text::<MAX_PREFIX_CHARS>::parse(raw),
    });
    if query.get("q").is_none() {
        reader.violations.push("q", "This field is required.");
    }
    let mut kinds = reader.choices("kind", |name| named(&KINDS, name));
    if kinds.is_empty() {
        kinds.extend(SuggestionKind::ALL);
    }
    reader.violations.into_result()?;
    Ok((prefix.map(Text::into_string).unwrap_or_default(), kinds))
}

struct Reader<'a> {
    query: &'a Query,
    violations: Violations,
}

impl Reader<'_> {
    fn filter(&mut self, text: SearchText, actor: &Actor) -> JobFilter {
        JobFilter {
            text,
            id: self.value("id", integer).map(JobId),
            title: self.contained("title"),
            location: self.contained("location"),
            company: self.contained("company"),
            employer: self.value("employer", integer).map(EmployerId),
            job_types: self.choices("job_type", JobType::parse),
            job_subtypes: self.choices("job_subtype", JobSubtype::parse),
            experience_levels: self.choices("experience_level", ExperienceLevel::parse),
            workplaces: self.choices("workplace", Workplace::parse),
            countries: self.choices("country", Country::parse),
            pay: self.pay(),
            posted_within_days: self.value("posted_within", |raw| up_to(raw, MAX_DAYS)),
            all_skills: self.skills("skills"),
            any_skills: self.skills("skills_any"),
            // Whoever is no candidate has applied to nothing that could be left out.
            not_applied_by: Some(actor.user_id)
                .filter(|_| self.flag("exclude_applied") && actor.user_type == UserType::Candidate),
            max_per_employer: self.value("max_per_employer", |raw| up_to(raw, MAX_PER_EMPLOYER)),
        }
    }

    fn value<T, E: std::fmt::Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.query.get(name).and_then(|raw| self.violations.check(name, parse(raw)))
    }

    /// A text that is looked for inside others; a blank one is none.
    fn contained(&mut self, name: &str) -> Option<String> {
        let raw = self.query.get(name).filter(|raw| !raw.trim().is_empty())?;
        self.violations.check(name, Text::<200>::parse(raw)).map(|text| text.as_str().to_lowercase())
    }

    fn flag(&mut self, name: &str) -> bool {
        self.value(name, |raw| bool::from_json(raw.into())).unwrap_or_default()
    }

    /// Values of a set, in its order.
    fn choices<T: Ord, E: std::fmt::Display>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        self.query.choices(name, Query::MAX_VALUES, &mut self.violations, parse)
    }

    fn skills(&mut self, name: &str) -> Vec<String> {
        let parse = |raw: &str| Text::<50>::parse(raw).map(|skill| skill.as_str().to_lowercase());
        self.query.choices(name, MAX_SKILLS, &mut self.violations, parse)
    }

    /// Bounds are for a year, and mean nothing without their currency.
    fn pay(&mut self) -> Option<PayFilter> {
        let raw = ["salary_min", "salary_max"].map(|name| self.query.get(name).map(|raw| (name, raw)));
        let Some(code) = self.query.get("currency") else {
            if raw.iter().any(Option::is_some) {
                self.violations.push("currency", "This field is required.");
            }
            return None;
        };
        let currency = self.violations.check("currency", Currency::parse(code))?;
        let [minimum, maximum] =
            raw.map(|bound| bound.and_then(|(name, raw)| self.violations.check(name, currency.parse_amount(raw))));
        if minimum.is_some() && maximum.is_some() {
            self.violations.check("salary_max", Pay::new(minimum, maximum, currency, PayPeriod::Year));
        }
        Some(PayFilter { currency, minimum, maximum })
    }
}

fn integer(raw: &str) -> Result<i64, &'static str> {
    raw.trim().parse().map_err(|_| "A valid integer is required.")
}

fn up_to(raw: &str, max: i64) -> Result<u32, String> {
    match integer(raw)? {
        number if (1..=max).contains(&number) => u32::try_from(number).map_err(|error| error.to_string()),
        number if number < 1 => Err("Ensure this value is greater than or equal to 1.".to_owned()),
        _ => Err(format!("Ensure this value is less than or equal to {max}.")),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use jobportal_application::Result;
    use jobportal_domain::UserId;

    use super::*;
    use crate::cursor::tests::OpenVault;

    fn query(query: &str) -> Query {
        Query::of(&TestRequest::with_uri(&format!("/job/search/?{query}")).to_http_request())
    }

    fn read_as(user_type: UserType, text: &str) -> Result<SearchRequest> {
        let actor = Actor { user_id: UserId(7), user_type, session_id: String::new() };
        search(&query(text), &actor, &OpenVault)
    }

    fn read(text: &str) -> SearchRequest {
        read_as(UserType::Candidate, text).unwrap()
    }

    fn wrong(text: &str) -> Vec<(String, Vec<String>)> {
        let Err(Error::Invalid(violations)) = read_as(UserType::Candidate, text) else { panic!("{text} is right") };
        violations.fields().map(|(field, messages)| (field.to_owned(), messages.to_vec())).collect()
    }

    #[test]
    fn reads_every_parameter() {
        let request = read(
            "q=Rust,+Go&id=3&title=+Lead+&location=DHAKA&company=Acme&employer=4&job_type=Private,Government&job_subtype=Contract\
             &experience_level=Mid&experience_level=Entry,,Mid&workplace=remote&country=bd,DE&salary_min=50000&salary_max=60000.50\
             &currency=usd&posted_within=7&skills=SQL,rust&skills_any=Go&exclude_applied=true&max_per_employer=2&sort=salary\
             &facets=skills,job_type&highlight=1&page=3&page_size=20",
        );
        let filter = JobFilter {
            id: Some(JobId(3)),
            text: SearchText::parse("rust, go"),
            title: Some("lead".to_owned()),
            location: Some("dhaka".to_owned()),
            company: Some("acme".to_owned()),
            employer: Some(EmployerId(4)),
            job_types: vec![JobType::Government, JobType::Private],
            job_subtypes: vec![JobSubtype::Contract],
            experience_levels: vec![ExperienceLevel::Entry, ExperienceLevel::Mid],
            workplaces: vec![Workplace::Remote],
            countries: ["BD", "DE"].map(|code| Country::parse(code).unwrap()).into(),
            pay: Some(PayFilter {
                currency: Currency::parse("USD").unwrap(),
                minimum: Some(5_000_000),
                maximum: Some(6_000_050),
            }),
            posted_within_days: Some(7),
            all_skills: vec!["rust".to_owned(), "sql".to_owned()],
            any_skills: vec!["go".to_owned()],
            not_applied_by: Some(UserId(7)),
            max_per_employer: Some(2),
        };
        let start = SearchStart::Page(PageRequest::new(3, 20).unwrap());
        let facets = vec![Facet::JobType, Facet::Skill];
        assert_eq!(request, SearchRequest { filter, order: JobOrder::Salary, start, highlight: true, facets });
    }

    #[test]
    fn what_is_empty_is_not_asked_for() {
        let page = PageRequest::new(1, 10).unwrap();
        let all = PARAMETERS.join("=&");
        for text in ["", &all, "title=++&q=***&job_type=,&highlight=false&exclude_applied=0"] {
            assert_eq!(read(text), SearchRequest::page(JobFilter::default(), page), "{text}");
        }
    }

    #[test]
    fn words_bring_the_most_relevant_first_unless_another_order_is_asked_for() {
        for (text, order) in [
            ("q=rust", JobOrder::Relevance),
            ("q=-rust", JobOrder::Newest),
            ("q=rust&sort=newest", JobOrder::Newest),
            ("sort=relevance", JobOrder::Relevance),
            ("sort=deadline", JobOrder::Deadline),
        ] {
            assert_eq!(read(text).order, order, "{text}");
        }
    }

    #[test]
    fn only_a_candidate_has_applied_to_something() {
        for user_type in [UserType::Employer, UserType::Admin] {
            assert_eq!(read_as(user_type, "exclude_applied=true").unwrap().filter.not_applied_by, None);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let told = wrong(
            "titel=x&id=x&title=%00&location=%07&company=%1b&employer=1.5&job_type=Private,banana&job_subtype=full-time\
             &experience_level=mid&workplace=moon&country=UK&salary_min=-1&salary_max=1.005&currency=EUR&posted_within=0\
             &skills=%00&skills_any=%07&exclude_applied=perhaps&max_per_employer=101&sort=best&facets=title&highlight=x&page_size=0&page=x",
        );
        let fields: Vec<&str> = told.iter().map(|(field, _)| field.as_str()).collect();
        let mut expected: Vec<&str> =
            PARAMETERS.iter().copied().filter(|name| !["q", "currency", "cursor", "page"].contains(name)).collect();
        expected.push("titel");
        expected.sort_unstable();
        assert_eq!(fields, expected);
        let of = |name: &str| told.iter().find(|(field, _)| field == name).unwrap().1.join(" ");
        assert_eq!(of("titel"), "Unknown parameter. Did you mean \"title\"?");
        assert_eq!(of("job_type"), "\"banana\" is not a valid choice.");
        assert_eq!(of("salary_max"), "Ensure that there are no more than 2 decimal places.");
        assert_eq!(of("max_per_employer"), "Ensure this value is less than or equal to 100.");
    }

    #[test]
    fn pay_is_compared_in_a_currency() {
        assert_eq!(wrong("salary_min=1"), [("currency".to_owned(), vec!["This field is required.".to_owned()])]);
        assert_eq!(wrong("salary_max=1&currency=XYZ")[0].0, "currency");
        assert_eq!(wrong("salary_min=2&salary_max=1&currency=USD")[0].0, "salary_max");
        assert_eq!(wrong("salary_max=1e5&currency=USD")[0].0, "salary_max");
        assert!(read("currency=JPY").filter.pay.is_some_and(|pay| pay.minimum.is_none() && pay.maximum.is_none()));
    }

    #[test]
    fn too_many_values_are_refused_however_many_they_are() {
        let many = |name: &str| format!("{name}={}", "x,".repeat(10_000));
        for name in ["skills", "skills_any"] {
            assert_eq!(wrong(&many(name))[0].1, ["Ensure this field has no more than 30 elements."]);
        }
        assert_eq!(wrong(&many("country"))[0].1.len(), Query::MAX_VALUES + 1);
        assert_eq!(read(&format!("country={}", "DE,".repeat(Query::MAX_VALUES))).filter.countries.len(), 1);
    }

    #[test]
    fn what_is_no_page_is_not_there() {
        for text in ["page=0", "page=x", "page=-1"] {
            assert!(matches!(read_as(UserType::Employer, text), Err(Error::NotFound("Invalid page."))), "{text}");
        }
    }

    #[test]
    fn a_cursor_stands_alone_and_is_read_when_the_rest_is_right() {
        assert_eq!(wrong("cursor=x&page=1")[0].1, ["Give `page` or `cursor`, not both."]);
        assert_eq!(wrong("cursor=x")[0].0, "cursor");
        assert_eq!(wrong("cursor=x&sort=x").len(), 1);
    }

    #[test]
    fn a_suggestion_needs_a_beginning_that_is_not_too_long() {
        let read = |text: &str| suggestions(&query(text));
        assert_eq!(read("q=+Soft").unwrap(), ("Soft".to_owned(), SuggestionKind::ALL.to_vec()));
        let some = vec![SuggestionKind::Title, SuggestionKind::Place];
        assert_eq!(read("q=s&kind=place,title").unwrap().1, some);
        for text in ["", "q=", "q=++", "q=%00", &format!("q={}", "x".repeat(101)), &format!("q=+{}", "x".repeat(100))] {
            assert_eq!(read(text).unwrap_err().of("q").len(), 1, "{text}");
        }
        let violations = read("kinds=title&kind=banana").unwrap_err();
        assert_eq!(violations.fields().map(|(field, _)| field).collect::<Vec<_>>(), ["kind", "kinds", "q"]);
    }
}
