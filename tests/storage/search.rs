use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use jobportal_application::{
    Facet, FoundJob, FoundJobs, JobFilter, JobOrder, PayFilter, Search, SearchRequest, SearchStart, SeedJob, Store,
    SuggestionKind, samples::clock,
};
use jobportal_domain::{
    Country, Currency, EmployerId, ExperienceLevel, JobId, JobPosting, JobStatus, JobSubtype, JobType, Pay, PayPeriod,
    SearchText, Skills, Workplace,
};
use jobportal_persistence::Migrator;
use jobportal_tests::database::{TestDatabase, variable};

use crate::fixtures::{after, apply, candidate, employer, now, page, posting, text};

on_both![
    every_condition_narrows_as_it_says,
    words_are_found_by_the_grammar_in_any_form,
    a_needle_of_any_length_is_found_where_it_is,
    odd_texts_find_nothing_and_break_nothing,
    any_bytes_may_be_looked_for,
    what_fits_best_comes_first,
    values_are_counted_without_their_own_filter,
    what_is_not_live_is_not_found,
    jobs_that_were_there_before_are_found_too,
    found_words_are_marked,
];

const TITLES: [&str; 7] = [
    "Software Engineer",
    "Nurse",
    "QA Engineer",
    "Senior Software Engineer",
    "Baker",
    "C++ Developer",
    "Data Engineer",
];
const COMPANIES: [&str; 5] = ["Acme Labs", "Hospital of Köln", "Bäckerei Süß", "Acme Works", "Nine & Sons"];
const PLACES: [(&str, &str); 4] = [("Dhaka", "BD"), ("Köln", "DE"), ("New York", "US"), ("Chattogram", "BD")];
const SKILLS: [&str; 6] = ["Rust", "SQL", "Machine learning", "C++", "Go", "First aid"];

/// Posting `n` of a corpus in which everything varies.
fn varied(n: usize) -> JobPosting {
    let pick = |step: usize, of: usize| (n * 7_919 + n / step) % of;
    let (place, country) = PLACES[pick(3, 4)];
    let skills = (0..n % 4).map(|k| SKILLS[(n + 5 * k) % 6]).map(text);
    let low = i64::try_from(20_000 + 1_000 * (n % 11)).unwrap() * 100;
    let currency = Currency::parse(if n.is_multiple_of(3) { "EUR" } else { "BDT" }).unwrap();
    let pay = Pay::new((!n.is_multiple_of(2)).then_some(low), Some(low + 500_000), currency, PayPeriod::Year).ok();
    JobPosting {
        description: text(["We care for patients.", "Build things, every day.", "Bread"][pick(11, 3)]),
        job_type: [JobType::Private, JobType::Private, JobType::Government][n % 3],
        job_subtype: JobSubtype::ALL[pick(5, JobSubtype::ALL.len())],
        experience_level: ExperienceLevel::ALL[pick(2, ExperienceLevel::ALL.len())],
        company_name: text(COMPANIES[pick(4, 5)]),
        location: text(place),
        pay: pay.filter(|_| !n.is_multiple_of(5)),
        workplace: [None, Some(Workplace::OnSite), Some(Workplace::Hybrid), Some(Workplace::Remote)][pick(7, 4)],
        country: Country::parse(country).ok().filter(|_| !n.is_multiple_of(9)),
        skills: Skills::new(skills).unwrap(),
        deadline: after(3_600 * i64::try_from(1 + n % 13).unwrap()),
        ..posting(TITLES[pick(6, 7)])
    }
}

/// Posts so many of them, by two employers, several at each time.
pub(crate) fn corpus(store: &dyn Store, jobs: usize) -> (Vec<(JobId, EmployerId, SeedJob)>, [EmployerId; 2]) {
    let employers = [employer(store, 1).1, employer(store, 2).1];
    let seed = |n: usize| SeedJob {
        employer_id: employers[usize::from(n.is_multiple_of(4))],
        posting: varied(n),
        posted_at: now() - TimeDelta::hours(i64::try_from(n / 3).unwrap()),
    };
    let seeds: Vec<_> = (0..jobs).map(seed).collect();
    let ids = store.write(|uow| Ok(uow.bulk().insert_jobs(&seeds)?)).unwrap();
    (ids.into_iter().zip(seeds).map(|(id, seed)| (id, seed.employer_id, seed)).collect(), employers)
}

