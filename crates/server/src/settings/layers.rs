use std::collections::HashMap;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Source, Value, ValueKind};
use thiserror::Error;

use super::{Profile, Settings};

const DEFAULT: &str = include_str!("../../../../config/default.toml");
const DEVELOPMENT: &str = include_str!("../../../../config/development.toml");
const PRODUCTION: &str = include_str!("../../../../config/production.toml");

const PREFIX: &str = "JOBPORTAL_";
const PROFILE: &str = "JOBPORTAL_PROFILE";
const CONFIG: &str = "JOBPORTAL_CONFIG";

/// The environment variables of the process, read once by [`environment`] and handed on.
pub type Environment = HashMap<String, String>;

/// Reads the environment of the process.
pub fn environment() -> Environment {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// Why settings were refused.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// There is no such setting.
    #[error("{origin} has an unknown setting `{name}`; the nearest known one is `{nearest}`")]
    Unknown {
        /// What was found.
        name: String,
        /// Where.
        origin: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A setting does not have the form it needs.
    #[error("setting `{name}`: {problem}")]
    Invalid {
        /// Which one.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such profile.
    #[error("{PROFILE} is `{0}`; it can be `development` or `production`")]
    Profile(String),
    /// A file can't be read or is no TOML.
    #[error("{0}")]
    File(String),
}

impl Settings {
    /// Reads all layers: defaults, profile, the file `file` or else the one the environment names, environment.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, SettingsError> {
        let profile = match environment.get(PROFILE).map(String::as_str) {
            None | Some("" | "development") => Profile::Development,
            Some("production") => Profile::Production,
            Some(other) => return Err(SettingsError::Profile(other.to_owned())),
        };
        let from_environment = environment.get(CONFIG).filter(|path| !path.is_empty()).map(Path::new);
        let file = file.or(from_environment);
        Self::from_layers(profile, file, variables(environment)?)
    }

    /// Defaults and the development profile, overridden by `overrides` (`section.key`, value), whatever the environment says.
    pub fn load_from(overrides: &[(&str, &str)]) -> Result<Self, SettingsError> {
        let overrides = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::from_layers(Profile::Development, None, overrides)
    }

    fn from_layers(
        profile: Profile,
        file: Option<&Path>,
        overrides: HashMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let of_profile = match profile {
            Profile::Development => DEVELOPMENT,
            Profile::Production => PRODUCTION,
        };
        let known = keys(&embedded(DEFAULT).collect()?);
        let mut builder = Config::builder().add_source(embedded(DEFAULT)).add_source(embedded(of_profile));
        if let Some(path) = file {
            let source = File::new(&path.to_string_lossy(), FileFormat::Toml);
            refuse_unknown(&source, &path.display().to_string(), &known)?;
            builder = builder.add_source(source);
        }
        let overrides = config::Environment::default().source(Some(overrides));
        refuse_unknown(&overrides, "the environment", &known)?;
        let settings = builder.add_source(overrides).build()?.try_deserialize::<Self>()?;
        settings.within_bounds()?;
        Ok(Self { profile, ..settings })
    }

    /// Bounds that a type can't say.
    fn within_bounds(&self) -> Result<(), SettingsError> {
        let bounds = [
            ("database.pool_size", u32::from(self.database.pool_size), 1, 1000),
            ("database.queue", self.database.queue, 1, 1_000_000),
            ("auth.bcrypt_cost", self.auth.bcrypt_cost, 4, 31),
            ("accounts.otp_max_attempts", u32::from(self.accounts.otp_max_attempts), 1, 100),
            ("cache.size_mib", self.cache.size_mib, 1, 1_000_000),
            ("redis.connections", u32::from(self.redis.connections), 1, 1000),
            ("worker.batch", u32::from(self.worker.batch), 1, 1000),
            ("server.workers", u32::from(self.server.workers), 0, 1024),
            ("server.max_connections", self.server.max_connections, 1, 1_000_000),
        ];
        match bounds.into_iter().find(|(_, value, min, max)| !(min..=max).contains(&value)) {
            Some((name, value, min, max)) => Err(SettingsError::Invalid {
                name: name.to_owned(),
                problem: format!("expected a number from {min} to {max}, found {value}"),
            }),
            None => Ok(()),
        }
    }
}

fn embedded(text: &str) -> File<config::FileSourceString, FileFormat> {
    File::from_str(text, FileFormat::Toml)
}

/// The settings in the environment, by the name they have in a file.
fn variables(environment: &Environment) -> Result<HashMap<String, String>, SettingsError> {
    let known = keys(&embedded(DEFAULT).collect()?);
    let mut found = HashMap::new();
    for (name, key) in [("DATABASE_URL", "database.url"), ("REDIS_URL", "redis.url")] {
        if let Some(url) = environment.get(name).filter(|url| !url.is_empty()) {
            found.insert(key.to_owned(), url.clone());
        }
    }
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        // A variable without a section is none of ours (an orchestrator sets JOBPORTAL_PORT and the like for a service of that
        // name), unless it is a setting with one underscore too few.
        let slip = known.iter().any(|key| key.replace('.', "_").eq_ignore_ascii_case(rest));
        if !rest.contains("__") && !slip {
            continue;
        }
        let key = rest.to_ascii_lowercase().replace("__", ".");
        if !known.contains(&key) {
            let nearest = variable(nearest(&key, &known));
            return Err(SettingsError::Unknown { name: name.clone(), origin: "the environment".to_owned(), nearest });
        }
        found.insert(key, value.clone());
    }
    Ok(found)
}

