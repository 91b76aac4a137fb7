use std::fmt;
use std::path::Path;

use jobportal_domain::CodePolicy;
use jobportal_files::LocalFiles;
use jobportal_notification::{from_url, is_for_development};
use jobportal_persistence::Migrator;
use jobportal_security::weakness;

use crate::composition::{pending, redis as open_redis, token_keys};
use crate::settings::{Profile, Settings, time_delta, variable, without_secrets};
use crate::tls;

/// The least cost of a password's hash that is called safe today (OWASP).
const MIN_PRODUCTION_COST: u32 = 10;

/// A setting that has to be changed before the portal can work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which one.
    pub setting: &'static str,
    /// What is wrong with it, in words that follow its name.
    pub problem: String,
}

impl Problem {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}) {}", self.setting, variable(self.setting), self.problem)
    }
}

/// Problems on a line each.
pub(crate) fn list(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    format!("\n  {}", lines.join("\n  "))
}

/// What must not be so: in any profile, and where real people's data is kept.
pub fn safety(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    if time_delta(settings.accounts.otp_lifetime) > CodePolicy::MAX_LIFETIME {
        problems.push(Problem::new("accounts.otp_lifetime", "must be 10m or less"));
    }
    let is_replica = |url: &str| url.starts_with("postgres://") || url.starts_with("postgresql://");
    if let Some(url) = settings.database.replicas().find(|url| !is_replica(url)) {
        let problem = format!("names {}, which is no address of PostgreSQL", without_secrets(url));
        problems.push(Problem::new("database.replica_urls", problem));
    } else if settings.database.replicas().next().is_some() && !is_replica(settings.database.url.expose()) {
        problems.push(Problem::new("database.replica_urls", "must be empty: only PostgreSQL has replicas"));
    }
    if settings.profile == Profile::Development {
        return problems;
    }
    match settings.auth.jwt_secret.expose() {
        "" => problems.push(Problem::new("auth.jwt_secret", "is not set; make one with: openssl rand -base64 48")),
        secret => problems.extend(weakness(secret).map(|weakness| {
            Problem::new("auth.jwt_secret", format!("{weakness}; make one with: openssl rand -base64 48"))
        })),
    }
    for weakness in settings.auth.former_secrets().filter_map(weakness) {
        problems.push(Problem::new("auth.former_jwt_secrets", format!("has one that {weakness}")));
    }
    if settings.auth.bcrypt_cost < MIN_PRODUCTION_COST {
        problems.push(Problem::new("auth.bcrypt_cost", format!("must be {MIN_PRODUCTION_COST} or more")));
    }
    if settings.accounts.expose_otp {
        problems.push(Problem::new("accounts.expose_otp", "must be off: it gives codes to whoever asks"));
    }
    let max_attempts = CodePolicy::default().max_attempts;
    if settings.accounts.otp_max_attempts > max_attempts {
        problems.push(Problem::new("accounts.otp_max_attempts", format!("must be {max_attempts} or less")));
    }
    if settings.mail.url.expose().is_empty() {
        problems.push(Problem::new(
            "mail.url",
            "is not set; name the mail server, such as smtp://mail.example.com:587?tls=required",
        ));
    } else if is_for_development(settings.mail.url.expose()) {
        problems.push(Problem::new(
            "mail.url",
            "names a mailer for development; name a mail server with smtp:// or smtps://",
        ));
    }
    if settings.mail.from.is_empty() {
        problems
            .push(Problem::new("mail.from", "is not set; name the sender, such as Job Portal <no-reply@example.com>"));
    }
    if settings.mail.print {
        problems.push(Problem::new("mail.print", "must be off: it writes codes to the log"));
    }
    problems
}