pub(crate) fn request(filter: &JobFilter, order: JobOrder, start: SearchStart) -> SearchRequest {
    SearchRequest { filter: filter.clone(), order, start, highlight: false, facets: Vec::new() }
}

pub(crate) fn find(store: &dyn Store, request: &SearchRequest) -> FoundJobs {
    store.read(|uow| Ok(uow.search().find(request, now())?)).unwrap()
}

pub(crate) fn first(store: &dyn Store, filter: &JobFilter, order: JobOrder) -> FoundJobs {
    find(store, &request(filter, order, SearchStart::Page(page(1, 100))))
}

pub(crate) fn ids(found: &[FoundJob]) -> Vec<JobId> {
    found.iter().map(|found| found.details.job.id).collect()
}

/// The ids of what is found, which is less than a page.
pub(crate) fn set(store: &dyn Store, filter: &JobFilter) -> BTreeSet<JobId> {
    let found = first(store, filter, JobOrder::Newest);
    assert!(found.total_is_exact && !found.has_more);
    assert_eq!(found.total, found.jobs.len() as u64);
    ids(&found.jobs).into_iter().collect()
}

pub(crate) fn words(text: &str) -> JobFilter {
    JobFilter { text: SearchText::parse(text), ..JobFilter::default() }
}

/// What the store says, said again in the plainest way. Of texts, words that have one form.
fn fits(filter: &JobFilter, employer: EmployerId, seed: &SeedJob) -> bool {
    let posting = &seed.posting;
    let skills: Vec<String> = posting.skills.iter().map(|skill| skill.as_str().to_lowercase()).collect();
    let contains = |text: &str, part: &Option<String>| part.as_ref().is_none_or(|p| text.to_lowercase().contains(p));
    let yearly = posting.pay.map(|pay| (pay.currency(), pay.yearly()));
    let pays = filter.pay.is_none_or(|wanted| {
        yearly.is_some_and(|(currency, (low, high))| {
            let (low, high) = (low.or(high).unwrap(), high.or(low).unwrap());
            currency == wanted.currency
                && wanted.minimum.is_none_or(|minimum| high >= minimum)
                && wanted.maximum.is_none_or(|maximum| low <= maximum)
        })
    });
    let days = filter.posted_within_days.and_then(|days| now().checked_sub_signed(TimeDelta::days(days.into())));
    pays && contains(posting.title.as_str(), &filter.title)
        && contains(posting.location.as_str(), &filter.location)
        && contains(posting.company_name.as_str(), &filter.company)
        && filter.employer.is_none_or(|wanted| wanted == employer)
        && (filter.job_types.is_empty() || filter.job_types.contains(&posting.job_type))
        && (filter.job_subtypes.is_empty() || filter.job_subtypes.contains(&posting.job_subtype))
        && (filter.experience_levels.is_empty() || filter.experience_levels.contains(&posting.experience_level))
        && (filter.workplaces.is_empty() || posting.workplace.is_some_and(|w| filter.workplaces.contains(&w)))
        && (filter.countries.is_empty() || posting.country.is_some_and(|c| filter.countries.contains(&c)))
        && days.is_none_or(|since| seed.posted_at >= since)
        && filter.all_skills.iter().all(|skill| skills.contains(skill))
        && (filter.any_skills.is_empty() || filter.any_skills.iter().any(|skill| skills.contains(skill)))
        && filter.text.positive_words().all(|word| {
            let all = [posting.title.as_str(), posting.company_name.as_str(), posting.location.as_str()].join(" ");
            format!("{all} {} {}", skills.join(" "), posting.description.as_str())
                .to_lowercase()
                .split(|c: char| !c.is_alphanumeric())
                .any(|found| found == word)
        })
}