/// The environment variable of a setting.
pub(crate) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn refuse_unknown(source: &dyn Source, origin: &str, known: &[String]) -> Result<(), SettingsError> {
    match keys(&source.collect()?).into_iter().find(|key| !known.contains(key)) {
        Some(name) => {
            let nearest = nearest(&name, known).to_owned();
            Err(SettingsError::Unknown { name, origin: origin.to_owned(), nearest })
        }
        None => Ok(()),
    }
}

/// The names of all settings in a table, in order.
fn keys(table: &config::Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<_> = table
        .iter()
        .flat_map(|(name, value)| match &value.kind {
            ValueKind::Table(inner) => keys(inner).into_iter().map(|key| format!("{name}.{key}")).collect(),
            _ => vec![name.clone()],
        })
        .collect();
    keys.sort();
    keys
}

fn nearest<'a>(name: &str, known: &'a [String]) -> &'a str {
    let likeness = |key: &String| {
        // A key in the wrong section is as likely as a slip in its name.
        let key_alone = |full: &str| full.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::jaro_winkler(name, key);
        whole.max(0.95 * strsim::jaro_winkler(&key_alone(name), &key_alone(key)))
    };
    known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map_or("", String::as_str)
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Type { key: Some(name), unexpected, expected, origin } => {
                let origin = origin.map(|origin| format!(" in {origin}")).unwrap_or_default();
                Self::Invalid { name, problem: format!("expected {expected}, found {unexpected}{origin}") }
            }
            ConfigError::At { key: Some(name), error, .. } => Self::Invalid { name, problem: error.to_string() },
            other => Self::File(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Directory;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::load(None, &environment(variables))
    }

    fn load_file(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("portal.toml");
        std::fs::write(&path, text).unwrap();
        Settings::load(Some(&path), &environment(variables))
    }

    #[test]
    fn a_later_layer_overrides_an_earlier_one() {
        let file = "[server]\nlisten = \"0.0.0.0:1\"\nworkers = 3";
        assert_eq!(load(&[]).unwrap().server.listen, "127.0.0.1:8000");
        assert_eq!(load_file(file, &[]).unwrap().server.listen, "0.0.0.0:1");
        let settings = load_file(file, &[("JOBPORTAL_SERVER__LISTEN", "0.0.0.0:2")]).unwrap();
        assert_eq!((settings.server.listen.as_str(), settings.server.workers), ("0.0.0.0:2", 3));
    }

    #[test]
    fn the_profile_decides_between_convenient_and_safe() {
        let development = load(&[]).unwrap();
        assert!(development.accounts.expose_otp && development.mail.print && !development.limits.enabled);
        assert_eq!(development.privacy.directory, Directory::Open);
        assert!(development.cache.responses);
        let production = load(&[("JOBPORTAL_PROFILE", "production")]).unwrap();
        assert!(!production.accounts.expose_otp && !production.mail.print && production.limits.enabled);
        assert_eq!(production.privacy.directory, Directory::Restricted);
        assert!(!production.cache.responses);
        assert_eq!(production.auth.jwt_secret.expose(), "");
        assert!(matches!(load(&[("JOBPORTAL_PROFILE", "prod")]), Err(SettingsError::Profile(_))));
    }

    #[test]
    fn the_secret_of_the_development_profile_is_one_that_no_other_takes() {
        let secret = load(&[]).unwrap().auth.jwt_secret;
        assert!(jobportal_security::weakness(secret.expose()).is_some_and(|weakness| weakness.contains("development")));
    }

    #[test]
    fn urls_of_database_and_redis_are_honoured_as_hosts_set_them() {
        let hosted = ("REDIS_URL", "redis://hosted");
        assert_eq!(load(&[hosted]).unwrap().redis.url.expose(), "redis://hosted");
        assert_eq!(load(&[hosted, ("JOBPORTAL_REDIS__URL", "")]).unwrap().redis.url.expose(), "");
        let hosted = ("DATABASE_URL", "postgres://hosted/db");
        assert_eq!(load(&[hosted]).unwrap().database.url.expose(), "postgres://hosted/db");
        let own = ("JOBPORTAL_DATABASE__URL", "postgres://own/db");
        assert_eq!(load(&[hosted, own]).unwrap().database.url.expose(), "postgres://own/db");
    }

    #[test]
    fn a_file_can_be_named_in_the_environment() {
        let error = load(&[("JOBPORTAL_CONFIG", "/nowhere/portal.toml")]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/portal.toml"), "{error}");
        assert!(load(&[("JOBPORTAL_CONFIG", "")]).is_ok());
    }

    #[test]
    fn an_unknown_setting_is_named_with_the_nearest_known_one() {
        for (file, name, nearest) in [
            ("[server]\nlisen = \"x\"", "server.lisen", "server.listen"),
            ("[server]\npool_size = 3", "server.pool_size", "database.pool_size"),
            ("[databse]\nurl = \"x\"", "databse.url", "database.url"),
            ("[auth]\njwt-secret = \"x\"", "auth.jwt-secret", "auth.jwt_secret"),
            ("expose_otp = true", "expose_otp", "accounts.expose_otp"),
        ] {
            let error = load_file(file, &[]).unwrap_err();
            let SettingsError::Unknown { name: found, nearest: meant, origin } = &error else { panic!("{error}") };
            assert_eq!((found.as_str(), meant.as_str()), (name, nearest));
            assert!(origin.ends_with("portal.toml"), "{origin}");
        }
    }

    #[test]
    fn an_unknown_variable_is_named_with_the_nearest_known_one() {
        for name in ["JOBPORTAL_SERVER__LISTN", "JOBPORTAL_SERVER_LISTEN"] {
            let error = load(&[(name, "x")]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("`JOBPORTAL_SERVER__LISTEN`"), "{error}");
        }
        for other in ["JOBPORTAL_PORT", "JOBPORTAL_SERVICE_HOST", "JOBPORTAL_SUPERUSER_PASSWORD", "SERVER__LISTEN"] {
            assert!(load(&[(other, "x")]).is_ok(), "{other}");
        }
    }

    #[test]
    fn a_wrong_type_names_the_setting_and_what_was_expected() {
        for (name, value, expected) in [
            ("database.pool_size", "many", "integer"),
            ("database.pool_size", "0", "from 1 to 1000"),
            ("database.pool_size", "70000", "integer"),
            ("limits.enabled", "maybe", "boolean"),
            ("log.format", "xml", "text"),
            ("privacy.directory", "shut", "restricted"),
            ("auth.bcrypt_cost", "3", "from 4 to 31"),
            ("server.trusted_proxies", "proxy.example.com", "10.0.0.0/8"),
            ("server.trusted_proxies", "0.0.0.0/0", "everyone"),
        ] {
            let error = Settings::load_from(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")) && error.contains(expected), "{name}={value}: {error}");
        }
        let error = load_file("[server]\nworkers = \"two\"", &[]).unwrap_err().to_string();
        assert!(error.contains("`server.workers`") && error.contains("portal.toml"), "{error}");
        let error = load_file("[server", &[]).unwrap_err().to_string();
        assert!(error.contains("portal.toml"), "{error}");
    }

    #[test]
    fn overrides_in_code_do_not_read_the_environment() {
        let settings = Settings::load_from(&[("server.listen", "127.0.0.1:0"), ("auth.bcrypt_cost", "4")]).unwrap();
        assert_eq!((settings.server.listen.as_str(), settings.auth.bcrypt_cost), ("127.0.0.1:0", 4));
    }
}
