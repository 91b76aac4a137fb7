//! The API over TLS, as its settings say.

use std::sync::Arc;

use jobportal_tests::app::TestApp;
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::Program;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};

/// A certificate for `localhost` in files, and itself for a client to trust.
struct Certificate {
    dir: tempfile::TempDir,
    trusted: CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(dir.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        Self { dir, trusted: cert.der().clone() }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    async fn connect(&self, port: &str, version: &'static SupportedProtocolVersion) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let mut config = ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

async fn exchange(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_api_is_served_by_tls_where_a_certificate_is_set() {
    let certificate = Certificate::new();
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let settings = [("server.tls_cert", cert.as_str()), ("server.tls_key", &key)];
    let app = TestApp::start_with(Backend::Sqlite, &settings).await;
    let port = app.client.base.rsplit(':').next().unwrap();
    for (version, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut stream = certificate.connect(port, version).await;
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(expected));
        // One protocol, whose bounds are those that are tested; a proxy in front speaks others.
        assert_eq!(session.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let request = "GET /candidate/profiles/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = exchange(&mut stream, request).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=63072000; includeSubDomains\r\n"), "{answer}");
        let request = "GET /health/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        let large = format!("{request}x: {}\r\n\r\n", "y".repeat(20_000));
        let answer = exchange(&mut certificate.connect(port, version).await, &large).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    // Who does not speak it gets nothing.
    assert!(app.client.try_send(app.client.request("GET", "/health/", None)).await.is_err());
}

#[test]
fn half_a_certificate_keeps_the_portal_from_starting() {
    let certificate = Certificate::new();
    let database = TestDatabase::create(Backend::Sqlite);
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    for (settings, named) in [
        ([("server.tls_cert", cert.as_str()), ("server.tls_key", "")], "`server.tls_key`"),
        ([("server.tls_cert", ""), ("server.tls_key", &key)], "`server.tls_cert`"),
        ([("server.tls_cert", &key), ("server.tls_key", &key)], "`server.tls_cert`"),
        ([("server.tls_cert", &cert), ("server.tls_key", &cert)], "`server.tls_key`"),
    ] {
        for command in ["serve", "check"] {
            let finished = Program::new(database.url(), &settings).run(&[command]);
            let said = finished.stdout + &finished.stderr;
            assert!(!finished.success && said.contains(named), "{command} {settings:?}: {said}");
        }
    }
}
