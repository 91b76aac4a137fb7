use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{
    ApplicationChange, Error, JobChange, Position, SeedApplication, SeedJob, Slice, SliceRequest, Store,
};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, EmployerId, JobId, JobPosting, JobState, JobStatus,
    UserId,
};
use jobportal_tests::database::{Backend, TestDatabase};

use crate::fixtures::{after, apply, at_once, candidate, employer, job, new_application, now, posting, text};

on_both![
    a_job_that_changes_moves_to_the_end,
    times_never_go_back_whatever_a_node_says,
    a_change_that_is_undone_is_none,
    an_employer_follows_own_applications,
    a_deleted_job_takes_its_applications_with_it,
    pages_lose_and_repeat_nothing_while_jobs_change,
    changes_with_one_time_are_told_apart_by_id,
    jobs_are_closed_once_their_deadline_has_passed,
    a_job_with_a_later_deadline_is_open_again,
    a_job_that_is_held_is_closed_later,
    a_reader_misses_nothing_of_writers_that_overlap,
    a_later_change_is_committed_later,
    nobody_waits_for_each_other,
    made_up_data_is_told_too,
];

fn jobs(store: &dyn Store, after: Position, size: u32) -> Slice<JobChange> {
    let request = SliceRequest::new(after, size).unwrap();
    store.read_one(|uow| Ok(uow.changes().jobs(request, now())?)).unwrap()
}

fn applications(store: &dyn Store, owner: UserId, after: Position) -> Slice<ApplicationChange> {
    let request = SliceRequest::new(after, 100).unwrap();
    store.read_one(|uow| Ok(uow.changes().applications(owner, request)?)).unwrap()
}

fn ids(slice: &Slice<JobChange>) -> Vec<JobId> {
    slice.items.iter().map(|change| change.job.id).collect()
}

fn application_ids(slice: &Slice<ApplicationChange>) -> Vec<ApplicationId> {
    slice.items.iter().map(|change| change.application.id).collect()
}

fn post_at(store: &dyn Store, employer: EmployerId, posting: &JobPosting, now: DateTime<Utc>) -> JobId {
    store.write(|uow| Ok(uow.jobs().insert(employer, posting, JobStatus::Published, now)?.id)).unwrap()
}

fn touch(store: &dyn Store, id: JobId, now: DateTime<Utc>) -> Result<(), Error> {
    store.write(|uow| {
        let mut job = uow.jobs().lock(id)?.unwrap().job;
        job.revise(JobPosting { title: text(&format!("As of {now}")), ..job.posting.clone() }, now).unwrap();
        Ok(uow.jobs().update(&job)?)
    })
}

fn delete(store: &dyn Store, id: JobId, now: DateTime<Utc>) -> Result<(), Error> {
    store.write(|uow| {
        let mut job = uow.jobs().lock(id)?.unwrap().job;
        job.delete(now).unwrap();
        Ok(uow.jobs().update(&job)?)
    })
}

fn move_to(store: &dyn Store, id: ApplicationId, status: ApplicationStatus) -> Result<(), Error> {
    store.write(|uow| {
        let mut application = uow.applications().lock(id)?.unwrap().application;
        application.move_to(status, after(1));
        Ok(uow.applications().update_status(&application)?)
    })
}

fn a_job_that_changes_moves_to_the_end(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    assert_eq!(
        jobs(&*store, Position::default(), 10),
        Slice::new(Vec::new(), SliceRequest::new(Position::default(), 1).unwrap(), |_| Position::default())
    );
    let made: Vec<_> = ["a", "b", "c"].iter().map(|title| job(&*store, employer_id, title)).collect();
    let all = jobs(&*store, Position::default(), 10);
    assert_eq!((ids(&all), all.has_more), (made.clone(), false));
    assert_eq!(all.items[0].changed_at, now());
    assert_eq!(all.items[0].job, store.read(|uow| Ok(uow.jobs().find(made[0])?)).unwrap().unwrap().job);
    assert!(all.items.windows(2).all(|pair| pair[0].changed_at < pair[1].changed_at));

    touch(&*store, made[0], after(5)).unwrap();
    delete(&*store, made[1], after(6)).unwrap();
    let news = jobs(&*store, all.next, 10);
    assert_eq!(ids(&news), [made[0], made[1]]);
    assert_eq!((news.items[0].changed_at, news.items[1].changed_at), (after(5), after(6)));
    assert_eq!(
        news.items.iter().map(|change| change.state).collect::<Vec<_>>(),
        [JobState::Published, JobState::Deleted]
    );
    assert_eq!(ids(&jobs(&*store, Position::default(), 10)), [made[2], made[0], made[1]]);
    assert_eq!(jobs(&*store, news.next, 10), Slice { items: vec![], next: news.next, has_more: false });
    assert_eq!(ids(&jobs(&*store, Position::before(after(6)), 10)), [made[1]]);
    assert_eq!(ids(&jobs(&*store, Position::before(after(7)), 10)), []);
}

