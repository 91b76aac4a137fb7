//! A portal of its own for each test: real server, real database, real SMTP, on free ports.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal::{Application, Overrides, Settings, Shutdown};
use jobportal_application::{Clock, NewUser, PasswordHasher, SystemClock};
use jobportal_domain::{EmailAddress, Password, PhoneNumber, UserType};
use jobportal_security::BcryptHasher;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::database::{Backend, TestDatabase};
use crate::smtp::SmtpSink;

/// The password of every account that a test makes.
pub const PASSWORD: &str = "correct horse 7";

/// A clock that a test moves.
pub struct TestClock(Mutex<TimeDelta>);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + *self.0.lock().unwrap()
    }
}

/// A portal that runs for one test.
pub struct TestApp {
    /// Calls it.
    pub client: Client,
    /// Its database.
    pub database: TestDatabase,
    /// Its mail server.
    pub smtp: SmtpSink,
    /// Where operators read metrics, if `server.metrics_bind` is set.
    pub metrics: Option<String>,
    clock: Arc<TestClock>,
    files: tempfile::TempDir,
    running: Option<(Shutdown, JoinHandle<()>)>,
}

/// An account that a test made.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id of the account.
    pub user: i64,
    /// The id of its profile; 0: none.
    pub profile: i64,
    /// The e-mail address.
    pub email: String,
    /// The phone number.
    pub phone_number: String,
    /// An access token.
    pub token: String,
    /// The refresh token that goes with it.
    pub refresh_token: String,
}