fn some_filters(employers: [EmployerId; 2]) -> Vec<JobFilter> {
    let own = |text: &str| Some(text.to_owned());
    let pay = |currency: &str, minimum, maximum| {
        Some(PayFilter { currency: Currency::parse(currency).unwrap(), minimum, maximum })
    };
    let country = |code: &str| Country::parse(code).unwrap();
    let default = JobFilter::default;
    vec![
        default(),
        JobFilter { title: own("engineer"), ..default() },
        JobFilter { title: own("qa"), ..default() },
        JobFilter { title: own("c++ dev"), location: own("köl"), ..default() },
        JobFilter { location: own("dha"), company: own("labs"), ..default() },
        JobFilter { company: own("süß"), ..default() },
        JobFilter { company: own("9"), ..default() },
        JobFilter { employer: Some(employers[0]), ..default() },
        JobFilter { employer: Some(employers[1]), title: own("eng"), ..default() },
        JobFilter { job_types: vec![JobType::Government], ..default() },
        JobFilter { job_subtypes: vec![JobSubtype::Contract, JobSubtype::FullTime], ..default() },
        JobFilter { experience_levels: vec![ExperienceLevel::Senior], title: own("nurse"), ..default() },
        JobFilter { workplaces: vec![Workplace::Hybrid, Workplace::Remote], ..default() },
        JobFilter { countries: vec![country("BD"), country("US")], ..default() },
        JobFilter { pay: pay("EUR", Some(2_700_000), None), ..default() },
        JobFilter { pay: pay("BDT", None, Some(2_400_000)), ..default() },
        JobFilter { pay: pay("BDT", Some(2_500_000), Some(2_600_000)), ..default() },
        JobFilter { pay: pay("USD", None, None), ..default() },
        JobFilter { posted_within_days: Some(1), ..default() },
        JobFilter { posted_within_days: Some(u32::MAX), ..default() },
        JobFilter { all_skills: vec!["rust".to_owned()], ..default() },
        JobFilter { all_skills: vec!["c++".to_owned(), "sql".to_owned()], ..default() },
        JobFilter { any_skills: vec!["go".to_owned(), "machine learning".to_owned()], ..default() },
        JobFilter {
            all_skills: vec!["first aid".to_owned()],
            any_skills: vec!["go".to_owned(), "machine learning".to_owned()],
            workplaces: vec![Workplace::OnSite],
            ..words("nurse")
        },
        words("software"),
        words("acme nurse"),
        JobFilter { title: own("senior"), countries: vec![country("DE")], ..words("software") },
        JobFilter { employer: Some(employers[0]), location: own("york"), ..words("bread") },
        JobFilter { title: own("qa"), ..words("day") },
    ]
}

fn every_condition_narrows_as_it_says(db: &TestDatabase) {
    let store = db.store();
    let (jobs, employers) = corpus(&*store, 90);
    for filter in some_filters(employers) {
        let expected: BTreeSet<_> =
            jobs.iter().filter(|(_, employer, seed)| fits(&filter, *employer, seed)).map(|(id, ..)| *id).collect();
        assert_eq!(set(&*store, &filter), expected, "{filter:?}");
        for id in [jobs[0].0, jobs[1].0] {
            let one = JobFilter { id: Some(id), ..filter.clone() };
            let fitting: BTreeSet<_> = expected.iter().copied().filter(|found| *found == id).collect();
            assert_eq!(set(&*store, &one), fitting);
            assert_eq!(first(&*store, &one, JobOrder::Relevance).total, fitting.len() as u64);
        }
    }
    let (user, candidate) = candidate(&*store, 3);
    apply(&*store, jobs[5].0, candidate);
    for filter in [JobFilter::default(), words("engineer, nurse, baker, developer")] {
        let mut expected = set(&*store, &filter);
        expected.remove(&jobs[5].0);
        assert_eq!(set(&*store, &JobFilter { not_applied_by: Some(user), ..filter }), expected);
    }
}