fn times_never_go_back_whatever_a_node_says(db: &TestDatabase) {
    let store = db.store();
    let ((owner, employer_id), (_, candidate_id)) = (employer(&*store, 1), candidate(&*store, 2));
    let (first, second) = (
        post_at(&*store, employer_id, &posting("ahead"), after(3_600)),
        post_at(&*store, employer_id, &posting("behind"), now()),
    );
    let changes = jobs(&*store, Position::default(), 10);
    let microsecond = TimeDelta::microseconds(1);
    assert_eq!(ids(&changes), [first, second]);
    assert_eq!(changes.items[1].changed_at, after(3_600) + microsecond);
    assert_eq!(changes.items[1].job.updated_at, now());

    let application = apply(&*store, first, candidate_id);
    for _ in 0..3 {
        move_to(&*store, application, ApplicationStatus::Selected).unwrap();
    }
    let changes = applications(&*store, owner, Position::default());
    assert_eq!(changes.items[0].changed_at, after(1) + microsecond * 2);
}

fn a_change_that_is_undone_is_none(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let kept = job(&*store, employer_id, "kept");
    let undone = store.write(|uow| {
        uow.jobs().insert(employer_id, &posting("undone"), JobStatus::Published, after(10))?;
        Err::<(), _>(Error::NotFound("on purpose"))
    });
    assert!(undone.is_err());
    touch(&*store, kept, after(5)).unwrap();
    let changes = jobs(&*store, Position::default(), 10);
    assert_eq!((ids(&changes), changes.items[0].changed_at), (vec![kept], after(5)));
}

fn an_employer_follows_own_applications(db: &TestDatabase) {
    let store = db.store();
    let ((owner, own), (other_owner, other)) = (employer(&*store, 1), employer(&*store, 2));
    let ((_, ann), (stranger, bob)) = (candidate(&*store, 3), candidate(&*store, 4));
    let (own_job, other_job) = (job(&*store, own, "own"), job(&*store, other, "other"));
    let (first, second) = (apply(&*store, own_job, ann), apply(&*store, own_job, bob));
    let foreign = apply(&*store, other_job, ann);
    let all = applications(&*store, owner, Position::default());
    assert_eq!(application_ids(&all), [first, second]);
    assert!(all.items.iter().all(|change| !change.is_deleted));
    let details = store.read(|uow| Ok(uow.applications().details(first)?)).unwrap().unwrap();
    assert_eq!(all.items[0].application, details.application);
    assert_eq!(application_ids(&applications(&*store, other_owner, Position::default())), [foreign]);
    assert_eq!(application_ids(&applications(&*store, stranger, Position::default())), []);

    // A second attempt to apply is no change.
    assert_eq!(store.write(|uow| Ok(uow.applications().insert(&new_application(own_job, ann))?)).unwrap(), None);
    assert_eq!(application_ids(&applications(&*store, owner, all.next)), []);
    move_to(&*store, first, ApplicationStatus::Offered).unwrap();
    let news = applications(&*store, owner, all.next);
    assert_eq!(application_ids(&news), [first]);
    assert_eq!(news.items[0].application.status, ApplicationStatus::Offered);
    assert_eq!(application_ids(&applications(&*store, other_owner, Position::default())), [foreign]);
}

