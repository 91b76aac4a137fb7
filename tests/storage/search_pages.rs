use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use jobportal_application::{
    Facet, FoundJob, FoundJobs, JobFilter, JobOrder, SearchPosition, SearchStart, SeedJob, Store,
};
use jobportal_domain::{EmployerId, JobId, JobPosting};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, employer, now, page, posting};
use crate::search::{corpus, find, first, ids, request, set, words};

on_both![
    each_order_is_gone_through_without_gap_or_repetition,
    more_than_are_counted_are_gone_through_too,
    a_large_count_is_told_again_for_some_seconds,
    an_employer_does_not_fill_a_page,
];

const ORDERS: [JobOrder; 4] = [JobOrder::Relevance, JobOrder::Newest, JobOrder::Deadline, JobOrder::Salary];

/// Goes through all parts of what is found, from a position on.
fn go_through(store: &dyn Store, filter: &JobFilter, order: JobOrder, size: u32) -> Vec<FoundJob> {
    let mut all: Vec<FoundJob> = Vec::new();
    let mut start = SearchStart::Page(page(1, size));
    loop {
        let part = find(store, &request(filter, order, start));
        let Some(last) = part.jobs.last() else { break };
        assert!(part.jobs.len() == size as usize || !part.has_more);
        start = SearchStart::After(last.position, size);
        let has_more = part.has_more;
        all.extend(part.jobs);
        if !has_more {
            break;
        }
    }
    all
}

fn assert_in_order(found: &[FoundJob], order: JobOrder) {
    let place = |SearchPosition { key, id }| if order == JobOrder::Deadline { (key, -id) } else { (-key, -id) };
    assert!(found.is_sorted_by(|a, b| place(a.position) < place(b.position)), "{order:?}");
}

fn each_order_is_gone_through_without_gap_or_repetition(db: &TestDatabase) {
    let store = db.store();
    let (jobs, _) = corpus(&*store, 100);
    for filter in [
        JobFilter::default(),
        words("engineer, nurse"),
        JobFilter { title: Some("er".to_owned()), ..JobFilter::default() },
    ] {
        let expected = set(&*store, &filter);
        for order in ORDERS {
            let all = go_through(&*store, &filter, order, 7);
            assert_in_order(&all, order);
            assert_eq!(all.len(), expected.len());
            assert_eq!(ids(&all).into_iter().collect::<BTreeSet<_>>(), expected);
            let mut pages = Vec::new();
            for number in 1.. {
                let part = find(&*store, &request(&filter, order, SearchStart::Page(page(number, 7))));
                assert_eq!((part.total, part.total_is_exact), (expected.len() as u64, true));
                assert_eq!(part.has_more, (number * 7) < u32::try_from(expected.len()).unwrap());
                if part.jobs.is_empty() {
                    break;
                }
                pages.extend(part.jobs);
            }
            assert_eq!(pages, all, "{order:?}");
        }
    }
    let newest = go_through(&*store, &JobFilter::default(), JobOrder::Newest, 100);
    let key = |id: JobId| jobs.iter().find(|job| job.0 == id).unwrap().2.posted_at.timestamp_micros();
    assert!(newest.iter().all(|found| found.position.key == key(found.details.job.id)));
    let salary = go_through(&*store, &JobFilter::default(), JobOrder::Salary, 100);
    assert!(salary.last().unwrap().details.job.posting.pay.is_none() && salary[0].position.key > 0);
}