/// Posts these titles with these descriptions, each a second before the one before it.
pub(crate) fn post(store: &dyn Store, jobs: &[(&str, &str)]) -> Vec<JobId> {
    let employer_id = employer(store, 1).1;
    let seeds: Vec<_> = (0..)
        .zip(jobs)
        .map(|(age, (title, description))| SeedJob {
            employer_id,
            posting: JobPosting { description: text(description), skills: Skills::default(), ..posting(title) },
            posted_at: after(-age),
        })
        .collect();
    store.write(|uow| Ok(uow.bulk().insert_jobs(&seeds)?)).unwrap()
}

fn words_are_found_by_the_grammar_in_any_form(db: &TestDatabase) {
    let store = db.store();
    let jobs = [
        ("Rust engineer", "You engineer services. Remote."),
        ("Go engineers", "Front-end and node.js; a.b@c.example"),
        ("Engineering manager", "Nothing about the language; C# and .NET, ASP.NET"),
        ("Project manager", "The manager of a project in Zürich, C++ is no must"),
        ("Nurse", "Caring for patients - in the end: rust"),
        ("প্রকৌশলী", "ঢাকা শহরে কাজ"),
    ];
    let posted = post(&*store, &jobs);
    for (query, expected) in [
        ("rust", vec![0, 4]),
        ("RUST engineers", vec![0]),
        ("engineer", vec![0, 1, 2]),
        ("rust, go", vec![0, 1, 4]),
        ("rust OR go engineer", vec![0, 1]),
        ("engineer -rust", vec![1, 2]),
        ("-engineer", vec![3, 4, 5]),
        ("-engineer -\"project manager\" -ঢাকা", vec![4]),
        ("\"project manager\"", vec![3]),
        ("\"manager project\"", vec![]),
        ("manager project", vec![3]),
        ("manag*", vec![2, 3]),
        ("eng* -go", vec![0, 2]),
        ("front-end", vec![1]),
        ("node.js", vec![1]),
        ("c++", vec![3]),
        ("c#", vec![2]),
        (".net", vec![2]),
        ("asp.net", vec![2]),
        ("zurich", vec![3]),
        ("Zürich", vec![3]),
        ("the", vec![2, 3, 4]),
        ("patient care", vec![4]),
        ("প্রকৌশলী", vec![5]),
        ("শহরে", vec![5]),
        // The end of the title and the beginning of the company.
        ("\"nurse acme\"", vec![]),
        ("acme dhaka", vec![0, 1, 2, 3, 4, 5]),
        ("unheard", vec![]),
        ("rust unheard", vec![]),
    ] {
        let expected: BTreeSet<_> = expected.into_iter().map(|n| posted[n]).collect();
        assert_eq!(set(&*store, &words(query)), expected, "{query}");
    }
}

fn a_needle_of_any_length_is_found_where_it_is(db: &TestDatabase) {
    let store = db.store();
    let titles = ["QA lead", "Aqua 100%_\\ diver", "C++ \"guru\"", "Ärztin", "O'Neil * (m/f)", "ab"];
    let posted = post(&*store, &titles.map(|title| (title, "x")));
    for (needle, expected) in [
        ("q", vec![0, 1]),
        ("qa", vec![0]),
        ("qu", vec![1]),
        ("100%", vec![1]),
        ("%_\\", vec![1]),
        ("_", vec![1]),
        ("%", vec![1]),
        ("c++", vec![2]),
        ("\"guru\"", vec![2]),
        ("++ \"g", vec![2]),
        ("ärz", vec![3]),
        ("o'neil * (", vec![4]),
        ("*", vec![4]),
        ("guru\"\"", vec![]),
        ("\0", vec![]),
        ("abc\0", vec![]),
        ("ab", vec![5]),
        ("abc", vec![]),
        (" ", vec![0, 1, 2, 4]),
        ("", vec![0, 1, 2, 3, 4, 5]),
    ] {
        let filter = JobFilter { title: Some(needle.to_owned()), ..JobFilter::default() };
        let expected: BTreeSet<_> = expected.into_iter().map(|n| posted[n]).collect();
        assert_eq!(set(&*store, &filter), expected, "{needle:?}");
    }
}

