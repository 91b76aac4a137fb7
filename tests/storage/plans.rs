//! How the databases run what searches ask: no large table is read through.

use jobportal_application::{
    Facet, JobFilter, JobOrder, PayFilter, SearchPosition, SearchRequest, SearchStart, SeedJob, Store, SuggestionKind,
};
use jobportal_domain::{
    Country, Currency, EmployerId, ExperienceLevel, JobId, JobPosting, JobType, SearchText, UserId, Workplace,
};
use jobportal_tests::database::{Backend, TestDatabase, statements};

use crate::fixtures::{after, employer, now, page, posting, text};

on_both![no_search_reads_a_large_table_through];

/// Tables with many rows, as they are called in statements.
const LARGE: [&str; 8] = ["jobs", "j", "job_skills", "s", "applications", "a", "search_terms", "users"];

fn fill(store: &dyn Store) {
    let employers: Vec<_> = (1..40).map(|number| employer(store, number).1).collect();
    let titles = ["Software Engineer", "Nurse", "Baker", "Data Engineer", "Teacher", "Driver", "QA lead"];
    // More than are counted, so that broad searches are among them.
    let seeds: Vec<_> = (0..10_100_usize)
        .map(|n| SeedJob {
            employer_id: employers[n % employers.len()],
            posting: JobPosting {
                location: text(&format!("City {}", n % 60)),
                company_name: text(&format!("Company {}", n % 39)),
                description: text(&"Do what is to be done. ".repeat(5)),
                ..posting(&format!("{} {}", titles[n % titles.len()], n % 100))
            },
            posted_at: after(-60 * i64::try_from(n).unwrap()),
        })
        .collect();
    store.write(|uow| Ok(uow.bulk().insert_jobs(&seeds)?)).unwrap();
    store.write(|uow| Ok(uow.bulk().analyze()?)).unwrap();
}

fn filters() -> Vec<JobFilter> {
    let own = |text: &str| Some(text.to_owned());
    let default = JobFilter::default;
    let words = |text: &str| JobFilter { text: SearchText::parse(text), ..default() };
    let currency = Currency::parse("USD").unwrap();
    vec![
        default(),
        words("engineer"),
        words("\"software engineer\" -nurse"),
        words("-engineer"),
        words("done"),
        JobFilter { location: own("city"), ..default() },
        JobFilter { title: own("engineer"), ..default() },
        JobFilter { title: own("qa"), ..default() },
        JobFilter { location: own("city 1"), company: own("company 2"), ..default() },
        JobFilter { title: own("nurse"), job_types: vec![JobType::Private], ..words("done") },
        JobFilter { employer: Some(EmployerId(3)), ..default() },
        JobFilter { id: Some(JobId(3)), ..default() },
        JobFilter { all_skills: vec!["rust".to_owned(), "sql".to_owned()], ..default() },
        JobFilter { any_skills: vec!["rust".to_owned(), "sql".to_owned()], ..default() },
        JobFilter {
            workplaces: vec![Workplace::Hybrid],
            countries: vec![Country::parse("BD").unwrap()],
            experience_levels: vec![ExperienceLevel::Mid],
            posted_within_days: Some(9),
            pay: Some(PayFilter { currency, minimum: Some(1), maximum: Some(9_000_000) }),
            not_applied_by: Some(UserId(1)),
            ..default()
        },
        JobFilter { max_per_employer: Some(2), ..words("engineer") },
        JobFilter { max_per_employer: Some(2), ..words("done") },
    ]
}

/// Whether a step of a plan reads a large table through, and not along an index.
fn reads_through(backend: Backend, step: &str) -> bool {
    let words: Vec<_> = step.split_whitespace().collect();
    match backend {
        Backend::Sqlite => words[0] == "SCAN" && LARGE.contains(&words[1]) && !step.contains("INDEX"),
        Backend::Postgres => step
            .split_once("Seq Scan on ")
            .is_some_and(|(_, table)| LARGE.contains(&table.split_whitespace().next().unwrap_or_default())),
    }
}

fn no_search_reads_a_large_table_through(db: &TestDatabase) {
    fill(&*db.store());
    let facets = [Facet::JobType, Facet::Workplace, Facet::Skill, Facet::Company];
    let mut made = Vec::new();
    statements(|| {});
    let opened = db.open(1);
    let store: &dyn Store = &opened;
    for filter in filters() {
        for order in [JobOrder::Relevance, JobOrder::Newest, JobOrder::Deadline, JobOrder::Salary] {
            for start in [
                SearchStart::Page(page(1, 10)),
                SearchStart::Page(page(7, 50)),
                SearchStart::After(SearchPosition { key: now().timestamp_micros(), id: 99 }, 10),
            ] {
                let request = SearchRequest { filter: filter.clone(), order, start, highlight: false, facets: vec![] };
                made.extend(statements(|| {
                    store.read_one(|uow| Ok(uow.search().find(&request, now())?)).unwrap();
                }));
            }
        }
        made.extend(statements(|| {
            store.read_one(|uow| Ok(uow.search().count(&filter, &facets, now())?)).unwrap();
        }));
    }
    made.extend(statements(|| {
        store
            .read_one(|uow| {
                uow.search().suggest("eng", &SuggestionKind::ALL, 10)?;
                uow.search().correct(&SearchText::parse("enginer"))?;
                Ok(uow.search().similar(JobId(1), now(), 10)?)
            })
            .unwrap();
    }));
    made.sort();
    made.dedup();
    assert!(made.len() > 60, "{}", made.len());
    for sql in made {
        let plan = db.plan(&sql);
        assert!(!plan.is_empty(), "{sql}");
        // The first jobs of an order, which an index has found.
        let are_first = |step: &str| step == "SCAN j" && plan.iter().any(|step| step == "CO-ROUTINE j");
        let is_wrong = |step: &String| reads_through(db.backend(), step) && !are_first(step);
        assert!(!plan.iter().any(is_wrong), "{sql}\n{}", plan.join("\n"));
    }
}
