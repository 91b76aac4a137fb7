//! The commands of the program, as an operator types them.

use jobportal_application::{Clock, SystemClock};
use jobportal_domain::{SecondFactor, TotpSecret};
use jobportal_security::Totp;
use jobportal_tests::client::Client;
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::{Finished, Program};
use jobportal_tests::smtp::{Behaviour, SmtpSink};
use jobportal_tests::until;
use serde_json::{Value, json};

use crate::process::{assert_refused, process_tests, production};

fn succeeded(finished: Finished) -> String {
    assert!(finished.success, "{finished:?}");
    finished.stdout
}

async fn post(client: &Client, path: &str, body: Value) -> Value {
    let answer = client.call("POST", path, None, Some(body)).await;
    assert!(answer.status < 300, "{path}: {answer:?}");
    answer.json
}

/// Signs in; returns what the API tells about the account.
async fn account_of(client: &Client, email: &str, password: &str) -> Value {
    let tokens = post(client, "/account/login/", json!({ "email_or_phone": email, "password": password })).await;
    let answer = client.call("GET", "/account/login-user-info/", tokens["access_token"].as_str(), None).await;
    answer.json["data"].clone()
}

process_tests! {
    async fn migrations_go_up_and_down_and_are_told(database) {
        let program = Program::new(database.url(), &[]);
        let marks = |program: &Program| {
            let status = succeeded(program.run(&["migrate", "status"]));
            assert!(!status.is_empty());
            status.lines().map(|line| line[..4].to_owned()).collect::<Vec<_>>()
        };
        assert!(marks(&program).iter().all(|mark| mark == "[ ] "));
        let by_hand = Program::new(database.url(), &[("database.migrate_on_start", "false")]);
        assert_refused(&by_hand.run(&["serve"]), &["jobportal migrate up", "database.migrate_on_start"]);
        assert_refused(&program.run(&["check"]), &["`database.url`", "jobportal migrate up"]);

        let applied = succeeded(program.run(&["migrate", "up"]));
        assert!(applied.lines().all(|line| line.starts_with("Applied ")), "{applied}");
        assert!(marks(&program).iter().all(|mark| mark == "[x] "));
        assert_eq!(succeeded(program.run(&["migrate", "up"])), "Nothing to do.\n");
        by_hand.serve(&[]);

        let taken_back = succeeded(program.run(&["migrate", "down", "99"]));
        assert!(taken_back.lines().all(|line| line.starts_with("Took back ")), "{taken_back}");
        assert_eq!(taken_back.lines().count(), applied.lines().count());
        assert!(marks(&program).iter().all(|mark| mark == "[ ] "));
        assert_eq!(succeeded(program.run(&["migrate", "up"])), applied);
    }

    async fn an_admin_of_production_enrols_a_second_factor_before_anything_else(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &production(sink.url()));
        let command = ["createsuperuser", "--email", "ada@example.com", "--contract-number", "01711111111", "--password-stdin"];
        let said = succeeded(program.run_with_input(&command, "correct horse 7"));
        assert!(said.contains("POST /account/second-factor/code/"), "{said}");
        let (_running, client) = program.serve(&[]);
        let login = json!({ "email_or_phone": "ada@example.com", "password": "correct horse 7" });
        let tokens = post(&client, "/account/login/", login).await;
        let call = async |method: &str, path: &str, token: &Value, body: Value| {
            client.call(method, path, token.as_str(), Some(body)).await
        };
        let token = &tokens["access_token"];
        assert_eq!(call("GET", "/account/user_info/", token, json!({})).await.status, 403);
        assert_eq!(call("POST", "/account/second-factor/code/", token, json!({})).await.status, 200);
        let otp = sink.wait_for_mail_to("ada@example.com").await.code();
        let body = json!({ "password": "correct horse 7", "otp": otp });
        let enrolled = call("POST", "/account/second-factor/", token, body).await.json;
        let secret = TotpSecret::parse(enrolled["secret"].as_str().unwrap()).unwrap();
        let step = SystemClock.now().timestamp() / SecondFactor::STEP_SECONDS;
        let totp = Totp::code(&secret, step).unwrap().expose().to_owned();
        assert_eq!(call("POST", "/account/second-factor/confirm/", token, json!({ "totp": totp })).await.status, 200);
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        let token = &post(&client, "/account/token/refresh/", refresh).await["access_token"];
        assert_eq!(call("GET", "/account/user_info/", token, json!({})).await.status, 200);
        let plan = json!({ "name": "professional", "price": "1.00" });
        assert_ne!(call("POST", "/subscription/plan/", token, plan).await.status, 403);
    }

    async fn a_lost_second_factor_is_removed_by_the_operator(database) {
        let program = Program::new(database.url(), &[("JOBPORTAL_SUPERUSER_PASSWORD", "correct horse 7")]);
        let (email, number) = ("ada@example.com", "01711111111");
        succeeded(program.run(&["createsuperuser", "--email", email, "--contract-number", number]));
        let remove = |email| program.run(&["second-factor", "remove", email]);
        assert_refused(&remove("nobody@example.com"), &["No account has this address."]);
        assert_refused(&remove("nobody"), &["valid email address"]);
        assert_refused(&remove(email), &["no second factor"]);

        let (_running, client) = program.serve(&[]);
        let credentials = json!({ "email_or_phone": email, "password": "correct horse 7" });
        let tokens = post(&client, "/account/login/", credentials.clone()).await;
        let token = tokens["access_token"].as_str();
        let call = async |path: &str, body| client.call("POST", path, token, Some(body)).await;
        let secret = call("/account/second-factor/", json!({ "password": "correct horse 7" })).await;
        let secret = TotpSecret::parse(secret.json["secret"].as_str().unwrap()).unwrap();
        let code = Totp::code(&secret, SystemClock.now().timestamp() / SecondFactor::STEP_SECONDS).unwrap();
        assert_eq!(call("/account/second-factor/confirm/", json!({ "totp": code.expose() })).await.status, 200);
        assert_eq!(client.call("POST", "/account/login/", None, Some(credentials.clone())).await.status, 401);

        assert_eq!(succeeded(remove("Ada@Example.com")), "ada@example.com has no second factor any more.\n");
        post(&client, "/account/login/", credentials).await;
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        assert_eq!(client.call("POST", "/account/token/refresh/", None, Some(refresh)).await.status, 401);
        let told = succeeded(program.run(&["outbox", "list"]));
        assert_eq!(told.lines().filter(|line| line.contains("security_changed")).count(), 2, "{told}");
    }

    async fn a_superuser_is_an_admin_who_can_sign_in(database) {
        let program = Program::new(database.url(), &[]);
        let command = |email, number| ["createsuperuser", "--email", email, "--contract-number", number];
        let from_stdin = [command("ada@example.com", "01711111111").as_slice(), &["--password-stdin"]].concat();
        succeeded(program.run_with_input(&from_stdin, "staple battery 9\nnot this\n"));
        let program = program.with(&[("JOBPORTAL_SUPERUSER_PASSWORD", "correct horse 7")]);
        succeeded(program.run(&command("Bea@Example.com", "+8801722222222")));

        let taken = program.run(&command("bea@example.com", "01722222222"));
        assert_refused(&taken, &["this email already exists", "this contract number already exists"]);
        let weak = program.with(&[("JOBPORTAL_SUPERUSER_PASSWORD", "1234")]);
        let said = ["too short", "too common", "entirely numeric"];
        assert_refused(&weak.run(&command("eve@example.com", "01733333333")), &said);
        let said = ["valid email address", "must contain 11 digits", "too common"];
        assert_refused(&weak.run(&command("nobody", "12")), &said);
        let none = Program::new(database.url(), &[]).run(&command("eve@example.com", "01733333333"));
        assert_refused(&none, &["JOBPORTAL_SUPERUSER_PASSWORD", "--password-stdin"]);

        let (_running, client) = weak.serve(&[]);
        for (email, number, password) in [
            ("ada@example.com", "01711111111", "staple battery 9"),
            ("bea@example.com", "01722222222", "correct horse 7"),
        ] {
            let account = account_of(&client, email, password).await;
            assert_eq!(account, json!({
                "id": account["id"], "email": email, "contract_number": number, "user_type": "admin",
            }));
        }
    }

    async fn mails_that_were_given_up_are_listed_and_tried_again(database) {
        let sink = SmtpSink::start().await;
        sink.behave(Behaviour::PermanentFailure);
        let program = Program::new(database.url(), &[("mail.url", sink.url())]);
        let (_running, client) = program.serve(&[]);
        let mut codes = Vec::new();
        for (email, number) in [("ann@example.com", "01711111111"), ("bob@example.com", "01722222222")] {
            let body = json!({
                "email": email, "contract_number": number, "user_type": "candidate", "password": "correct horse 7",
            });
            codes.push(post(&client, "/account/register/", body).await["otp"].as_str().unwrap().to_owned());
        }
        let list = |status: &str| succeeded(program.run(&["outbox", "list", "--status", status]));
        until("both are given up", || list("dead").ends_with("2 of 2\n")).await;
        let dead = list("dead");
        for words in ["ann@example.com", "bob@example.com", "welcome", "given up", "no such user"] {
            assert!(dead.contains(words), "{words} is not in {dead}");
        }
        assert!(codes.iter().all(|code| !dead.contains(code)), "{dead}");
        assert_eq!((list("pending"), list("sent")), ("0 of 0\n".to_owned(), "0 of 0\n".to_owned()));

        sink.behave(Behaviour::Accept);
        let ann = dead.lines().find(|line| line.contains("ann@")).unwrap().split_whitespace().next().unwrap();
        assert_eq!(succeeded(program.run(&["outbox", "retry", ann])), "1 will be tried again.\n");
        assert_eq!(sink.wait_for_mail_to("ann@example.com").await.code(), codes[0]);
        assert_eq!(sink.mails().len(), 1);
        assert_eq!(succeeded(program.run(&["outbox", "requeue", "--all-dead"])), "1 will be tried again.\n");
        assert_eq!(sink.wait_for_mail_to("bob@example.com").await.code(), codes[1]);
        until("both are sent", || list("sent").ends_with("2 of 2\n")).await;
        assert_eq!(succeeded(program.run(&["outbox", "retry", "--all-dead"])), "0 will be tried again.\n");
        assert_refused(&program.run(&["outbox", "retry", ann]), &["was sent", "erased"]);
        assert_refused(&program.run(&["outbox", "show", "4711"]), &["Mail not found."]);
        let shown = succeeded(program.run(&["outbox", "show", ann]));
        for words in ["ann@example.com", "welcome", "urgent", "sent: sent 2"] {
            assert!(shown.contains(words), "{words} is not in {shown}");
        }
        assert!(codes.iter().all(|code| !shown.contains(code)), "{shown}");
        let of_kind = |kind| succeeded(program.run(&["outbox", "list", "--kind", kind]));
        assert!(of_kind("welcome").ends_with("2 of 2\n") && of_kind("password_reset") == "0 of 0\n");
        assert_eq!(succeeded(program.run(&["outbox", "purge"])), "0 deleted.\n");
        assert_eq!(succeeded(program.run(&["outbox", "purge", "--older-than", "0"])), "2 deleted.\n");
        assert_eq!(sink.mails().len(), 2);
    }

    async fn the_same_seed_makes_the_same_data_and_a_reset_leaves_no_other(database) {
        let program = Program::new(database.url(), &[]);
        let seed = |more: &[&str]| {
            let sizes = ["seed", "--employers", "3", "--candidates", "20", "--jobs", "30", "--applications", "50"];
            program.run(&[&sizes, more].concat())
        };
        let data = || {
            ["SELECT title AS value FROM jobs ORDER BY id", "SELECT email AS value FROM users ORDER BY id",
                "SELECT status || coalesce(cover_letter, '') AS value FROM applications ORDER BY id"]
            .map(|query| database.values(query))
        };
        let said = succeeded(seed(&[]));
        assert!(said.contains("3 employers, 20 candidates, 30 jobs and 50 applications"), "{said}");
        let first = data();
        assert_eq!(first.each_ref().map(Vec::len), [30, 23, 50]);
        succeeded(seed(&["--reset"]));
        assert_eq!(data(), first);
        succeeded(seed(&["--reset", "--seed", "7"]));
        let other = data();
        assert_eq!(other.each_ref().map(Vec::len), [30, 23, 50]);
        assert_ne!(other[0], first[0]);
        // Without a reset the new data comes beside what is there.
        succeeded(seed(&[]));
        assert_eq!(data().map(|rows| rows.len()), [60, 46, 100]);

        let (_running, client) = program.serve(&[]);
        for role in ["candidate", "employer"] {
            let email = said.lines().find_map(|line| line.trim().strip_prefix(role)).unwrap().trim();
            let account = account_of(&client, email, "portal-demo-2026").await;
            assert_eq!(account["user_type"], role, "{account}");
        }
    }
}