fn a_deleted_job_takes_its_applications_with_it(db: &TestDatabase) {
    let store = db.store();
    let (owner, employer_id) = employer(&*store, 1);
    let (gone, kept) = (job(&*store, employer_id, "gone"), job(&*store, employer_id, "kept"));
    let candidates: Vec<CandidateId> = (2..7).map(|number| candidate(&*store, number).1).collect();
    let of_gone: Vec<_> = candidates.iter().map(|candidate| apply(&*store, gone, *candidate)).collect();
    apply(&*store, kept, candidates[0]);
    let before = applications(&*store, owner, Position::default());
    touch(&*store, gone, after(3)).unwrap();
    assert_eq!(application_ids(&applications(&*store, owner, before.next)), []);

    delete(&*store, gone, after(5)).unwrap();
    let news = applications(&*store, owner, before.next);
    assert_eq!(application_ids(&news), of_gone);
    assert!(news.items.iter().all(|change| change.is_deleted && change.changed_at == after(5)));
    // All have one time; a page may end between any two.
    let rest = applications(&*store, owner, Position { time: after(5), id: of_gone[2].0 });
    assert_eq!(application_ids(&rest), of_gone[3..]);
}

/// What a reader knows who started anywhere, after reading on from `position` to the end.
fn sync(store: &dyn Store, copy: &mut BTreeMap<i64, DateTime<Utc>>, mut position: Position, size: u32) -> Position {
    loop {
        let slice = jobs(store, position, size);
        for change in &slice.items {
            let known = copy.insert(change.job.id.0, change.changed_at);
            assert!(known.is_none_or(|known| known < change.changed_at), "told twice");
        }
        position = slice.next;
        if !slice.has_more {
            return position;
        }
    }
}

fn pages_lose_and_repeat_nothing_while_jobs_change(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let made: Vec<_> = (0..20).map(|number| job(&*store, employer_id, &format!("Job {number}"))).collect();
    let (mut position, mut told) = (Position::default(), Vec::new());
    for round in 0.. {
        let slice = jobs(&*store, position, 3);
        told.extend(ids(&slice));
        position = slice.next;
        // One that was told, one that was not, and a new one.
        match round {
            0 => touch(&*store, made[0], after(10)).unwrap(),
            1 => delete(&*store, made[19], after(11)).unwrap(),
            2 => drop(post_at(&*store, employer_id, &posting("New"), after(12))),
            _ => {}
        }
        if !slice.has_more {
            break;
        }
    }
    let mut expected = made[..19].to_vec();
    expected.extend([made[0], made[19], JobId(made[19].0 + 1)]);
    assert_eq!(told, expected);
}

fn changes_with_one_time_are_told_apart_by_id(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let made: Vec<_> = (0..7).map(|number| job(&*store, employer_id, &format!("Job {number}"))).collect();
    let deadline = posting("Job").deadline;
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(deadline, 10)?)).unwrap(), 7);
    let (mut position, mut told) = (Position::before(deadline), Vec::new());
    for expected in [true, true, true, false] {
        let slice = jobs(&*store, position, 2);
        assert_eq!(slice.has_more, expected);
        assert!(slice.items.iter().all(|change| change.changed_at == deadline));
        told.extend(ids(&slice));
        position = slice.next;
    }
    assert_eq!(told, made);
}

fn jobs_are_closed_once_their_deadline_has_passed(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let due = |seconds| JobPosting { deadline: after(seconds), ..posting("Job") };
    let [late, early, far, gone] =
        [20, 10, 1_000, 10].map(|seconds| post_at(&*store, employer_id, &due(seconds), now()));
    delete(&*store, gone, now()).unwrap();
    let start = jobs(&*store, Position::default(), 10).next;
    let close = |seconds, limit| store.write(|uow| Ok(uow.jobs().close_due(after(seconds), limit)?)).unwrap();
    assert_eq!((close(9, 10), close(20, 1), close(21, 1), close(22, 1)), (0, 1, 1, 0));
    let news = jobs(&*store, start, 10);
    assert_eq!(ids(&news), [early, late]);
    for (change, closed_at) in news.items.iter().zip([after(20), after(21)]) {
        // Read with a clock that is behind.
        assert_eq!((change.state, change.changed_at), (JobState::Expired, closed_at));
        assert_eq!((change.job.closed_at, change.job.updated_at), (Some(closed_at), now()));
    }
    assert_eq!(
        jobs(&*store, Position::default(), 10).items.iter().find(|c| c.job.id == far).unwrap().state,
        JobState::Published
    );
    let request = SliceRequest::new(Position::default(), 10).unwrap();
    let at_the_end = store.read(|uow| Ok(uow.changes().jobs(request, after(1_000))?)).unwrap();
    let state = |id| at_the_end.items.iter().find(|change| change.job.id == id).unwrap().state;
    // Nobody has closed this one yet.
    assert_eq!([state(far), state(gone)], [JobState::Expired, JobState::Deleted]);
}

