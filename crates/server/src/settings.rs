mod layers;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use jobportal_domain::UserType;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};

pub(crate) use layers::variable;
pub use layers::{Environment, SettingsError, environment};

/// What the installation is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A developer's machine: convenient.
    #[default]
    Development,
    /// Real people's data: safe.
    Production,
}

/// A value that must not be shown. `Debug` does not.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Everything an operator can choose. `config/default.toml` says what each setting means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml documents each setting, once")]
pub struct Settings {
    #[serde(skip)]
    pub profile: Profile,
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub files: FilesSettings,
    pub auth: AuthSettings,
    pub accounts: AccountsSettings,
    pub privacy: PrivacySettings,
    pub mail: MailSettings,
    pub limits: LimitsSettings,
    pub cache: CacheSettings,
    pub redis: RedisSettings,
    pub worker: WorkerSettings,
    pub log: LogSettings,
    pub telemetry: TelemetrySettings,
}

impl DatabaseSettings {
    /// The address of each replica.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &str> {
        self.replica_urls.expose().split_whitespace()
    }
}

impl AuthSettings {
    /// Each of the former secrets.
    pub(crate) fn former_secrets(&self) -> impl Iterator<Item = &str> {
        self.former_jwt_secrets.expose().split_whitespace()
    }
}

#[expect(missing_docs, reason = "config/default.toml documents each setting, once")]
mod sections {
    use std::path::PathBuf;
    use std::time::Duration;

    use jobportal_domain::UserType;
    use jobportal_http::CorsOrigins;
    use jobportal_http::TrustedProxies;
    use serde::Deserialize;

