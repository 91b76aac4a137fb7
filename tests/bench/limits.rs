//! What the portal is measured against, where no other program is there for it; and what the portal asks its database.
//! `bench.py` starts it:
//!
//! - `limits trace` serves the portal of the environment's settings, and prints each statement that it sends to its database.
//! - `limits bare WORKERS FILE [HEADER…]` answers every request with the bytes of a file and these headers (`name: value`).
//! - `limits sqlite DATABASE FILE THREADS SECONDS MODE` runs the transactions of a file, on one connection a thread: each `once`,
//!   or in a `cycle`.
//! - `limits hash COST THREADS SECONDS` verifies passwords.
//! - `limits version` prints the version of SQLite that is inside.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation};
use diesel::deserialize::{self, QueryableByName};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::row::{Field, NamedRow};
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text, Untyped};
use diesel::sqlite::{Sqlite, SqliteConnection};
use jobportal::{Application, Settings, environment};
use jobportal_application::PasswordHasher;
use jobportal_domain::Password;
use jobportal_security::BcryptHasher;
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["trace"] => trace(),
        ["bare", workers, file, headers @ ..] => bare(workers.parse()?, file, headers),
        ["sqlite", database, file, threads, seconds, mode] => {
            sqlite(database, file, threads.parse()?, seconds.parse()?, *mode == "once")
        }
        ["version"] => version(),
        ["hash", cost, threads, seconds] => hash(cost.parse()?, threads.parse()?, seconds.parse()?),
        _ => Err("see the head of limits.rs".into()),
    }
}

/// Prints statements as lines of JSON.
struct Printer;

impl Instrumentation for Printer {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            // Whoever listens is gone when the pipe is closed, and so is the need to print.
            let _ = writeln!(std::io::stdout(), "{}", json!(query.to_string()));
        }
    }
}

fn trace() -> Outcome {
    set_default_instrumentation(|| Some(Box::new(Printer)))?;
    let application = Application::build(Settings::load(None, &environment())?)?;
    println!("http://{}/", application.address());
    actix_web::rt::System::new().block_on(async {
        application.run().await?;
        Ok(())
    })
}

/// An answer that is always the same.
struct Fixed {
    headers: Vec<(String, String)>,
    body: Bytes,
}

async fn answer(fixed: Data<Fixed>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in &fixed.headers {
        response.insert_header((header.0.as_str(), header.1.as_str()));
    }
    response.body(fixed.body.clone())
}

fn bare(workers: usize, file: &str, headers: &[&str]) -> Outcome {
    let pair = |line: &&str| {
        let (name, value) = line.split_once(": ").ok_or("a header is `name: value`")?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let headers = headers.iter().map(pair).collect::<Outcome<Vec<_>>>()?;
    let fixed = Data::new(Fixed { headers, body: std::fs::read(file)?.into() });
    actix_web::rt::System::new().block_on(async {
        let app = move || App::new().app_data(fixed.clone()).default_service(web::to(answer));
        let server = HttpServer::new(app).workers(workers).bind("127.0.0.1:0")?;
        if let Some(address) = server.addrs().first() {
            println!("http://{address}/");
        }
        server.run().await?;
        Ok(())
    })
}

/// A statement as the portal sends it: its text between the parameters, and their values.
struct Statement {
    text: Vec<String>,
    values: Vec<Parameter>,
}

enum Parameter {
    Integer(i64),
    Float(f64),
    Bool(bool),
    Text(Option<String>),
}

impl Statement {
    fn read(value: &Value) -> Outcome<Self> {
        let list = |name: &str| value.get(name).and_then(Value::as_array).ok_or("a list is missing");
        let text = list("text")?.iter().map(|part| part.as_str().map(str::to_owned).ok_or("a part is no text"));
        let values = list("values")?.iter().map(|value| match value {
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Parameter::Integer(integer),
                None => Parameter::Float(number.as_f64().unwrap_or_default()),
            },
            Value::Bool(bool) => Parameter::Bool(*bool),
            value => Parameter::Text(value.as_str().map(str::to_owned)),
        });
        Ok(Self { text: text.collect::<Result<_, _>>()?, values: values.collect() })
    }

    fn run(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        if let ([text], []) = (self.text.as_slice(), self.values.as_slice())
            && !text.trim_start().to_ascii_uppercase().starts_with("SELECT")
        {
            return connection.batch_execute(text);
        }
        self.load::<Row>(connection).map(|_| ())
    }
}

impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for &Statement {
    type SqlType = Untyped;
}

impl RunQueryDsl<SqliteConnection> for &Statement {}

impl QueryFragment<Sqlite> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for text in &self.text {
            out.push_sql(text);
            match values.next() {
                Some(Parameter::Integer(value)) => out.push_bind_param::<BigInt, _>(value)?,
                Some(Parameter::Float(value)) => out.push_bind_param::<Double, _>(value)?,
                Some(Parameter::Bool(value)) => out.push_bind_param::<Bool, _>(value)?,
                Some(Parameter::Text(value)) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                None => {}
            }
        }
        Ok(())
    }
}

/// A row of which every value was read.
struct Row;

impl QueryableByName<Sqlite> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        for index in 0..row.field_count() {
            if let Some(field) = diesel::row::Row::get(row, index) {
                std::hint::black_box(field.value().map(|mut value| value.read_text().len()));
            }
        }
        Ok(Self)
    }
}

/// How long a limit is reached for before it counts: statements are prepared and pages read, as the portal has done long ago.
const WARM_UP: Duration = Duration::from_secs(1);

/// What several threads have done, and whether they are to stop.
#[derive(Default)]
struct Progress {
    done: AtomicU64,
    is_over: AtomicBool,
}

impl Progress {
    /// Counts one more; `false` when it is time to stop.
    fn goes_on(&self) -> bool {
        self.done.fetch_add(1, Ordering::Relaxed);
        !self.is_over.load(Ordering::Relaxed)
    }
}

/// Runs transactions until it is told to stop, or there are no more.
fn run_all<'a>(database: &str, transactions: impl Iterator<Item = &'a Vec<Statement>>, progress: &Progress) -> Outcome {
    let mut connection = SqliteConnection::establish(database)?;
    connection.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")?;
    for transaction in transactions {
        for statement in transaction {
            statement.run(&mut connection)?;
        }
        if !progress.goes_on() {
            break;
        }
    }
    Ok(())
}

/// Lets so many threads work for so long; prints how often they did it in a second.
fn measure(threads: usize, seconds: f64, work: impl Fn(usize, &Progress) -> Outcome + Sync) -> Outcome {
    let progress = Progress::default();
    let (done, time) = thread::scope(|scope| {
        let (work, progress) = (&work, &progress);
        let workers: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number, progress))).collect();
        thread::sleep(WARM_UP);
        let (before, start) = (progress.done.load(Ordering::Relaxed), Instant::now());
        while start.elapsed().as_secs_f64() < seconds && !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(5));
        }
        let (after, time) = (progress.done.load(Ordering::Relaxed), start.elapsed());
        progress.is_over.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().unwrap_or_else(|_| Err("it panicked".into()))?;
        }
        Outcome::Ok((after - before, time))
    })?;
    println!("{}", json!({ "rate": Duration::from_secs(done).as_secs_f64() / time.as_secs_f64() }));
    Ok(())
}

fn sqlite(database: &str, file: &str, threads: usize, seconds: f64, once: bool) -> Outcome {
    let mut shares: Vec<Vec<Vec<Statement>>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, line) in BufReader::new(File::open(file)?).lines().enumerate() {
        let transaction: Vec<Value> = serde_json::from_str(&line?)?;
        let statements = transaction.iter().map(Statement::read).collect::<Outcome<_>>()?;
        shares.get_mut(number % threads).ok_or("no thread")?.push(statements);
    }
    shares.retain(|share| !share.is_empty());
    measure(shares.len(), seconds, |number, progress| {
        let share = shares.get(number).map(Vec::as_slice).unwrap_or_default().iter();
        if once { run_all(database, share, progress) } else { run_all(database, share.cycle(), progress) }
    })
}

fn version() -> Outcome {
    let mut connection = SqliteConnection::establish(":memory:")?;
    println!("{}", diesel::select(sql::<Text>("sqlite_version()")).get_result::<String>(&mut connection)?);
    Ok(())
}

fn hash(cost: u32, threads: usize, seconds: f64) -> Outcome {
    let hasher = BcryptHasher::new(cost)?;
    let password = Password::choose("portal-demo-2026", None, None).map_err(|_| "a weak password")?;
    let hash = hasher.hash(&password)?;
    measure(threads, seconds, |_, progress| {
        loop {
            hasher.verify("portal-demo-2026", &hash);
            if !progress.goes_on() {
                return Ok(());
            }
        }
    })
}