fn a_job_with_a_later_deadline_is_open_again(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let id = post_at(&*store, employer_id, &JobPosting { deadline: after(10), ..posting("Job") }, now());
    let close = |seconds| store.write(|uow| Ok(uow.jobs().close_due(after(seconds), 10)?)).unwrap();
    let revise = |deadline, now| {
        store
            .write(|uow| {
                let mut job = uow.jobs().lock(id)?.unwrap().job;
                job.revise(JobPosting { deadline, ..posting("Job") }, now).unwrap();
                Ok(uow.jobs().update(&job)?)
            })
            .unwrap();
    };
    assert_eq!(close(10), 1);
    revise(after(10), after(11));
    assert_eq!((jobs(&*store, Position::default(), 10).items[0].state, close(12)), (JobState::Expired, 0));
    revise(after(100), after(13));
    assert_eq!(jobs(&*store, Position::default(), 10).items[0].state, JobState::Published);
    assert_eq!((close(99), close(100), close(101)), (0, 1, 0));
}

fn a_job_that_is_held_is_closed_later(db: &TestDatabase) {
    if db.backend() == Backend::Sqlite {
        // Has one writer, who holds everything.
        return;
    }
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let (held, free) = (job(&*store, employer_id, "held"), job(&*store, employer_id, "free"));
    let deadline = posting("Job").deadline;
    let close = || store.write(|uow| Ok(uow.jobs().close_due(deadline, 10)?)).unwrap();
    store
        .write(|uow| {
            uow.jobs().lock(held)?;
            assert_eq!(close(), 1);
            Ok(())
        })
        .unwrap();
    let state = |id| store.read(|uow| Ok(uow.jobs().find(id)?)).unwrap().unwrap().job.state(now());
    assert_eq!([state(held), state(free)], [JobState::Published, JobState::Expired]);
    assert_eq!((close(), close()), (1, 0));
}

fn a_reader_misses_nothing_of_writers_that_overlap(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let made: Vec<_> = (0..10).map(|number| job(&*store, employer_id, &format!("Job {number}"))).collect();
    let (copy, is_over) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicBool::new(false)));
    let reader = thread::spawn({
        let (store, copy, is_over) = (store.clone(), copy.clone(), is_over.clone());
        move || {
            let (mut position, mut polls) = (Position::default(), 0);
            loop {
                let is_last = is_over.load(Ordering::SeqCst);
                position = sync(&*store, &mut copy.lock().unwrap(), position, 7);
                polls += 1;
                if is_last {
                    return polls;
                }
            }
        }
    });
    at_once(4, &store, move |store, thread| {
        for round in 0..25_i64 {
            // The time at which the request began may be long past when it comes to writing.
            let began = after(round - i64::try_from(thread).unwrap());
            store
                .write(|uow| {
                    let place = usize::try_from(round).unwrap() * (thread + 1) % made.len();
                    let mut job = uow.jobs().lock(made[place])?.unwrap().job;
                    job.revise(posting(&format!("Round {round} of {thread}")), began).unwrap();
                    uow.jobs().update(&job)?;
                    // Committed some time after the stamp.
                    thread::sleep(Duration::from_micros(500 * u64::try_from(thread).unwrap()));
                    Ok(())
                })
                .unwrap();
        }
    });
    is_over.store(true, Ordering::SeqCst);
    assert!(reader.join().unwrap() > 2);
    let (copy, mut expected) = (copy.lock().unwrap().clone(), BTreeMap::new());
    sync(&*store, &mut expected, Position::default(), 100);
    assert_eq!((copy.len(), copy), (10, expected));
}

