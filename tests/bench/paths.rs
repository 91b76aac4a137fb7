//! The hot paths without I/O, one line each.

#![expect(clippy::unwrap_used, reason = "samples are valid")]

use chrono::TimeDelta;
use criterion::{Criterion, criterion_group, criterion_main};
use jobportal_application::{AccessClaims, AccessTokens, JobDetails, Position, samples};
use jobportal_domain::{Pay, SearchText};
use jobportal_http::benchmarks::{entity_tag, json_of_jobs, through_a_cursor};
use jobportal_security::{JwtTokens, TokenKeys};

fn paths(criterion: &mut Criterion) {
    let user = samples::user();
    let tokens = JwtTokens::new(TokenKeys::symmetric("a secret of the benchmarks"), "portal", "portal");
    let claims = AccessClaims {
        user_id: user.id,
        user_type: user.user_type,
        email: user.email,
        phone_number: user.phone_number,
        session_id: "session".to_owned(),
        must_enrol: false,
        issued_at: samples::now(),
        expires_at: samples::now() + TimeDelta::minutes(30),
    };
    let token = tokens.issue(&claims).unwrap();
    let description =
        samples::text("Design, build and run services that thousands of people use every day. ".repeat(20).trim());
    let mut job = JobDetails { job: samples::job(), employer: samples::employer_profile(), total_applications: 12 };
    job.job.posting.description = description;
    let jobs = vec![job; 10];
    let body = json_of_jobs(jobs.clone(), samples::now()).unwrap();
    let position = Position { time: samples::now(), id: 1_000_000 };

    let mut path =
        |name: &str, work: &mut dyn FnMut()| _ = criterion.bench_function(name, |bencher| bencher.iter(&mut *work));
    path("issue an access token", &mut || _ = tokens.issue(&claims));
    path("check an access token", &mut || _ = tokens.verify(&token, samples::now()));
    path("JSON of 10 jobs", &mut || _ = json_of_jobs(jobs.clone(), samples::now()));
    path("entity tag of 10 jobs", &mut || _ = entity_tag(&body));
    path("read a search text", &mut || _ = SearchText::parse(r#"rust, go remote "site reliability" -junior engin*"#));
    path("read pay", &mut || _ = Pay::in_text("70,000 - 90,000 USD"));
    path("write and read a cursor", &mut || _ = through_a_cursor(position));
}

criterion_group!(benches, paths);
criterion_main!(benches);
