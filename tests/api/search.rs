//! Finding jobs, suggestions, and jobs that are like another.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::{Value, json};

use crate::common::with;
use crate::jobs::search;

async fn post(app: &TestApp, employer: &Account, changes: Value) -> Answer {
    let answer = app.post("/job/manage/", Some(&employer.token), with(app.job_body(), &changes)).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer
}

async fn titled(app: &TestApp, employer: &Account, title: &str) -> i64 {
    post(app, employer, json!({ "title": title })).await.id()
}

const RUST: &str = "Rust engineer";
const CPP: &str = "Senior C++ developer";
const MANAGER: &str = "Project manager";
const NURSE: &str = "Nurse";

/// Two employers, and two jobs of each, the oldest first: [`RUST`] and [`CPP`], [`MANAGER`] and [`NURSE`].
struct Market {
    north: Account,
    city: Account,
    reader: Account,
}

impl Market {
    async fn of(app: &TestApp) -> Self {
        let (north, city) = (app.employer().await, app.employer().await);
        post(
            app,
            &north,
            json!({
                "title": RUST, "description": "You build services.", "company_name": "Northwind", "location": "Dhaka",
                "country": "BD", "workplace": "remote", "skills": ["Rust", "PostgreSQL"], "experience_level": "Mid",
                "salary_range": "BDT 100,000 - 150,000 per month", "deadline": "2099-03-01T00:00:00Z",
            }),
        )
        .await;
        post(
            app,
            &north,
            json!({
                "title": CPP, "description": "You write drivers for front-end loaders.", "company_name": "Northwind",
                "location": "Berlin", "country": "DE", "workplace": "hybrid", "skills": ["C++", "Rust"],
                "experience_level": "Senior", "salary_range": "80,000 - 95,000 EUR", "deadline": "2099-01-01T00:00:00Z",
            }),
        )
        .await;
        post(
            app,
            &city,
            json!({
                "title": MANAGER, "description": "You lead engineers who work in Rust.", "company_name": "Contoso",
                "location": "Berlin", "country": "DE", "workplace": "on-site", "skills": ["Planning"],
                "job_type": "Government", "job_subtype": "Contract", "experience_level": "Senior",
                "salary_range": "$70k-$90k", "deadline": "2099-04-01T00:00:00Z",
            }),
        )
        .await;
        post(
            app,
            &city,
            json!({
                "title": NURSE, "description": "You care for patients on Sundays.", "company_name": "City Hospital",
                "location": "Dhaka", "country": "BD", "job_type": "Government", "job_subtype": "Part-time",
                "experience_level": "Entry", "salary_range": "Negotiable", "deadline": "2099-02-01T00:00:00Z",
            }),
        )
        .await;
        Self { north, city, reader: app.candidate().await }
    }
}

/// A facet of an answer, with its values in lower case.
fn facet(answer: &Answer, name: &str) -> BTreeMap<String, u64> {
    assert_eq!(answer.json["facets"][name]["is_exact"], true, "{name}: {}", answer.json["facets"]);
    let values = answer.json["facets"][name]["values"].as_array().unwrap();
    let counts: Vec<u64> = values.iter().map(|value| value["total_jobs"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|one, next| one >= next), "{name}: {counts:?}");
    values.iter().map(|value| value["value"].as_str().unwrap().to_lowercase()).zip(counts).collect()
}

fn titles(answer: &Answer) -> Vec<&str> {
    let jobs = answer.json["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    jobs.iter().map(|job| job["title"].as_str().unwrap()).collect()
}

fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect()
}

/// A text in which nothing means anything to an address.
fn encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"))
}

