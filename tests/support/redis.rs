//! A private Redis for a test, which can be killed and come back.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::database::variable;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether tests with Redis are wanted: they may be left out by `TEST_WITHOUT_REDIS=1` alone.
pub fn is_wanted() -> bool {
    let wanted = variable("TEST_WITHOUT_REDIS").is_none_or(|value| value != "1");
    if !wanted {
        println!("skipped: TEST_WITHOUT_REDIS=1 leaves Redis out");
    }
    wanted
}

/// A Redis that listens on a socket in a temporary folder; killed when it is dropped.
pub struct RedisServer {
    dir: TempDir,
    running: Option<Child>,
}

impl RedisServer {
    /// Starts one.
    pub fn start() -> Self {
        let mut server = Self { dir: tempfile::tempdir().expect("a temporary directory"), running: None };
        server.come_back();
        server
    }

    /// Its address, also while it is away.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket())
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    /// Stops it where it is, so that it takes connections and answers nothing, until it is told to go on.
    pub fn freeze(&self, is_frozen: bool) {
        let Some(child) = &self.running else { return };
        let signal = if is_frozen { "STOP" } else { "CONT" };
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -{signal} {}", child.id())]);
        assert!(kill.status().expect("a shell").success());
    }

    /// Starts it again, with nothing in it.
    pub fn come_back(&mut self) {
        let socket = self.socket();
        // What a killed one left behind.
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", &socket, "--save", "", "--appendonly", "no"])
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (tests/with-redis.sh sees to it); TEST_WITHOUT_REDIS=1 leaves it out");
        self.running = Some(child);
        let started = Instant::now();
        while self.command(&["PING"]) != "PONG" {
            assert!(started.elapsed() < PATIENCE, "Redis does not start");
            sleep(Duration::from_millis(10));
        }
    }

    /// What a command of `redis-cli` answers.
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        let output = cli.args(["-s", &self.socket()]).args(arguments).stderr(Stdio::null()).output();
        String::from_utf8_lossy(&output.expect("redis-cli is there").stdout).trim().to_owned()
    }

    fn socket(&self) -> String {
        self.dir.path().join("socket").display().to_string()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.freeze(false);
        self.kill();
    }
}