/// Everything that would keep the portal from working, found without starting it.
pub fn installation(settings: &Settings) -> Vec<Problem> {
    let mut problems = safety(settings);
    problems.extend(token_keys(&settings.auth).err());
    problems.extend(tls::config(&settings.server).err());
    problems.extend(database(settings));
    problems.extend(redis(settings));
    if let Err(error) = LocalFiles::open(&settings.files.dir) {
        problems.push(Problem::new("files.dir", format!("can't be used: {error}")));
    }
    let mail = &settings.mail;
    let is_reported = problems.iter().any(|problem| problem.setting.starts_with("mail."));
    if !is_reported
        && let Err(error) = from_url(mail.url.expose(), &mail.from, mail.ca_file.as_deref(), false, mail.timeout)
    {
        problems.push(Problem::new(error.setting(), error.to_string()));
    }
    problems
}

fn redis(settings: &Settings) -> Option<Problem> {
    let named = |problem: &dyn fmt::Display| {
        let url = without_secrets(settings.redis.url.expose());
        Problem::new("redis.url", format!("names {url}, which can't be used: {problem}"))
    };
    let redis = match open_redis(&settings.redis) {
        Ok(redis) => redis?,
        Err(error) => return Some(named(&error)),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Some(named(&error)),
    };
    runtime.block_on(redis.ping()).err().map(|error| named(&error))
}