#[test]
fn made_up_data_takes_a_plan_that_works_and_production_keeps_its_own() {
    let database = TestDatabase::create_empty(Backend::Sqlite);
    let program = Program::new(database.url(), &[]);
    assert_refused(&program.run(&["seed", "--employers", "0"]), &["at least one employer"]);
    let many = ["seed", "--candidates", "2", "--jobs", "2", "--applications", "5"];
    assert_refused(&program.run(&many), &["at most 4 applications"]);
    assert_refused(&program.run(&["seed", "--password", "1234"]), &["too short", "entirely numeric"]);
    let program = program.with(&production("smtp://127.0.0.1"));
    assert_refused(&program.run(&["seed", "--reset", "--password", "correct horse 7"]), &["--reset", "development"]);
    assert_refused(&program.run(&["seed"]), &["--password"]);
}

#[test]
fn production_refuses_what_is_not_safe_and_names_all_of_it() {
    let database = TestDatabase::create_empty(Backend::Sqlite);
    let unsafe_settings = [
        ("JOBPORTAL_PROFILE", "production"),
        ("auth.jwt_secret", "hunter2"),
        ("accounts.expose_otp", "true"),
        ("mail.url", "log:"),
        ("mail.print", "true"),
    ];
    let program = Program::new(database.url(), &unsafe_settings);
    let named = [
        "`auth.jwt_secret` (JOBPORTAL_AUTH__JWT_SECRET)",
        "`auth.bcrypt_cost`",
        "`accounts.expose_otp`",
        "`mail.url`",
        "`mail.from`",
        "`mail.print`",
    ];
    for command in [["serve"].as_slice(), &["worker"], &["check"], &["createsuperuser"]] {
        let command = match command {
            ["createsuperuser"] => &["createsuperuser", "--email", "a@b.co", "--contract-number", "01711111111"],
            other => other,
        };
        let program =
            Program::new(database.url(), &unsafe_settings).with(&[("JOBPORTAL_SUPERUSER_PASSWORD", "horse 7 x")]);
        assert_refused(&program.run(command), &named);
    }
    let published = program.with(&[("auth.jwt_secret", "development-only: known to everyone who reads the source")]);
    assert_refused(&published.run(&["serve"]), &["`auth.jwt_secret`", "openssl rand"]);
    let missing = Program::new(database.url(), &[("JOBPORTAL_PROFILE", "production")]).run(&["serve"]);
    assert_refused(&missing, &["`auth.jwt_secret`", "`mail.url`", "`mail.from`"]);
    assert_refused(
        &Program::new(database.url(), &[("JOBPORTAL_PROFILE", "prod")]).run(&["serve"]),
        &["prod", "production"],
    );
}

