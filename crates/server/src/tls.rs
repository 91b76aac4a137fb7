use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::check::Problem;
use crate::settings::ServerSettings;

/// How the API is served over TLS 1.2 and 1.3, from the certificate chain and the key that the settings name; `None`: it is not.
pub(crate) fn config(settings: &ServerSettings) -> Result<Option<ServerConfig>, Problem> {
    let (cert, key) = match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert, key),
        (Some(_), None) => return Err(Problem::new("server.tls_key", "is not set, and `server.tls_cert` is")),
        (None, Some(_)) => return Err(Problem::new("server.tls_cert", "is not set, and `server.tls_key` is")),
    };
    let chain = certificates(cert).map_err(|problem| Problem::new("server.tls_cert", problem))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| Problem::new("server.tls_key", format!("names {}: {error}", key.display())))?;
    let unfit =
        |error: rustls::Error| Problem::new("server.tls_key", format!("does not fit `server.tls_cert`: {error}"));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    Ok(Some(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if chain.is_empty() => Err(format!("names {}, which holds no certificate", file.display())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("names {}: {error}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn problem(cert: &str, key: &str) -> String {
        let settings = Settings::load_from(&[("server.tls_cert", cert), ("server.tls_key", key)]).unwrap();
        config(&settings.server).unwrap_err().to_string()
    }

    #[test]
    fn without_a_certificate_there_is_no_tls() {
        assert!(config(&Settings::load_from(&[]).unwrap().server).unwrap().is_none());
    }

    #[test]
    fn a_certificate_without_a_key_is_told_and_a_file_that_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, missing) = (dir.path().join("empty.pem"), dir.path().join("missing.pem"));
        std::fs::write(&empty, "").unwrap();
        let (empty, missing) = (empty.display().to_string(), missing.display().to_string());
        assert!(problem(&empty, "").starts_with("`server.tls_key`"));
        assert!(problem("", &empty).starts_with("`server.tls_cert`"));
        for cert in [&empty, &missing] {
            let problem = problem(cert, &empty);
            assert!(problem.starts_with("`server.tls_cert`") && problem.contains(cert.as_str()), "{problem}");
        }
    }
}