fn database(settings: &Settings) -> Option<Problem> {
    let url = settings.database.url.expose();
    let failed = |error: &dyn fmt::Display| {
        Some(Problem::new("database.url", format!("names {}, which can't be used: {error}", without_secrets(url))))
    };
    // Looking must not make what is looked for.
    let file = url.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)));
    if let Some(file) = file.filter(|file| !file.exists()) {
        let problem = format!("names {}, which is not there yet; `jobportal migrate up` makes it", file.display());
        return Some(Problem::new("database.url", problem));
    }
    let mut migrator = match Migrator::connect(url) {
        Ok(migrator) => migrator,
        Err(error) => return failed(&error),
    };
    let pending = match migrator.status() {
        Ok(states) => pending(states),
        Err(error) => return failed(&error),
    };
    (!pending.is_empty()).then(|| {
        let pending = pending.join(", ");
        Problem::new("database.url", format!("names a database that lacks {pending}; run `jobportal migrate up`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: &[(&str, &str)] = &[
        ("auth.jwt_secret", "mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea"),
        ("accounts.expose_otp", "false"),
        ("mail.url", "smtps://mail.example.com"),
        ("mail.print", "false"),
    ];

    fn production(overrides: &[(&str, &str)]) -> Settings {
        let settings = Settings::load_from(&[SAFE, overrides].concat()).unwrap();
        Settings { profile: Profile::Production, ..settings }
    }

    #[test]
    fn production_refuses_each_unsafe_setting_by_its_name() {
        assert_eq!(safety(&production(&[])), []);
        for (name, value) in [
            ("auth.jwt_secret", ""),
            ("auth.jwt_secret", "short"),
            ("auth.jwt_secret", "development-only: known to everyone who reads the source"),
            ("auth.former_jwt_secrets", "hunter2"),
            ("auth.former_jwt_secrets", "mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea hunter2"),
            ("auth.bcrypt_cost", "4"),
            ("accounts.expose_otp", "true"),
            ("mail.url", ""),
            ("mail.url", "file:var/mail"),
            ("mail.url", "log:"),
            ("mail.from", ""),
            ("mail.print", "true"),
        ] {
            let problems = safety(&production(&[(name, value)]));
            assert_eq!(problems.iter().map(|problem| problem.setting).collect::<Vec<_>>(), [name], "{value}");
        }
    }

    #[test]
    fn no_profile_lets_a_code_live_longer_than_ten_minutes() {
        for (value, is_refused) in [("11m", true), ("1h", true), ("10m", false), ("30s", false)] {
            let development = Settings::load_from(&[("accounts.otp_lifetime", value)]).unwrap();
            for problems in [safety(&development), safety(&production(&[("accounts.otp_lifetime", value)]))] {
                assert_eq!(problems.iter().any(|p| p.setting == "accounts.otp_lifetime"), is_refused, "{value}");
            }
        }
    }

    #[test]
    fn all_problems_are_told_at_once_and_in_no_other_profile() {
        let development = Settings::load_from(&[]).unwrap();
        assert_eq!(safety(&development), []);
        let problems = safety(&Settings { profile: Profile::Production, ..development });
        let settings: Vec<_> = problems.iter().map(|problem| problem.setting).collect();
        assert_eq!(settings, ["auth.jwt_secret", "accounts.expose_otp", "mail.url", "mail.print"]);
        assert!(problems.iter().all(|problem| problem.to_string().contains("JOBPORTAL_")));
    }

    #[test]
    fn an_installation_that_can_not_work_is_told_why() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let below_a_file = file.join("x").display().to_string();
        let settings = Settings::load_from(&[
            ("database.url", &format!("sqlite://{}", dir.path().join("portal.db").display())),
            ("files.dir", &below_a_file),
            ("mail.url", "smtp://"),
        ]);
        let problems = installation(&settings.unwrap());
        let settings: Vec<_> = problems.iter().map(|problem| problem.setting).collect();
        assert_eq!(settings, ["database.url", "files.dir", "mail.url"]);
        assert!(problems[0].problem.contains("migrate up"), "{}", problems[0]);
    }

    #[test]
    fn a_key_that_can_not_be_used_is_told_by_its_setting() {
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str| format!("{}/../security/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
        for (setting, file, told) in [
            ("auth.signing_key_file", "nowhere.pem".to_owned(), "can't be read: "),
            ("auth.signing_key_file", key("rsa-1024.pem"), "2048 bits or more"),
            ("auth.signing_key_file", key("ed25519-one.pub.pem"), "holds no key that can be used"),
            ("auth.public_keys_file", key("rsa-1024.pub.pem"), "less than 2048 bits"),
        ] {
            let settings = Settings::load_from(&[
                ("database.url", &format!("sqlite://{}", dir.path().join("portal.db").display())),
                ("files.dir", &dir.path().join("files").display().to_string()),
                ("mail.url", "log:"),
                (setting, &file),
            ]);
            let problems = installation(&settings.unwrap());
            let problem = problems.iter().find(|problem| problem.setting == setting).unwrap().to_string();
            assert!(problem.contains(&file) && problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn a_redis_that_does_not_answer_is_told_without_its_password() {
        let dir = tempfile::tempdir().unwrap();
        for url in ["redis://:hunter2@127.0.0.1:1", "http://:hunter2@127.0.0.1:1", "redis://:hunter2@127.0.0.1:1/name"]
        {
            let settings = Settings::load_from(&[
                ("database.url", &format!("sqlite://{}", dir.path().join("portal.db").display())),
                ("files.dir", &dir.path().join("files").display().to_string()),
                ("mail.url", "log:"),
                ("redis.url", url),
            ]);
            let problems = installation(&settings.unwrap());
            let problem = problems.iter().find(|problem| problem.setting == "redis.url").unwrap().to_string();
            assert!(problem.contains("://127.0.0.1:1") && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_file_of_authorities_that_is_not_there_is_told_by_its_setting() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load_from(&[
            ("database.url", &format!("sqlite://{}", dir.path().join("portal.db").display())),
            ("files.dir", &dir.path().join("files").display().to_string()),
            ("mail.url", "smtps://localhost"),
            ("mail.ca_file", "nowhere/ca.pem"),
        ]);
        let problems = installation(&settings.unwrap());
        let problem = problems.iter().find(|problem| problem.setting == "mail.ca_file").unwrap().to_string();
        let told = "`mail.ca_file` (JOBPORTAL_MAIL__CA_FILE) names nowhere/ca.pem, which can't be read: ";
        assert!(problem.starts_with(told), "{problem}");
    }
}