#[test]
fn a_check_says_what_is_wrong_with_everything_and_starts_nothing() {
    let database = TestDatabase::create(Backend::Sqlite);
    let program = Program::new(database.url(), &[]);
    assert_eq!(succeeded(program.run(&["check"])), "Everything is in order.\n");
    assert_eq!(succeeded(program.with(&production("smtp://127.0.0.1")).run(&["check"])), "Everything is in order.\n");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("x").display().to_string();
    let wrong = [
        ("database.url", "postgres://portal:hunter2@/x?host=/nowhere"),
        ("files.dir", &below),
        ("mail.url", "smtp://"),
    ];
    let finished = Program::new("", &wrong).run(&["check"]);
    assert_refused(&finished, &["3 things", "`database.url`", "`files.dir`", "`mail.url`"]);
}

#[test]
fn a_setting_that_is_not_known_is_named_with_the_nearest_one() {
    let database = TestDatabase::create_empty(Backend::Sqlite);
    let slip = Program::new(database.url(), &[("JOBPORTAL_SERVER__LISTN", "127.0.0.1:0")]);
    assert_refused(&slip.run(&["serve"]), &["JOBPORTAL_SERVER__LISTN", "`JOBPORTAL_SERVER__LISTEN`"]);
    let program = Program::new(database.url(), &[]);
    let config = program.dir().join("portal.toml");
    for (text, words) in [
        ("[database]\npoolsize = 3\n", ["portal.toml", "database.poolsize", "`database.pool_size`"].as_slice()),
        ("[database]\npool_size = \"many\"\n", &["portal.toml", "database.pool_size"]),
        ("[database\n", &["portal.toml"]),
    ] {
        std::fs::write(&config, text).unwrap();
        assert_refused(&program.run(&["--config", "portal.toml", "check"]), words);
        let by_variable = Program::new(database.url(), &[("JOBPORTAL_CONFIG", &config.display().to_string())]);
        assert_refused(&by_variable.run(&["check"]), words);
    }
    assert_refused(&program.run(&["--config", "nowhere.toml", "check"]), &["nowhere.toml"]);
}