fn more_than_are_counted_are_gone_through_too(db: &TestDatabase) {
    let store = db.store();
    let employer_id = employer(&*store, 1).1;
    let count = 10_150;
    let seeds: Vec<_> = (0..count)
        .map(|n| SeedJob {
            employer_id,
            posting: JobPosting {
                deadline: after(1 + n / 2),
                ..posting(if n % 50 == 7 { "Nurse" } else { "Engineer" })
            },
            posted_at: after(-n / 3),
        })
        .collect();
    store.write(|uow| Ok(uow.bulk().insert_jobs(&seeds)?)).unwrap();
    store.write(|uow| Ok(uow.bulk().analyze()?)).unwrap();
    let everything = JobFilter::default();
    let lots =
        [everything.clone(), words("dhaka"), JobFilter { location: Some("dha".to_owned()), ..everything.clone() }];
    for filter in &lots {
        // The first time it is found out, the second time it is known.
        for _ in 0..2 {
            for order in ORDERS {
                let found = find(&*store, &request(filter, order, SearchStart::Page(page(3, 20))));
                assert_eq!((found.total, found.total_is_exact, found.has_more), (FoundJobs::MAX_COUNT, false, true));
                assert_eq!(found.jobs.len(), 20);
            }
        }
    }
    for order in [JobOrder::Newest, JobOrder::Deadline, JobOrder::Salary] {
        let all = go_through(&*store, &everything, order, 100);
        assert_in_order(&all, order);
        assert_eq!(all.len(), seeds.len());
    }
    let all = go_through(&*store, &everything, JobOrder::Newest, 100);
    let deep = find(&*store, &request(&everything, JobOrder::Newest, SearchStart::Page(page(100, 100))));
    assert_eq!(ids(&deep.jobs), ids(&all[9_900..10_000]));
    let too_deep = find(&*store, &request(&everything, JobOrder::Newest, SearchStart::Page(page(101, 100))));
    assert!(too_deep.jobs.is_empty());

    let few = first(&*store, &words("nurse"), JobOrder::Relevance);
    assert_eq!((few.total, few.total_is_exact), (203, true));
    let thinned = JobFilter { max_per_employer: Some(3), ..words("dhaka") };
    let thinned = first(&*store, &thinned, JobOrder::Newest);
    assert_eq!(ids(&thinned.jobs), ids(&all[..3]));
    let counts = store.read(|uow| Ok(uow.search().count(&words("dhaka"), &[Facet::Country], now())?)).unwrap();
    assert!(!counts[0].is_exact);
    let counts = store.read(|uow| Ok(uow.search().count(&words("nurse"), &[Facet::Country], now())?)).unwrap();
    assert_eq!((counts[0].is_exact, counts[0].values[0].count), (true, 203));
}

fn a_large_count_is_told_again_for_some_seconds(db: &TestDatabase) {
    let store = db.store();
    let (_, employers) = corpus(&*store, 4_000);
    store.write(|uow| Ok(uow.bulk().analyze()?)).unwrap();
    let filter = JobFilter { title: Some("engineer".to_owned()), ..JobFilter::default() };
    let search = |order, number, at| {
        let request = request(&filter, order, SearchStart::Page(page(number, 10)));
        store.read(|uow| Ok(uow.search().find(&request, at)?)).unwrap()
    };
    let counted = search(JobOrder::Newest, 1, now());
    assert!((1_000..4_000).contains(&counted.total) && counted.total_is_exact && counted.has_more);
    let posting = posting("An engineer of late");
    let late = [SeedJob { employer_id: employers[0], posting, posted_at: now() }];
    store.write(|uow| Ok(uow.bulk().insert_jobs(&late)?)).unwrap();

    for order in [JobOrder::Newest, JobOrder::Deadline, JobOrder::Salary] {
        let again = search(order, 1, now());
        assert_eq!((again.total, again.total_is_exact, again.has_more), (counted.total, false, true), "{order:?}");
        assert_in_order(&again.jobs, order);
    }
    let again = search(JobOrder::Newest, 1, now());
    assert_eq!(ids(&again.jobs[1..]), ids(&counted.jobs[..9]), "what is shown is as it is now");

    let last = u32::try_from(counted.total / 10 + 1).unwrap();
    let (deep, past) = (search(JobOrder::Newest, last, now()), search(JobOrder::Newest, last + 1, now()));
    assert!(deep.total_is_exact && deep.total == counted.total + 1 && !deep.has_more && !deep.jobs.is_empty());
    assert!(past.total_is_exact && past.jobs.is_empty());
    let later = search(JobOrder::Newest, 1, now() + TimeDelta::seconds(6));
    assert!(later.total_is_exact && later.total <= counted.total + 1);
    let thinned = JobFilter { max_per_employer: Some(3), ..filter.clone() };
    for _ in 0..2 {
        assert!(first(&*store, &thinned, JobOrder::Newest).total_is_exact);
    }
}

fn an_employer_does_not_fill_a_page(db: &TestDatabase) {
    let store = db.store();
    let (jobs, _) = corpus(&*store, 60);
    let owner = |id: JobId| jobs.iter().find(|job| job.0 == id).unwrap().1;
    for order in ORDERS {
        let everything = words("engineer, nurse, baker, developer");
        let all = go_through(&*store, &everything, order, 100);
        let mut counts = BTreeMap::<EmployerId, u32>::new();
        let expected: Vec<_> = ids(&all)
            .into_iter()
            .filter(|id| {
                let count = counts.entry(owner(*id)).or_default();
                *count += 1;
                *count <= 4
            })
            .collect();
        let filter = JobFilter { max_per_employer: Some(4), ..everything };
        let found = go_through(&*store, &filter, order, 3);
        assert_eq!((ids(&found), found.len()), (expected, 8), "{order:?}");
        assert_eq!(first(&*store, &filter, order).total, 8);
    }
}