fn odd_texts_find_nothing_and_break_nothing(db: &TestDatabase) {
    let store = db.store();
    post(&*store, &[("Engineer", "x")]);
    // A generator that anyone can follow; of what means something to one of the engines there is much.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let pieces = [
        "\"",
        "'",
        "*",
        "(",
        ")",
        "-",
        "+",
        "^",
        ":",
        "<->",
        "&",
        "|",
        "!",
        " ",
        ",",
        "\\",
        "%",
        "_",
        "\0",
        "\u{1}",
        "AND",
        "OR",
        "NOT",
        "NEAR",
        "title",
        "{",
        "}",
        "a",
        "x9",
        "1e5",
        "é",
        "e\u{301}",
        "\u{300}",
        "ß",
        "İ",
        "京都",
        "😀",
        "\u{200d}",
        "ক্ষ",
        "\u{fffd}",
        "\u{10ffff}",
        "c++",
        ".net",
        "–",
        "’",
        "½",
        "²",
    ];
    for _ in 0..300 {
        let odd: String = (0..next(12)).map(|_| pieces[next(pieces.len())]).collect();
        let filter = JobFilter {
            title: (next(3) == 0).then(|| odd.clone()),
            any_skills: if next(3) == 0 { vec![odd.clone()] } else { Vec::new() },
            ..words(&odd)
        };
        store
            .read(|uow| {
                for order in [JobOrder::Newest, JobOrder::Relevance] {
                    let request = request(&filter, order, SearchStart::Page(page(1, 10)));
                    uow.search().find(&SearchRequest { highlight: true, ..request }, now())?;
                }
                uow.search().correct(&filter.text)?;
                uow.search().count(&filter, &[Facet::Skill, Facet::Country], now())?;
                uow.search().suggest(&odd.to_lowercase(), &SuggestionKind::ALL, 10)?;
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{odd:?}: {error:?}"));
    }
}

/// `RANDOM_SEARCHES` is for more of them than a run of all tests has time for.
fn any_bytes_may_be_looked_for(db: &TestDatabase) {
    const ODD: &[u8] = b"\"*-, ()'&|!:<>^{}+~%_\\aor0N\x00";
    let store = db.store();
    corpus(&*store, 100);
    let search = Search::new(store, clock());
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_be_bytes()[0]
    };
    for _ in 0..variable("RANDOM_SEARCHES").map_or(1_000, |number| number.parse().unwrap()) {
        let kind = next() % 3;
        let byte = |byte: u8| match kind {
            0 => byte,
            1 => ODD[usize::from(byte) % ODD.len()],
            _ if byte.is_multiple_of(2) => byte / 2,
            _ => ODD[usize::from(byte / 2) % ODD.len()],
        };
        let bytes: Vec<u8> = (0..next() % 64).map(|_| byte(next())).collect();
        let filter = words(&String::from_utf8_lossy(&bytes));
        let request = request(&filter, JobOrder::Relevance, SearchStart::Page(page(1, 10)));
        let found = search.find(&SearchRequest { highlight: true, facets: vec![Facet::Skill], ..request });
        found.unwrap_or_else(|error| panic!("{bytes:?}: {error:?}"));
    }
}