    use super::{Secret, choice, duration, duration_or_none, parsed, unless_empty, user_types};

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ServerSettings {
        pub listen: String,
        #[serde(deserialize_with = "unless_empty")]
        pub metrics_bind: Option<String>,
        #[serde(deserialize_with = "unless_empty")]
        pub public_url: Option<String>,
        #[serde(deserialize_with = "parsed")]
        pub trusted_proxies: TrustedProxies,
        pub workers: u16,
        pub require_if_match: bool,
        #[serde(deserialize_with = "parsed")]
        pub cors_origins: CorsOrigins,
        #[serde(deserialize_with = "unless_empty")]
        pub tls_cert: Option<PathBuf>,
        #[serde(deserialize_with = "unless_empty")]
        pub tls_key: Option<PathBuf>,
        #[serde(deserialize_with = "duration")]
        pub header_timeout: Duration,
        #[serde(deserialize_with = "duration")]
        pub body_timeout: Duration,
        #[serde(deserialize_with = "duration")]
        pub keep_alive: Duration,
        pub max_connections: u32,
        #[serde(deserialize_with = "duration")]
        pub shutdown_timeout: Duration,
        #[serde(deserialize_with = "duration_or_none")]
        pub shutdown_delay: Duration,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct DatabaseSettings {
        pub url: Secret,
        pub replica_urls: Secret,
        #[serde(deserialize_with = "duration")]
        pub replica_max_lag: Duration,
        pub is_pooled_by_transaction: bool,
        pub pool_size: u16,
        #[serde(deserialize_with = "duration")]
        pub statement_timeout: Duration,
        pub migrate_on_start: bool,
        pub queue: u32,
        #[serde(deserialize_with = "duration")]
        pub queue_timeout: Duration,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct FilesSettings {
        pub dir: PathBuf,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct AuthSettings {
        pub jwt_secret: Secret,
        pub former_jwt_secrets: Secret,
        #[serde(deserialize_with = "unless_empty")]
        pub signing_key_file: Option<PathBuf>,
        #[serde(deserialize_with = "unless_empty")]
        pub public_keys_file: Option<PathBuf>,
        #[serde(deserialize_with = "duration")]
        pub access_lifetime: Duration,
        #[serde(deserialize_with = "duration")]
        pub session_lifetime: Duration,
        #[serde(deserialize_with = "duration")]
        pub session_max_lifetime: Duration,
        pub bcrypt_cost: u32,
        #[serde(deserialize_with = "duration")]
        pub hashing_timeout: Duration,
        #[serde(deserialize_with = "user_types")]
        pub require_second_factor: Vec<UserType>,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct AccountsSettings {
        pub expose_otp: bool,
        #[serde(deserialize_with = "duration")]
        pub otp_lifetime: Duration,
        pub otp_max_attempts: u16,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct PrivacySettings {
        pub directory: Directory,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
    #[serde(try_from = "String")]
    pub enum Directory {
        Open,
        Restricted,
    }

    impl TryFrom<String> for Directory {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            choice(&text, &[("open", Self::Open), ("restricted", Self::Restricted)])
        }
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct MailSettings {
        pub url: Secret,
        pub from: String,
        #[serde(deserialize_with = "unless_empty")]
        pub ca_file: Option<PathBuf>,
        pub print: bool,
        #[serde(deserialize_with = "duration")]
        pub timeout: Duration,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct LimitsSettings {
        pub enabled: bool,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct CacheSettings {
        pub responses: bool,
        pub size_mib: u32,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RedisSettings {
        pub url: Secret,
        pub prefix: String,
        #[serde(deserialize_with = "duration")]
        pub timeout: Duration,
        pub connections: u16,
    }

    impl RedisSettings {
        pub(crate) fn is_set(&self) -> bool {
            !self.url.expose().is_empty()
        }
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct WorkerSettings {
        pub enabled: bool,
        #[serde(deserialize_with = "duration")]
        pub poll_every: Duration,
        pub batch: u16,
        #[serde(deserialize_with = "duration")]
        pub renewal_every: Duration,
        #[serde(deserialize_with = "duration")]
        pub closing_every: Duration,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct LogSettings {
        pub format: LogFormat,
        pub filter: String,
    }

    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct TelemetrySettings {
        #[serde(deserialize_with = "unless_empty")]
        pub otlp_endpoint: Option<String>,
        pub sample: f64,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
    #[serde(try_from = "String")]
    pub enum LogFormat {
        Text,
        Json,
    }

    impl TryFrom<String> for LogFormat {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            choice(&text, &[("text", Self::Text), ("json", Self::Json)])
        }
    }
}
pub use sections::{
    AccountsSettings, AuthSettings, CacheSettings, DatabaseSettings, Directory, FilesSettings, LimitsSettings,
    LogFormat, LogSettings, MailSettings, PrivacySettings, RedisSettings, ServerSettings, TelemetrySettings,
    WorkerSettings,
};

fn unless_empty<'de, T: From<String>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Some(String::deserialize(deserializer)?).filter(|text| !text.is_empty()).map(T::from))
}

fn parsed<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The value of a closed set that `text` stands for.
fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("expected {}, found `{text}`", names.join(" or "))
    })
}

fn user_types<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UserType>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let parse = |name: &str| {
        UserType::parse(name).map_err(|_| {
            let types: Vec<_> = UserType::ALL.iter().map(|kind| kind.as_str()).collect();
            serde::de::Error::custom(format_args!("expected some of {}, found `{name}`", types.join(", ")))
        })
    };
    names.map(parse).collect()
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);
    let text = String::deserialize(deserializer)?;
    match humantime::parse_duration(&text) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => Ok(duration),
        _ => Err(serde::de::Error::custom(format_args!(
            "expected a duration over 0 such as 500ms, 30s, 10m, 2h or 14d, found `{text}`"
        ))),
    }
}

fn duration_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "0s" { Ok(Duration::ZERO) } else { duration(text.into_deserializer()) }
}

/// The same length of time for the calendar; settings are bounded far below what it holds.
pub(crate) fn time_delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// A URL without what it may hold in secrets: user, password and parameters.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, place)| place))
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let settings = Settings::load_from(&[
            ("auth.jwt_secret", "hunter2"),
            ("database.url", "postgres://user:hunter2@host/db"),
            ("mail.url", "smtps://user:hunter2@mail.example.com"),
            ("redis.url", "redis://:hunter2@host"),
        ]);
        assert!(!format!("{:?}", settings.unwrap()).contains("hunter2"));
        for (url, shown) in [
            ("postgres://user:hun@ter2@host:5432/db?password=hunter2", "postgres://host:5432/db"),
            ("postgres://host/db", "postgres://host/db"),
            ("sqlite://var/jobportal.db", "sqlite://var/jobportal.db"),
            ("file:var/mail", "file:var/mail"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn types_of_users_are_separated_by_commas() {
        let required = |text| {
            Settings::load_from(&[("auth.require_second_factor", text)])
                .map(|settings| settings.auth.require_second_factor)
        };
        assert_eq!(required("").unwrap(), []);
        assert_eq!(required("admin").unwrap(), [UserType::Admin]);
        assert_eq!(required("employer, admin,").unwrap(), [UserType::Employer, UserType::Admin]);
        let error = required("admin,everyone").unwrap_err().to_string();
        assert!(
            error.contains("`auth.require_second_factor`") && error.contains("candidate, employer, admin"),
            "{error}"
        );
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let poll =
            |text| Settings::load_from(&[("worker.poll_every", text)]).map(|settings| settings.worker.poll_every);
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("1h 30m", 5_400_000)]
        {
            assert_eq!(poll(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        assert_eq!(poll("14d").unwrap(), Duration::from_secs(14 * 24 * 60 * 60));
        for text in ["", "5", "0s", "-1s", "soon", "200000000000h", "36501d"] {
            let error = poll(text).unwrap_err().to_string();
            assert!(error.contains("`worker.poll_every`") && error.contains("a duration over 0"), "{text}: {error}");
        }
    }
}
