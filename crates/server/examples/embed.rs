//! The portal inside another program, with two adapters of that program's own: a mailer that hands mails over in memory, and a
//! clock that it moves. It is driven over HTTP, as any client drives it: a user registers, lets the first code grow old, asks
//! for another one and proves the address with it.
//!
//! ```console
//! $ cargo run -p jobportal --example embed
//! ```

use std::error::Error;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jobportal::{Application, Overrides, Settings};
use jobportal_application::{Clock, Mail, MailError, Mailer, Notification, SystemClock};
use jobportal_domain::Code;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Hands every mail to whoever holds the other end.
struct Inbox(UnboundedSender<Mail>);

#[async_trait]
impl Mailer for Inbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail.clone()).map_err(|error| MailError::Refused(error.to_string()))
    }
}

/// The clock of the machine, and how far it was moved on.
#[derive(Default)]
struct MovableClock(Mutex<TimeDelta>);

impl MovableClock {
    fn pass(&self, time: TimeDelta) {
        if let Ok(mut moved) = self.0.lock() {
            *moved += time;
        }
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0.lock().map_or_else(|_| TimeDelta::zero(), |moved| *moved)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let below = |name: &str| dir.path().join(name).display().to_string();
    let settings = Settings::load_from(&[
        ("server.listen", "127.0.0.1:0"),
        ("database.url", &format!("sqlite://{}", below("portal.db"))),
        ("files.dir", &below("files")),
        ("worker.poll_every", "20ms"),
    ])?;
    let (mails, inbox) = unbounded_channel();
    let clock = Arc::new(MovableClock::default());
    let overrides =
        Overrides { mailer: Some(Arc::new(Inbox(mails))), clock: Some(clock.clone()), ..Overrides::default() };

    let portal = Application::build_with(settings, overrides)?;
    let (base, shutdown) = (format!("http://{}", portal.address()), portal.shutdown());
    actix_web::rt::System::new().block_on(async {
        let (ended, registered) = tokio::join!(portal.run(), async {
            let registered = register(&base, inbox, &clock).await;
            shutdown.request();
            registered
        });
        ended?;
        registered
    })
}

async fn register(base: &str, mut inbox: UnboundedReceiver<Mail>, clock: &MovableClock) -> Result<(), Box<dyn Error>> {
    const EMAIL: &str = "ann@example.com";
    let http = Client::new();
    let call = async |path: &str, body: Value| -> Result<StatusCode, reqwest::Error> {
        Ok(http.post(format!("{base}{path}")).json(&body).send().await?.status())
    };

    let account = json!({
        "email": EMAIL, "contract_number": "01711111111", "user_type": "candidate", "password": "correct horse",
    });
    expect("register", call("/account/register/", account).await?, StatusCode::CREATED)?;
    let old = code(&mut inbox).await?;

    clock.pass(TimeDelta::minutes(11));
    let late = json!({ "email": EMAIL, "otp": old.expose() });
    expect("verify after 11 minutes", call("/account/verify_otp/", late).await?, StatusCode::BAD_REQUEST)?;

    expect("ask for another code", call("/account/resend_otp/", json!({ "email": EMAIL })).await?, StatusCode::OK)?;
    let new = code(&mut inbox).await?;
    let in_time = json!({ "email": EMAIL, "otp": new.expose() });
    expect("verify with it", call("/account/verify_otp/", in_time).await?, StatusCode::OK)?;
    println!("{EMAIL} is verified.");
    Ok(())
}

/// The one-time code in the next mail.
async fn code(inbox: &mut UnboundedReceiver<Mail>) -> Result<Code, &'static str> {
    match inbox.recv().await.ok_or("the portal sends no more mail")?.content {
        Notification::Welcome { code, .. } => Ok(code),
        _ => Err("a mail without a code"),
    }
}

fn expect(what: &str, found: StatusCode, expected: StatusCode) -> Result<(), String> {
    println!("{what}: {found}");
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} instead of {expected}")) }
}

#[test]
fn it_registers_a_user() {
    main().unwrap();
}
