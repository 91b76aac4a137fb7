//! The tour of the README, as a newcomer copies it into a shell.

use std::process::Command;

use jobportal_domain::UserId;
use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use serde_json::json;

/// The shell blocks of the tour, as one script.
fn tour() -> String {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("\n## A tour with curl\n").expect("the README has a tour");
    let (section, _) = rest.split_once("\n## ").expect("a section follows the tour");
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let script = blocks.collect::<String>();
    assert!(script.lines().count() > 10, "{script}");
    script
}

async fn token(app: &TestApp, email: &str, password: &str) -> String {
    app.login(email, password).await.json["access_token"].as_str().expect("the tour's accounts can sign in").to_owned()
}

app_tests! {
    async fn the_tour_works_as_it_is_written(app) {
        for program in ["bash", "curl"] {
            let found = Command::new(program).arg("--version").output();
            let works = found.is_ok_and(|output| output.status.success());
            assert!(works, "the tour needs {program}, which is not installed");
        }
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &tour()]).env("API", &app.client.base);
        let output = tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);

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
}