fn what_fits_best_comes_first(db: &TestDatabase) {
    let store = db.store();
    let employer_id = employer(&*store, 1).1;
    let plain = posting("Work");
    let postings = [
        JobPosting { description: text("zebra zebra zebra zebra"), ..plain.clone() },
        JobPosting { location: text("Zebra"), ..plain.clone() },
        JobPosting { skills: Skills::new([text("Zebra")]).unwrap(), ..plain.clone() },
        JobPosting { company_name: text("Zebra"), ..plain.clone() },
        JobPosting { title: text("Zebras"), ..plain.clone() },
        JobPosting { description: text("a zebra"), ..plain.clone() },
    ];
    let seeds: Vec<_> =
        postings.into_iter().map(|posting| SeedJob { employer_id, posting, posted_at: now() }).collect();
    let posted = store.write(|uow| Ok(uow.bulk().insert_jobs(&seeds)?)).unwrap();
    // In the description alone it does not count how often: the last one comes first.
    let expected = [4, 3, 2, 1, 5, 0].map(|n| posted[n]);
    for query in ["zebra", "zeb*", "zebra -horse", "zebra, horse"] {
        let found = first(&*store, &words(query), JobOrder::Relevance);
        let found: Vec<_> = ids(&found.jobs).into_iter().filter(|id| posted.contains(id)).collect();
        assert_eq!(found, expected, "{query}");
    }
    let by_nothing = first(&*store, &JobFilter::default(), JobOrder::Relevance);
    assert_eq!(by_nothing, first(&*store, &JobFilter::default(), JobOrder::Newest));
}

/// The values of a facet that a posting has.
fn values(facet: Facet, posting: &JobPosting) -> Vec<String> {
    let of = |value: &str| vec![value.to_owned()];
    match facet {
        Facet::JobType => of(posting.job_type.as_str()),
        Facet::JobSubtype => of(posting.job_subtype.as_str()),
        Facet::ExperienceLevel => of(posting.experience_level.as_str()),
        Facet::Workplace => posting.workplace.map(|value| value.as_str().to_owned()).into_iter().collect(),
        Facet::Country => posting.country.map(|value| value.as_str().to_owned()).into_iter().collect(),
        Facet::Skill => posting.skills.iter().map(|skill| skill.as_str().to_lowercase()).collect(),
        Facet::Company => of(posting.company_name.as_str()),
    }
}

fn values_are_counted_without_their_own_filter(db: &TestDatabase) {
    const FACETS: [Facet; 7] = [
        Facet::JobType,
        Facet::JobSubtype,
        Facet::ExperienceLevel,
        Facet::Workplace,
        Facet::Country,
        Facet::Skill,
        Facet::Company,
    ];
    let store = db.store();
    let (jobs, employers) = corpus(&*store, 300);
    let mut filters = some_filters(employers);
    filters.push(JobFilter {
        job_types: vec![JobType::Private],
        workplaces: vec![Workplace::Hybrid, Workplace::OnSite],
        countries: vec![Country::parse("BD").unwrap()],
        any_skills: vec!["rust".to_owned(), "go".to_owned()],
        company: Some("acme".to_owned()),
        ..JobFilter::default()
    });
    for filter in filters {
        for facets in [&FACETS[..], &FACETS[3..4], &FACETS[5..]] {
            let counts = store.read(|uow| Ok(uow.search().count(&filter, facets, now())?)).unwrap();
            assert_eq!(counts.iter().map(|counts| counts.facet).collect::<Vec<_>>(), facets);
            for counts in counts {
                let mut others = filter.clone();
                match counts.facet {
                    Facet::JobType => others.job_types.clear(),
                    Facet::JobSubtype => others.job_subtypes.clear(),
                    Facet::ExperienceLevel => others.experience_levels.clear(),
                    Facet::Workplace => others.workplaces.clear(),
                    Facet::Country => others.countries.clear(),
                    Facet::Skill => (others.all_skills, others.any_skills) = (Vec::new(), Vec::new()),
                    Facet::Company => others.company = None,
                }
                let mut expected = BTreeMap::<_, u64>::new();
                for (_, _, seed) in jobs.iter().filter(|(_, employer, seed)| fits(&others, *employer, seed)) {
                    for value in values(counts.facet, &seed.posting) {
                        *expected.entry(value).or_default() += 1;
                    }
                }
                let mut expected: Vec<_> = expected.into_iter().collect();
                expected.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
                let found: Vec<_> = counts.values.into_iter().map(|value| (value.value, value.count)).collect();
                assert_eq!((found, counts.is_exact), (expected, true), "{:?} {filter:?}", counts.facet);
            }
        }
    }
}