impl TestApp {
    /// Starts a portal on an empty database.
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, &[]).await
    }

    /// Starts a portal with some settings changed.
    pub async fn start_with(backend: Backend, settings: &[(&str, &str)]) -> Self {
        Self::start_on(TestDatabase::create(backend), settings).await
    }

    /// Starts a portal on a database.
    pub async fn start_on(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        let smtp = SmtpSink::start().await;
        let files = tempfile::tempdir().expect("a temporary directory");
        let clock = Arc::new(TestClock(Mutex::default()));
        let (mail_url, files_dir) = (smtp.url(), files.path().display().to_string());
        let mut all = vec![
            ("server.listen", "127.0.0.1:0"),
            ("server.workers", "1"),
            ("database.url", database.url()),
            ("database.pool_size", "4"),
            // A slow machine is no reason to refuse.
            ("database.queue_timeout", "60s"),
            ("files.dir", &files_dir),
            ("auth.bcrypt_cost", "4"),
            ("mail.url", mail_url),
            ("worker.poll_every", "20ms"),
            ("worker.renewal_every", "100ms"),
            ("worker.closing_every", "100ms"),
        ];
        all.extend_from_slice(settings);
        let settings = Settings::load_from(&all).expect("good settings");
        let overrides = Overrides { clock: Some(clock.clone()), ..Overrides::default() };
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let application = Application::build_with(settings, overrides).expect("the portal starts");
                let metrics = application.metrics_address().map(|address| format!("http://{address}/metrics"));
                tell.send((application.port(), metrics, application.shutdown())).expect("the test waits");
                application.run().await.expect("the portal ends well");
            });
        });
        let (port, metrics, shutdown) =
            tokio::task::spawn_blocking(move || told.recv()).await.expect("no panic").expect("the portal starts");
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        Self { client, database, smtp, metrics, clock, files, running: Some((shutdown, thread)) }
    }

    /// Moves the portal's clock on.
    pub fn pass(&self, time: TimeDelta) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// The time that the portal sees.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Where the portal keeps documents.
    pub fn files(&self) -> &std::path::Path {
        self.files.path()
    }

    /// `GET`, signed in with a token or not.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.client.call("GET", path, token, None).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.client.call("POST", path, token, Some(body)).await
    }

    /// `PUT` of a JSON body.
    pub async fn put(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.client.call("PUT", path, token, Some(body)).await
    }

    /// `PATCH` of a JSON body.
    pub async fn patch(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.client.call("PATCH", path, token, Some(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str, token: Option<&str>) -> Answer {
        self.client.call("DELETE", path, token, None).await
    }

    /// Registers an account that is not verified; returns its address, its number and the code.
    pub async fn register(&self, user_type: &str) -> (String, String, String) {
        let (email, phone_number) = fresh_contact(user_type);
        let body = json!({
            "email": email, "contract_number": phone_number, "user_type": user_type, "password": PASSWORD,
        });
        let answer = self.post("/account/register/", None, body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        (email, phone_number, answer.json["otp"].as_str().expect("the code is exposed").to_owned())
    }

    /// Signs in.
    pub async fn login(&self, email_or_phone: &str, password: &str) -> Answer {
        self.post("/account/login/", None, json!({ "email_or_phone": email_or_phone, "password": password })).await
    }

    /// A candidate who is verified and signed in.
    pub async fn candidate(&self) -> Account {
        self.member("candidate").await
    }

    /// An employer who is verified and signed in.
    pub async fn employer(&self) -> Account {
        self.member("employer").await
    }

    /// An admin who is signed in.
    pub async fn admin(&self) -> Account {
        let (email, phone_number) = fresh_contact("admin");
        let password = Password::choose(PASSWORD, None, None).expect("a good password");
        let now = self.now();
        let user = NewUser {
            email: EmailAddress::parse(&email).expect("an address"),
            phone_number: PhoneNumber::parse(&phone_number).expect("a number"),
            user_type: UserType::Admin,
            password_hash: BcryptHasher::new(4).expect("a cost").hash(&password).expect("a hash"),
            verified_at: Some(now),
            created_at: now,
        };
        self.database.store().write(|uow| Ok(uow.users().insert(&user)?)).expect("an admin");
        self.signed_in(email, phone_number).await
    }

    async fn member(&self, user_type: &str) -> Account {
        let (email, phone_number, otp) = self.register(user_type).await;
        let answer = self.post("/account/verify_otp/", None, json!({ "email": email, "otp": otp })).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        self.signed_in(email, phone_number).await
    }

    async fn signed_in(&self, email: String, phone_number: String) -> Account {
        let tokens = self.login(&email, PASSWORD).await;
        assert_eq!(tokens.status, 200, "{}", tokens.json);
        let text = |key: &str| tokens.json[key].as_str().expect("a token").to_owned();
        let (token, refresh_token) = (text("access_token"), text("refresh_token"));
        let data = self.get("/account/login-user-info/", Some(&token)).await.json["data"].clone();
        let profile = ["candidate", "employer"].iter().find_map(|kind| data[*kind]["id"].as_i64()).unwrap_or(0);
        Account { user: data["id"].as_i64().expect("an id"), profile, email, phone_number, token, refresh_token }
    }

    /// The same account, signed in anew: when the clock was moved on, its token is past its end.
    pub async fn again(&self, account: &Account) -> Account {
        self.signed_in(account.email.clone(), account.phone_number.clone()).await
    }

    /// The body of a job that is open, as the documentation has it.
    pub fn job_body(&self) -> Value {
        json!({
            "title": "Software Engineer",
            "description": "Develop and maintain web applications.",
            "job_type": "Private",
            "job_subtype": "Full-time",
            "experience_level": "Mid",
            "company_name": "Tech Solutions Ltd.",
            "location": "New York, NY",
            "salary_range": "70,000 - 90,000 USD",
            "deadline": "2099-12-31T23:59:59",
            "application_link": "https://techsolutions.com/careers/software-engineer",
            "application_email": "jobs@techsolutions.com",
        })
    }

    /// Posts an open job; returns its id.
    pub async fn job(&self, employer: &Account) -> i64 {
        let answer = self.post("/job/manage/", Some(&employer.token), self.job_body()).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.json["id"].as_i64().expect("an id")
    }

    /// Applies to a job; returns the id of the application.
    pub async fn application(&self, candidate: &Account, job: i64) -> i64 {
        let body = json!({ "cover_letter": "I am very excited to apply." });
        let answer = self.post(&format!("/application/{job}/"), Some(&candidate.token), body).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.json["id"].as_i64().expect("an id")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some((shutdown, thread)) = self.running.take() {
            shutdown.request();
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the portal ends without a panic");
            }
        }
    }
}

/// An address and a number that no other account of this process has.
pub fn fresh_contact(name: &str) -> (String, String) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    (format!("{name}{number}@example.com"), format!("018{number:08}"))
}

/// Declares tests that run on a portal over each database: `app_tests! { async fn name(app) { … } }`. After
/// `with [("section.key", "value")];` the portal has these settings.
#[macro_export]
macro_rules! app_tests {
    (with $settings:expr; $($(#[$doc:meta])* async fn $name:ident($app:ident) $body:block)+) => {$(
        $(#[$doc])*
        async fn $name($app: $crate::app::TestApp) $body

        mod $name {
            use $crate::app::TestApp;
            use $crate::database::Backend;

            // The mail server has to answer while the end of a test waits for the portal's.
            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn sqlite() {
                super::$name(TestApp::start_with(Backend::Sqlite, &$settings).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn postgres() {
                if Backend::Postgres.is_wanted() {
                    super::$name(TestApp::start_with(Backend::Postgres, &$settings).await).await;
                }
            }
        }
    )+};
    ($($tests:tt)+) => {
        $crate::app_tests! { with []; $($tests)+ }
    };
}