fn a_later_change_is_committed_later(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let (stamped, is_stamped) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let (committed, second_done) = mpsc::channel();
    let slow = thread::spawn({
        let store = store.clone();
        move || {
            store
                .write(|uow| {
                    let id = uow.jobs().insert(employer_id, &posting("slow"), JobStatus::Published, after(10))?.id;
                    stamped.send(()).unwrap();
                    told.recv().unwrap();
                    Ok(id)
                })
                .unwrap()
        }
    });
    is_stamped.recv().unwrap();
    // Began later, and by a clock that is ahead: it would pass the slow one.
    let fast = thread::spawn({
        let store = store.clone();
        move || {
            let id = post_at(&*store, employer_id, &posting("fast"), after(20));
            committed.send(()).unwrap();
            id
        }
    });
    assert_eq!(second_done.recv_timeout(Duration::from_millis(200)), Err(RecvTimeoutError::Timeout));
    let nothing_yet = jobs(&*store, Position::default(), 10);
    assert_eq!(ids(&nothing_yet), []);
    go_on.send(()).unwrap();
    let (slow, fast) = (slow.join().unwrap(), fast.join().unwrap());
    let news = jobs(&*store, nothing_yet.next, 10);
    assert_eq!(ids(&news), [slow, fast]);
    assert!(news.items[0].changed_at < news.items[1].changed_at);
}

fn nobody_waits_for_each_other(db: &TestDatabase) {
    let store = db.store();
    let (owner, employer_id) = employer(&*store, 1);
    let made: Vec<_> = (0..8).map(|number| job(&*store, employer_id, &format!("Job {number}"))).collect();
    let candidates: Vec<CandidateId> = (2..10).map(|number| candidate(&*store, number).1).collect();
    let (early, late) = candidates.split_at(4);
    let sent: Vec<Vec<_>> =
        made.iter().map(|job| early.iter().map(|candidate| apply(&*store, *job, *candidate)).collect()).collect();
    let late = late.to_vec();
    let outcomes = at_once(6, &store, move |store, thread| -> Result<(), Error> {
        for (job, sent) in made.iter().zip(&sent) {
            match thread {
                0 => delete(store, *job, after(2))?,
                1 => {
                    for candidate in &late {
                        store.write(|uow| Ok(uow.applications().insert(&new_application(*job, *candidate))?))?;
                    }
                }
                2 | 3 => {
                    for id in sent.iter().rev() {
                        move_to(store, *id, ApplicationStatus::Selected)?;
                    }
                }
                4 => drop(store.write(|uow| Ok(uow.jobs().close_due(after(100_000), 3)?))?),
                _ => drop(post_at(store, employer_id, &posting("New"), now())),
            }
        }
        Ok(())
    });
    for outcome in outcomes {
        outcome.unwrap();
    }
    let all = applications(&*store, owner, Position::default());
    assert_eq!(all.items.len(), 64);
    assert!(all.items.iter().all(|change| change.is_deleted));
}

fn made_up_data_is_told_too(db: &TestDatabase) {
    let store = db.store();
    let ((owner, own), (other_owner, other)) = (employer(&*store, 1), employer(&*store, 2));
    let (_, candidate_id) = candidate(&*store, 3);
    let present = job(&*store, own, "present");
    apply(&*store, present, candidate_id);
    let last = jobs(&*store, Position::default(), 10).next;
    let last_application = applications(&*store, owner, Position::default()).next;
    let seed = |employer_id| SeedJob { employer_id, posting: posting("Seed"), posted_at: after(-1_000) };
    let made = store.write(|uow| Ok(uow.bulk().insert_jobs(&[seed(own), seed(other), seed(own)])?)).unwrap();
    let application = |job_id| SeedApplication {
        job_id,
        candidate_id,
        form: ApplicationForm::default(),
        status: ApplicationStatus::Applied,
        applied_at: after(-500),
    };
    let applied: Vec<_> = made.iter().copied().map(application).collect();
    assert_eq!(store.write(|uow| Ok(uow.bulk().insert_applications(&applied)?)).unwrap(), 3);
    let refused = store.write(|uow| Ok(uow.bulk().insert_applications(&[application(JobId(99))])?));
    assert!(matches!(refused, Err(Error::Conflict(_))));

    assert_eq!(ids(&jobs(&*store, last, 10)), made);
    let of = |owner, after| {
        let slice = applications(&*store, owner, after);
        slice.items.into_iter().map(|change| change.application.job_id).collect::<Vec<_>>()
    };
    assert_eq!(of(owner, last_application), [made[0], made[2]]);
    assert_eq!(of(other_owner, Position::default()), [made[1]]);
}