fn what_is_not_live_is_not_found(db: &TestDatabase) {
    let store = db.store();
    let employer_id = employer(&*store, 1).1;
    let insert =
        |status| store.write(|uow| Ok(uow.jobs().insert(employer_id, &posting("Engineer"), status, now())?)).unwrap();
    let mut live = insert(JobStatus::Published);
    for status in [JobStatus::Draft, JobStatus::Paused, JobStatus::Filled, JobStatus::Withdrawn] {
        insert(status);
    }
    let by_title = JobFilter { title: Some("engineer".to_owned()), ..JobFilter::default() };
    let check = |found: &[JobId]| {
        for filter in [&JobFilter::default(), &by_title, &words("engineers")] {
            assert_eq!(set(&*store, filter).into_iter().collect::<Vec<_>>(), found);
        }
    };
    check(&[live.id]);
    let update = |job: &_| store.write(|uow| Ok(uow.jobs().update(job)?)).unwrap();
    live.status = JobStatus::Paused;
    update(&live);
    check(&[]);
    live.status = JobStatus::Published;
    update(&live);
    check(&[live.id]);
    live.posting.deadline = now();
    update(&live);
    check(&[]);
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(now(), 10)?)).unwrap(), 1);
    check(&[]);
    live.revise(JobPosting { title: text("Engineer again"), ..posting("Engineer") }, after(1)).unwrap();
    update(&live);
    check(&[live.id]);
    live.delete(after(2)).unwrap();
    update(&live);
    check(&[]);
}

fn jobs_that_were_there_before_are_found_too(db: &TestDatabase) {
    let store = db.store();
    let jobs = [("Node.js (Senior)  C++ Engineer", "Zebra"), ("node.js (senior)  c++ engineer", "x"), ("Ärztin", "x")];
    let posted = post(&*store, &jobs);
    let draft = posting("Nobody's");
    let employer_id = employer(&*store, 2).1;
    store.write(|uow| Ok(uow.jobs().insert(employer_id, &draft, JobStatus::Draft, now())?)).unwrap();
    let terms = || {
        db.values(
            "SELECT kind || '|' || term || '|' || entry || '|' || CAST(jobs AS TEXT) AS value FROM search_terms
             ORDER BY kind, term, entry",
        )
    };
    let before = terms();
    assert!(before.contains(&"word|cplusplus|cplusplus|2".to_owned()), "{before:?}");
    let mut migrator = Migrator::connect(db.url()).unwrap();
    let states = migrator.status().unwrap();
    let place = states.iter().position(|state| state.name.ends_with("search_indexes")).unwrap();
    migrator.down(states.len() - place).unwrap();
    migrator.up().unwrap();
    assert_eq!(terms(), before);
    let store = db.open(1);
    for (query, expected) in [("zebra", &posted[..1]), ("c++ node.js", &posted[..2]), ("nobody", &[])] {
        assert_eq!(ids(&first(&store, &words(query), JobOrder::Newest).jobs), expected, "{query}");
    }
    let by_title = JobFilter { title: Some("(senior)".to_owned()), ..JobFilter::default() };
    assert_eq!(ids(&first(&store, &by_title, JobOrder::Newest).jobs), posted[..2]);
}

fn found_words_are_marked(db: &TestDatabase) {
    let store = db.store();
    post(&*store, &[("Baker", "Bake bread.")]);
    let highlight = |query, highlight| {
        let request = request(&words(query), JobOrder::Newest, SearchStart::Page(page(1, 10)));
        find(&*store, &SearchRequest { highlight, ..request }).jobs.remove(0).highlight
    };
    let (open, close) = FoundJob::MARKS;
    assert_eq!(highlight("breads", true), Some(format!("Bake {open}bread{close}.")));
    assert_eq!(highlight("acme", true), Some(format!("{open}ACME{close}")));
    assert_eq!((highlight("", true), highlight("bread", false)), (None, None));
}
