//! The tour of the README and the guide to the API, as a newcomer copies them into a shell.

use std::process::Command;

use jobportal_domain::UserId;
use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use serde_json::json;

/// The section of the README, as text.
fn tour() -> &'static str {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("\n## A tour with curl\n").expect("the README has a tour");
    let (section, _) = rest.split_once("\n## ").expect("a section follows the tour");
    section
}

/// Runs the shell blocks of a text as one script; returns what it prints.
async fn run(app: &TestApp, text: &str) -> String {
    for program in ["bash", "curl"] {
        let found = Command::new(program).arg("--version").output();
        let works = found.is_ok_and(|output| output.status.success());
        assert!(works, "the examples need {program}, which is not installed");
    }
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let script = blocks.collect::<String>();
    assert!(script.lines().count() > 10, "{script}");
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &script]).env("API", &app.client.base);
    let output = tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

async fn token(app: &TestApp, email: &str, password: &str) -> String {
    app.login(email, password).await.json["access_token"].as_str().expect("the tour's accounts can sign in").to_owned()
}

app_tests! {
    async fn the_tour_works_as_it_is_written(app) {
        run(&app, tour()).await;
        for (to, subject) in [
            ("erin@example.com", "Welcome to the job portal: your verification code"),
            ("carl@example.com", "Welcome to the job portal: your verification code"),
            ("erin@example.com", "New application: Software Engineer"),
            ("carl@example.com", "Your application: Software Engineer"),
        ] {
            app.smtp.wait_for(|mail| mail.to == [to] && mail.subject() == subject).await;
        }
        let erin = token(&app, "erin@example.com", "correct horse").await;
        let jobs = app.get("/job/", Some(&erin)).await.json["jobs"].clone();
        assert_eq!(["Clerk", "Software Engineer"], [&jobs[0]["title"], &jobs[1]["title"]], "each once: {jobs}");
        let job = jobs[1]["id"].clone();
        let received = app.get(&format!("/application/all/{job}/"), Some(&erin)).await.json["data"][0].clone();
        assert_eq!((&received["status"], &received["candidate"]["first_name"]), (&json!("selected"), &json!("Carl")));
        let carl = UserId(received["candidate"]["user"].as_i64().unwrap());
        let found = app.database.store().read(|uow| Ok(uow.subscriptions().active(carl)?)).unwrap();
        assert_eq!(found.expect("a subscription").1.name.as_str(), "professional");
    }

    async fn the_guide_works_as_it_is_written(app) {
        let printed = run(&app, include_str!("../../crates/http/GUIDE.md")).await;
        assert!(printed.contains("read again: 304\n"), "{printed}");
        assert!(printed.contains("\"location\":\"Chattogram\""), "{printed}");

        let emma = token(&app, "emma@example.com", "correct horse").await;
        let jobs = app.get("/job/", Some(&emma)).await.json;
        // The repetition of a request with its key made nothing.
        let titles: Vec<_> = jobs["jobs"].as_array().unwrap().iter().map(|job| &job["title"]).collect();
        assert_eq!(titles, ["Analyst", "Archivist", "Data Engineer"]);
        let engineer = &jobs["jobs"][2]["id"];
        let received = app.get(&format!("/application/all/{engineer}/"), Some(&emma)).await.json["data"][0].clone();
        assert_eq!(received["status"], "interviewed");
        // All that was copied is there, and the second reading of changes found no more.
        assert!(printed.contains("\"changes\":[],"), "{printed}");
    }
}