app_tests! {
    async fn a_search_filters_by_every_field_and_by_all_of_them_together(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        for (title, location, job_type, job_subtype, experience_level) in [
            ("Rust engineer", "Dhaka", "Private", "Full-time", "Mid"),
            ("Senior rust ENGINEER", "Old Dhaka", "Government", "Contract", "Senior"),
            ("Clerk", "Chittagong", "Government", "Part-time", "Entry"),
        ] {
            let answer = post(&app, &employer, json!({
                "title": title, "location": location, "job_type": job_type, "job_subtype": job_subtype,
                "experience_level": experience_level,
            })).await;
            assert_eq!(answer.status, 201);
        }
        let clerk = app.get("/job/search/?title=clerk", Some(&reader.token)).await.json["data"][0]["id"].clone();
        let (rust, senior, clerk_only) = ("Rust engineer", "Senior rust ENGINEER", ["Clerk"].as_slice());
        for (query, expected) in [
            ("", ["Clerk", senior, rust].as_slice()),
            ("title=&location=", &["Clerk", senior, rust]),
            ("title=engineer", &[senior, rust]),
            ("title=ST+eng", &[senior, rust]),
            ("location=dhaka", &[senior, rust]),
            ("location=old", &[senior]),
            ("job_type=Private", &[rust]),
            ("job_type=Government", &["Clerk", senior]),
            ("job_subtype=Part-time", clerk_only),
            ("experience_level=Senior", &[senior]),
            ("job_type=Government&location=DHAKA&title=rust&job_subtype=Contract&experience_level=Senior", &[senior]),
            ("job_type=Private&location=chittagong", &[]),
            (&format!("id={clerk}"), clerk_only),
            (&format!("id={clerk}&title=rust"), &[]),
            ("id=-1", &[]),
        ] {
            assert_eq!(search(&app, &reader, query).await, expected, "{query}");
        }
    }

    async fn a_search_takes_letters_of_any_script_and_signs_for_themselves(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let titles = [
            "Ärztin für Öffentlichkeit", "সফটওয়্যার প্রকৌশলী", "100% remote", "100 remote", "snake_case",
            "back\\slash",
        ];
        for title in titles {
            titled(&app, &employer, title).await;
        }
        for (query, expected) in [
            ("title=äRZTIN+FÜR+ö", titles[0]), ("title=প্রকৌশলী", titles[1]), ("title=%25", titles[2]),
            ("title=_", titles[4]), ("title=%5C", titles[5]),
        ] {
            assert_eq!(search(&app, &reader, query).await, [expected], "{query}");
        }
        for nothing in ["title=s%25e", "title=1__", "title='+OR+1=1+--"] {
            assert!(search(&app, &reader, nothing).await.is_empty(), "{nothing}");
        }
    }

    async fn everything_that_is_wrong_with_a_search_is_told_at_once(app) {
        let reader = app.candidate().await;
        let path = "/job/search/?id=x&job_type=Private,Banana&job_subtype=1&experience_level=mid&country=UK&salary_min=x\
            &currency=EUR&sort=best&facets=title&exclude_applied=perhaps&titel=clerk&page=x&page_size=0";
        assert_eq!(app.get(path, Some(&reader.token)).await.outcome(), (400, json!({
            "id": ["A valid integer is required."],
            "job_type": ["\"Banana\" is not a valid choice."],
            "job_subtype": ["\"1\" is not a valid choice."],
            "experience_level": ["\"mid\" is not a valid choice."],
            "country": ["\"UK\" is not a valid choice."],
            "salary_min": ["A valid number is required."],
            "sort": ["\"best\" is not a valid choice."],
            "facets": ["\"title\" is not a valid choice."],
            "exclude_applied": ["Must be a valid boolean."],
            "titel": ["Unknown parameter. Did you mean \"title\"?"],
            "page_size": ["A valid integer of at least 1 is required."],
        })));
    }

    async fn a_search_hides_jobs_from_their_deadline_on(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let deadline = app.now() + TimeDelta::minutes(5);
        post(&app, &employer, json!({ "title": "Soon over", "deadline": deadline.to_rfc3339() })).await;
        titled(&app, &employer, "Open").await;
        assert_eq!(search(&app, &reader, "").await, ["Open", "Soon over"]);
        app.pass(TimeDelta::minutes(5));
        assert_eq!(search(&app, &reader, "").await, ["Open"]);
    }

    async fn a_search_is_paged_newest_first(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        for number in 1..=12 {
            titled(&app, &employer, &format!("Job {number}")).await;
        }
        let page = async |query: &str| {
            let answer = app.get(&format!("/job/search/?title=job{query}"), Some(&reader.token)).await;
            assert_eq!((answer.status, answer.header("x-total-count")), (200, "12"));
            assert_eq!(answer.json["total_jobs"], 12);
            let jobs = answer.json["data"].as_array().unwrap();
            let titles = jobs.iter().map(|job| job["title"].as_str().unwrap().replace("Job ", "")).collect::<Vec<_>>();
            (titles.join(" "), answer.header("link").replace(&app.client.base, ""))
        };
        let first = ("12 11 10 9 8 7 6 5 4 3".to_owned(), "</job/search/?title=job&page=2>; rel=\"next\"".to_owned());
        assert_eq!(page("").await, first);
        let last = ("2 1".to_owned(), "</job/search/?title=job&page=1>; rel=\"prev\"".to_owned());
        assert_eq!(page("&page=2").await, last);
        let middle = "</job/search/?title=job&page_size=5&page=3>; rel=\"next\", \
            </job/search/?title=job&page_size=5&page=1>; rel=\"prev\"";
        assert_eq!(page("&page_size=5&page=2").await, ("7 6 5 4 3".to_owned(), middle.to_owned()));
        assert_eq!(page("&page_size=1000").await.1, "");
        for wrong in ["page=3", "page=0", "page=-1", "page=abc", "page=4294967296"] {
            let answer = app.get(&format!("/job/search/?{wrong}"), Some(&reader.token)).await;
            assert_eq!(answer.outcome(), detail(404, "Invalid page."), "{wrong}");
        }
        let answer = app.get("/job/search/?page_size=0", Some(&reader.token)).await;
        assert_eq!(answer.outcome(), (400, json!({ "page_size": ["A valid integer of at least 1 is required."] })));
    }

    async fn words_are_found_by_the_grammar(app) {
        let market = Market::of(&app).await;
        for (q, expected) in [
            ("rust", [MANAGER, CPP, RUST].as_slice()),
            ("RUST -manager", &[CPP, RUST]),
            ("rust berlin", &[MANAGER, CPP]),
            ("nurse, manager", &[NURSE, MANAGER]),
            ("nurse OR manager berlin", &[MANAGER]),
            ("\"project manager\"", &[MANAGER]),
            ("\"manager project\"", &[]),
            ("engin*", &[MANAGER, RUST]),
            ("engineering", &[MANAGER, RUST]),
            ("patient", &[NURSE]),
            ("C++", &[CPP]),
            ("front-end", &[CPP]),
            ("northwind", &[CPP, RUST]),
            ("-rust", &[NURSE]),
            ("rust nurse", &[]),
            ("** \" -", &[NURSE, MANAGER, CPP, RUST]),
        ] {
            let query = format!("sort=newest&q={}", encoded(q.as_bytes()));
            assert_eq!(search(&app, &market.reader, &query).await, expected, "{q}");
        }
        // The title says more about a job than its skills, and those more than its description.
        assert_eq!(search(&app, &market.reader, "q=rust").await, [RUST, CPP, MANAGER]);
    }

    async fn what_was_probably_meant_is_found_where_nothing_else_is(app) {
        let market = Market::of(&app).await;
        for (q, corrected, expected) in [
            ("enginere", "engineer", RUST), ("nuse", "nurse", NURSE), ("northwnd rust", "northwind rust", RUST),
        ] {
            let path = format!("/job/search/?q={}", encoded(q.as_bytes()));
            let answer = app.get(&path, Some(&market.reader.token)).await;
            assert_eq!((answer.status, &answer.json["corrected"]), (200, &json!(corrected)), "{q}: {}", answer.json);
            assert!(titles(&answer).contains(&expected), "{q}");
        }
        let plain = app.get("/job/search/?q=nurse", Some(&market.reader.token)).await;
        assert_eq!(plain.json["corrected"], json!(null));
        assert_eq!(app.get("/job/search/?q=zzzzzzzzzz", Some(&market.reader.token)).await.status, 404);
    }

    async fn each_filter_finds_what_it_says(app) {
        let market = Market::of(&app).await;
        let employer = format!("employer={}", market.north.profile);
        for (query, expected) in [
            ("company=NORTH", [CPP, RUST].as_slice()),
            (&employer, &[CPP, RUST]),
            ("workplace=remote", &[RUST]),
            ("workplace=remote,hybrid", &[CPP, RUST]),
            ("country=de", &[MANAGER, CPP]),
            ("country=DE&country=BD", &[NURSE, MANAGER, CPP, RUST]),
            ("country=FR", &[]),
            ("job_type=Private,Government", &[NURSE, MANAGER, CPP, RUST]),
            ("job_subtype=Contract&job_subtype=Part-time", &[NURSE, MANAGER]),
            ("experience_level=Entry,Mid", &[NURSE, RUST]),
            ("skills=rust", &[CPP, RUST]),
            ("skills=RUST,postgresql", &[RUST]),
            ("skills=rust&skills=c%2B%2B", &[CPP]),
            ("skills_any=planning,PostgreSQL", &[MANAGER, RUST]),
            ("currency=EUR", &[CPP]),
            ("currency=BDT&salary_min=1700000", &[RUST]),
            ("currency=BDT&salary_min=1900000", &[]),
            ("currency=BDT&salary_max=1100000", &[]),
            ("currency=eur&salary_min=90000&salary_max=100000.00", &[CPP]),
            ("max_per_employer=1", &[NURSE, CPP]),
            ("max_per_employer=2", &[NURSE, MANAGER, CPP, RUST]),
            ("sort=newest", &[NURSE, MANAGER, CPP, RUST]),
            ("sort=relevance", &[NURSE, MANAGER, CPP, RUST]),
            ("sort=deadline", &[CPP, NURSE, RUST, MANAGER]),
            ("sort=salary", &[RUST, CPP, MANAGER, NURSE]),
            ("q=rust&country=DE&skills=rust&workplace=hybrid&sort=salary", &[CPP]),
        ] {
            assert_eq!(search(&app, &market.reader, query).await, expected, "{query}");
        }
    }

    async fn a_candidate_may_leave_out_what_was_applied_to(app) {
        let market = Market::of(&app).await;
        let nurse = app.get("/job/search/?title=nurse", Some(&market.reader.token)).await.json["data"][0]["id"].clone();
        app.application(&market.reader, nurse.as_i64().unwrap()).await;
        for (account, query, expected) in [
            (&market.reader, "exclude_applied=true", [MANAGER, CPP, RUST].as_slice()),
            (&market.reader, "exclude_applied=false", &[NURSE, MANAGER, CPP, RUST]),
            (&market.city, "exclude_applied=true", &[NURSE, MANAGER, CPP, RUST]),
        ] {
            assert_eq!(search(&app, account, query).await, expected, "{query}");
        }
    }

    async fn what_is_new_is_so_by_the_clock(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        titled(&app, &employer, "Old").await;
        app.pass(TimeDelta::days(2));
        let (employer, reader) = (app.again(&employer).await, app.again(&reader).await);
        titled(&app, &employer, "New").await;
        assert_eq!(search(&app, &reader, "posted_within=1").await, ["New"]);
        assert_eq!(search(&app, &reader, "posted_within=3").await, ["New", "Old"]);
    }

    async fn facets_count_what_was_found_but_for_their_own_filter(app) {
        let market = Market::of(&app).await;
        let all = "facets=job_type,job_subtype,experience_level,workplace&facets=country,skills,company";
        let answer = app.get(&format!("/job/search/?{all}"), Some(&market.reader.token)).await;
        for (name, expected) in [
            ("job_type", [("government", 2), ("private", 2)].as_slice()),
            ("job_subtype", &[("full-time", 2), ("contract", 1), ("part-time", 1)]),
            ("experience_level", &[("senior", 2), ("mid", 1), ("entry", 1)]),
            ("workplace", &[("remote", 1), ("hybrid", 1), ("on-site", 1)]),
            ("country", &[("bd", 2), ("de", 2)]),
            ("skills", &[("rust", 2), ("postgresql", 1), ("c++", 1), ("planning", 1)]),
            ("company", &[("northwind", 2), ("contoso", 1), ("city hospital", 1)]),
        ] {
            assert_eq!(facet(&answer, name), counts(expected), "{name}");
        }
        let answer = app.get(&format!("/job/search/?job_type=Private&country=DE&{all}"), Some(&market.reader.token)).await;
        assert_eq!(titles(&answer), [CPP]);
        assert_eq!(facet(&answer, "job_type"), counts(&[("government", 1), ("private", 1)]));
        assert_eq!(facet(&answer, "country"), counts(&[("bd", 1), ("de", 1)]));
        assert_eq!(facet(&answer, "workplace"), counts(&[("hybrid", 1)]));
        let answer = app.get("/job/search/?q=rust&facets=company", Some(&market.reader.token)).await;
        assert_eq!(answer.json["facets"].as_object().unwrap().keys().collect::<Vec<_>>(), ["company"]);
        assert_eq!(facet(&answer, "company"), counts(&[("northwind", 2), ("contoso", 1)]));
        let none = app.get("/job/search/?q=rust", Some(&market.reader.token)).await;
        assert!(none.json.get("facets").is_none());
    }

    async fn what_was_found_is_shown_as_html_if_that_is_asked_for(app) {
        let employer = app.employer().await;
        let description = "Write <script>alert(1)</script> & drivers for harvesters.";
        post(&app, &employer, json!({ "title": "Welder", "description": description })).await;
        let answer = app.get("/job/search/?q=harvester&highlight=true", Some(&employer.token)).await;
        let highlight = answer.json["data"][0]["highlight"].as_str().unwrap();
        assert!(highlight.contains("<em>harvesters</em>"), "{highlight}");
        assert!(!highlight.contains("<script>"), "{highlight}");
        let plain = app.get("/job/search/?q=harvester", Some(&employer.token)).await;
        assert!(plain.json["data"][0].get("highlight").is_none());
    }

    async fn a_cursor_leads_through_everything_once_whatever_is_posted_meanwhile(app) {
        let (one, other, reader) = (app.employer().await, app.employer().await, app.candidate().await);
        for number in 1..=11 {
            let employer = if number % 3 == 0 { &other } else { &one };
            post(&app, employer, json!({
                "title": format!("Driver {number}"), "salary_range": format!("{} USD", 50_000 + number % 4 * 1_000),
                "deadline": format!("2099-01-0{}T00:00:00Z", 1 + number % 5), "description": "driver ".repeat(number),
            })).await;
        }
        for query in [
            "sort=newest", "sort=deadline", "sort=salary", "q=driver", "q=driver&sort=salary", "title=driver",
            "sort=newest&max_per_employer=3", "q=driver&job_type=Private&facets=job_type&highlight=true",
        ] {
            let whole = app.get(&format!("/job/search/?page_size=100&{query}"), Some(&reader.token)).await;
            let expected: Vec<i64> =
                whole.json["data"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()).collect();
            assert_eq!(whole.json["next_cursor"], json!(null), "{query}");
            let (mut ids, mut path) = (Vec::new(), format!("/job/search/?page_size=3&{query}"));
            let mut late = None;
            while !path.is_empty() {
                let part = app.get(&path, Some(&reader.token)).await;
                assert_eq!((part.status, &part.json["total_is_exact"]), (200, &json!(true)), "{path}: {part:?}");
                ids.extend(part.json["data"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()));
                assert!(ids.len() <= expected.len(), "{query}: {ids:?} {expected:?}");
                // It comes first in each order. One that is about a word or an employer may change what is best of either.
                if late.is_none() && query.starts_with("sort=") && !query.contains("max_per_employer") {
                    app.pass(TimeDelta::seconds(1));
                    let deadline = (app.now() + TimeDelta::days(1)).to_rfc3339();
                    let job = json!({ "title": "Late", "salary_range": "90,000 USD", "deadline": deadline });
                    late = Some(post(&app, &one, job).await.id());
                }
                path = match part.json["next_cursor"].as_str() {
                    Some(cursor) => format!("/job/search/?page_size=3&{query}&cursor={cursor}"),
                    None => String::new(),
                };
            }
            if let Some(late) = late {
                app.delete(&format!("/job/{late}/"), Some(&one.token)).await;
            }
            assert_eq!(ids, expected, "{query}");
        }
    }

    async fn links_lead_through_everything_as_well(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        for number in 1..=5 {
            titled(&app, &employer, &format!("Job {number}")).await;
        }
        let first = app.get("/job/search/?title=job&page_size=2", Some(&reader.token)).await;
        let cursor = first.json["next_cursor"].as_str().unwrap();
        let second = app.get(&format!("/job/search/?title=job&page_size=2&cursor={cursor}"), Some(&reader.token)).await;
        assert_eq!(titles(&second), ["Job 3", "Job 2"]);
        let next = second.json["next_cursor"].as_str().unwrap();
        let link = format!("<{}/job/search/?title=job&page_size=2&cursor={next}>; rel=\"next\"", app.client.base);
        assert_eq!((second.header("link"), second.header("x-total-count")), (link.as_str(), "5"));
        let last = app.get(&format!("/job/search/?title=job&page_size=2&cursor={next}"), Some(&reader.token)).await;
        assert_eq!((titles(&last), last.header("link")), (vec!["Job 1"], ""));
    }

    async fn a_cursor_is_good_for_its_own_search_alone(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        for number in 1..=3 {
            titled(&app, &employer, &format!("Job {number}")).await;
        }
        let first = app.get("/job/search/?title=job&page_size=1", Some(&reader.token)).await;
        let cursor = first.json["next_cursor"].as_str().unwrap().to_owned();
        // The rest of the page may change, and so may the letter case.
        for query in ["title=job", "title=JOB&page_size=2&highlight=true", "title=job&facets=company", "title=job&sort=newest"] {
            let answer = app.get(&format!("/job/search/?{query}&cursor={cursor}"), Some(&reader.token)).await;
            assert_eq!(answer.status, 200, "{query}: {answer:?}");
        }
        let invalid =
            "Invalid cursor. Pass a `next_cursor` of the same search as it was given, with the same filters and order.";
        let changes = app.get("/job/changes/", Some(&reader.token)).await.json["next_cursor"].clone();
        let (middle, mut tampered) = (cursor.len() / 4, cursor.clone().into_bytes());
        tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
        for (query, cursor) in [
            ("title=jobs", cursor.as_str()), ("", &cursor), ("title=job&sort=deadline", &cursor),
            ("title=job&exclude_applied=true", &cursor), ("title=job", &cursor[1..]), ("title=job", "x"),
            ("title=job", std::str::from_utf8(&tampered).unwrap()), ("title=job", changes.as_str().unwrap()),
            ("title=job", cursor.split_once('.').unwrap().0),
        ] {
            let answer = app.get(&format!("/job/search/?{query}&cursor={cursor}"), Some(&reader.token)).await;
            assert_eq!(answer.outcome(), (400, json!({ "cursor": [invalid] })), "{query} {cursor}");
        }
        let both = app.get(&format!("/job/search/?title=job&page=1&cursor={cursor}"), Some(&reader.token)).await;
        assert_eq!(both.outcome(), (400, json!({ "cursor": ["Give `page` or `cursor`, not both."] })));
    }

    async fn a_beginning_is_completed(app) {
        let market = Market::of(&app).await;
        let suggest = async |query: &str| {
            let answer = app.get(&format!("/job/suggest/?{query}"), Some(&market.reader.token)).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.json);
            let found = answer.json["data"].as_array().unwrap().iter().map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                (text("kind"), text("text"), one["total_jobs"].as_u64().unwrap())
            });
            found.collect::<BTreeSet<_>>()
        };
        let all = |of: &[(&str, &str, u64)]| -> BTreeSet<(String, String, u64)> {
            of.iter().map(|(kind, text, count)| ((*kind).to_owned(), (*text).to_owned(), *count)).collect()
        };
        assert_eq!(suggest("q=ru").await, all(&[("title", RUST, 1), ("skill", "Rust", 2)]));
        assert_eq!(suggest("q=RU&kind=skill").await, all(&[("skill", "Rust", 2)]));
        assert_eq!(suggest("q=+north").await, all(&[("company", "Northwind", 2)]));
        assert_eq!(suggest("q=berlin&kind=place,title").await, all(&[("place", "Berlin", 2)]));
        for nothing in ["zzz", "%25", "_", "%2A", "'", "%22"] {
            assert_eq!(suggest(&format!("q={nothing}")).await, all(&[]), "{nothing}");
        }
        for (query, expected) in [
            ("", json!({ "q": ["This field is required."] })),
            ("q=++", json!({ "q": ["This field may not be blank."] })),
            ("q=a%00", json!({ "q": ["Control characters are not allowed."] })),
            ("q=a&kind=job", json!({ "kind": ["\"job\" is not a valid choice."] })),
            ("q=a&kinds=title", json!({ "kinds": ["Unknown parameter. Did you mean \"kind\"?"] })),
        ] {
            let answer = app.get(&format!("/job/suggest/?{query}"), Some(&market.reader.token)).await;
            assert_eq!(answer.outcome(), (400, expected), "{query}");
        }
    }

    async fn a_job_leads_to_those_that_are_like_it(app) {
        let market = Market::of(&app).await;
        let rust = app.get("/job/search/?title=rust", Some(&market.reader.token)).await.json["data"][0]["id"].clone();
        let answer = app.get(&format!("/job/{rust}/similar/"), Some(&market.reader.token)).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        let found = titles(&answer);
        // One asks for the same skill, the other speaks of it; the nurse works in the same place, and has nothing else to do with it.
        assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([CPP, MANAGER]));
        let cpp = answer.json["data"][found.iter().position(|title| *title == CPP).unwrap()]["id"].clone();
        app.delete(&format!("/job/{cpp}/"), Some(&market.north.token)).await;
        let answer = app.get(&format!("/job/{rust}/similar/"), Some(&market.reader.token)).await;
        assert_eq!(titles(&answer), [MANAGER]);
        for gone in [cpp, json!(4711)] {
            let answer = app.get(&format!("/job/{gone}/similar/"), Some(&market.reader.token)).await;
            assert_eq!(answer.outcome(), detail(404, "Job not found."), "{gone}");
        }
    }

    async fn nothing_that_is_looked_for_is_an_error(app) {
        const ODD: &[u8] = b"\"*-, ()'&|!:<>^{}+~%_\\aor0N\x00";
        let market = Market::of(&app).await;
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..1_000 {
            let mut bytes = Vec::new();
            for _ in 0..round % 40 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let byte = random.to_be_bytes()[0];
                // Half of them are what a grammar, SQL or a text index might stumble over.
                bytes.push(if byte & 1 == 0 { byte } else { ODD[usize::from(byte / 2) % ODD.len()] });
            }
            let path = format!("/job/search/?q={}&highlight=true&facets=skills", encoded(&bytes));
            let answer = app.get(&path, Some(&market.reader.token)).await;
            assert!(matches!(answer.status, 200 | 404), "{bytes:?}: {answer:?}");
        }
    }
}
