//! The program itself, run as an operator runs it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;

/// How long a command may take, and a start or an end of the portal.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with its settings, in a directory of its own, and with nothing of the environment of the tests.
pub struct Program {
    variables: Vec<(String, String)>,
    dir: TempDir,
    runs: AtomicU32,
}

/// A command that came to its end.
#[derive(Debug)]
pub struct Finished {
    /// Whether it did what it was asked.
    pub success: bool,
    /// What it said.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

/// A process that runs until it is told to end; killed when it is dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Program {
    /// The program with a database, and some more settings: `section.key`, or the whole name of an environment variable.
    pub fn new(database_url: &str, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let program = Self { variables: Vec::new(), dir, runs: AtomicU32::new(0) };
        let for_tests = [
            ("database.url", database_url),
            ("server.listen", "127.0.0.1:0"),
            ("auth.bcrypt_cost", "4"),
            // A slow machine is no reason to refuse.
            ("database.queue_timeout", "60s"),
            ("mail.print", "false"),
            ("worker.poll_every", "20ms"),
            ("worker.renewal_every", "100ms"),
            ("worker.closing_every", "100ms"),
        ];
        program.with(&for_tests).with(settings)
    }

    /// The program with other settings.
    #[must_use]
    pub fn with(mut self, settings: &[(&str, &str)]) -> Self {
        for (name, value) in settings {
            let variable = match name.split_once('.') {
                Some((section, key)) => format!("JOBPORTAL_{section}__{key}").to_uppercase(),
                None => (*name).to_owned(),
            };
            self.variables.push((variable, (*value).to_owned()));
        }
        self
    }

    /// Where it works, and keeps its files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with_input(arguments, "")
    }

    /// Runs a command that reads `input` to its end.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Finished {
        self.spawn(arguments, input).end()
    }

    /// Starts a command that does not end by itself.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.spawn(arguments, "")
    }

    /// Starts the portal; returns it with a client when it is ready.
    pub fn serve(&self, arguments: &[&str]) -> (Running, Client) {
        let mut running = self.start(&[&["serve"], arguments].concat());
        let base = running.wait_for("the portal to be ready", |running| {
            let stdout = fs::read_to_string(&running.stdout).expect("standard output");
            let (_, rest) = stdout.split_once("ready: ")?;
            rest.split_once("/\n").map(|(base, _)| base.to_owned())
        });
        (running, Client::new(base))
    }

    fn spawn(&self, arguments: &[&str], input: &str) -> Running {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let path = |name| self.dir().join(format!("{run}.{name}"));
        let file = |path: &Path| File::create(path).expect("a file");
        let (stdin, stdout, stderr) = (path("in"), path("out"), path("err"));
        fs::write(&stdin, input).expect("a file");
        let child = Command::new(program())
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir())
            .stdin(File::open(stdin).expect("the file"))
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("the program starts");
        Running { child, stdout, stderr }
    }
}

impl Running {
    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.stderr).expect("standard error")
    }

    /// Sends a signal: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -{name} {}", self.child.id())]).stdin(Stdio::null());
        assert!(kill.status().expect("a shell").success());
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Tells it to end, as a service manager does, and waits for that.
    pub fn terminate(self) -> Finished {
        self.signal("TERM");
        self.end()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Finished {
        let status = self.wait_for_end();
        let read = |path| String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
        Finished { success: status.success(), stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end: {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }

    fn wait_for<T>(&mut self, what: &str, mut happens: impl FnMut(&Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(value) = happens(self) {
                return value;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none() && started.elapsed() < PATIENCE, "waiting for {what}: {ended:?} {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where cargo puts the program: beside the directory of the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("the tests are a program");
    let built = tests.parent().and_then(Path::parent).expect("a directory of builds");
    let program = built.join(format!("jobportal{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is missing: `cargo test --workspace` builds it, and so does `cargo build -p jobportal`",
        program.display()
    );
    program
}
