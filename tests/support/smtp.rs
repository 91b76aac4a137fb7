//! A mail server for tests, which keeps what it takes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailparse::{MailHeaderMap, ParsedMail};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};

/// How long [`SmtpSink::wait_for`] waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first words of a sink.
const GREETING: &str = "220 sink ESMTP";

/// Its last words before TLS begins.
const READY_FOR_TLS: &str = "220 2.0.0 go ahead";

/// How a connection to a sink is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// By TLS if the client asks for it. The sink takes mail in the clear too.
    StartTls,
    /// By TLS from the first byte.
    Tls,
}

/// What a sink does with mail, and with connections that are open already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes it.
    #[default]
    Accept,
    /// Takes it, and keeps the envelope alone: for mails in masses.
    KeepEnvelope,
    /// Refuses each recipient for now (451).
    TemporaryFailure,
    /// Refuses each recipient for good (550).
    PermanentFailure,
    /// Takes no user and password (535), and no mail without them (530).
    SignInRefused,
    /// Answers nothing from the next command on, the first greeting included.
    Hang,
    /// Takes the whole mail and does not say so.
    HangAfterData,
    /// Ends each connection.
    Closed,
}

/// A mail as it was received.
#[derive(Clone, Debug, Default)]
pub struct ReceivedMail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The message, headers and all.
    pub data: String,
    /// Whether it came over TLS.
    pub over_tls: bool,
}

impl ReceivedMail {
    fn parsed(&self) -> ParsedMail<'_> {
        mailparse::parse_mail(self.data.as_bytes()).unwrap()
    }

    /// A header, decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        self.parsed().headers.get_first_value(name)
    }

    /// The subject, decoded.
    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    /// The plain text, decoded.
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// The HTML, decoded.
    pub fn html(&self) -> String {
        self.part("text/html")
    }

    fn part(&self, media_type: &str) -> String {
        let mail = self.parsed();
        let part = mail.parts().find(|part| part.ctype.mimetype == media_type);
        part.unwrap_or_else(|| panic!("no {media_type} in {self:?}")).get_body().unwrap()
    }

    /// The six digits that stand on a line of their own.
    pub fn code(&self) -> String {
        let text = self.text();
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit());
        text.lines().find(is_code).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
    }

    /// The long code that it brings.
    pub fn long_code(&self) -> String {
        let text = self.text();
        let is_code = |line: &&str| line.split('-').map(str::len).eq([6; 4]);
        text.lines().find(is_code).unwrap_or_else(|| panic!("no long code in {text}")).to_owned()
    }
}

/// A mail server on a free port of this machine. It ends when it is dropped.
pub struct SmtpSink {
    url: String,
    ca_file: NamedTempFile,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    behaviour: Mutex<Behaviour>,
    mails: Mutex<Vec<ReceivedMail>>,
    connections: Mutex<u32>,
    commands_in_clear: Mutex<Vec<String>>,
}

impl State {
    fn behaviour(&self) -> Behaviour {
        *self.behaviour.lock().unwrap()
    }
}

impl SmtpSink {
    /// Starts a sink without encryption.
    pub async fn start() -> Self {
        Self::start_with(Security::Plain).await
    }

    /// Starts a sink under a certificate of an authority of its own.
    pub async fn start_with(security: Security) -> Self {
        let (acceptor, ca_file) = tls();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let scheme = if security == Security::Tls { "smtps" } else { "smtp" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *shared.connections.lock().unwrap() += 1;
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
                // A client that goes away is none of the test's concern.
                tokio::spawn(async move { serve(stream, security, &acceptor, &state).await });
            }
        });
        Self { url, ca_file, state, listening }
    }

    /// Where it listens, as the setting `mail.url` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A PEM file with the certificate of its authority, as the setting `mail.ca_file` takes it.
    pub fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }

    /// Behaves so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    /// What it received so far.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.state.mails.lock().unwrap().clone()
    }

    /// How many it received so far.
    pub fn count(&self) -> usize {
        self.state.mails.lock().unwrap().len()
    }

    /// The verbs of the commands that came without encryption, in order.
    pub fn commands_in_clear(&self) -> Vec<String> {
        self.state.commands_in_clear.lock().unwrap().clone()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> u32 {
        *self.state.connections.lock().unwrap()
    }

    /// Waits for the first mail of this kind, and panics if there is none after a generous time.
    pub async fn wait_for(&self, is_meant: impl Fn(&ReceivedMail) -> bool) -> ReceivedMail {
        let arrival = async {
            loop {
                let mail = self.state.mails.lock().unwrap().iter().find(|mail| is_meant(mail)).cloned();
                if let Some(mail) = mail {
                    return mail;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let mail = tokio::time::timeout(PATIENCE, arrival).await;
        mail.unwrap_or_else(|_| panic!("no such mail after {PATIENCE:?}; received: {:#?}", self.mails()))
    }

    /// Waits for a mail to this address.
    pub async fn wait_for_mail_to(&self, address: &str) -> ReceivedMail {
        self.wait_for(|mail| mail.to.iter().any(|to| to == address)).await
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// TLS for this machine, and the certificate of the authority that vouches for it.
fn tls() -> (TlsAcceptor, NamedTempFile) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let mut ca_file = NamedTempFile::new().unwrap();
    ca_file.write_all(authority.self_signed(&authority_key).unwrap().pem().as_bytes()).unwrap();

    let server = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let server_key = KeyPair::generate().unwrap();
    let certificate = server.signed_by(&server_key, &Issuer::new(authority, authority_key)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(server_key.serialize_der()).into())
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca_file)
}

async fn serve(stream: TcpStream, security: Security, acceptor: &TlsAcceptor, state: &State) -> io::Result<()> {
    if security == Security::Tls {
        converse(acceptor.accept(stream).await?, security, Some(GREETING), state).await?;
    } else if let Some(stream) = converse(stream, security, Some(GREETING), state).await? {
        converse(acceptor.accept(stream).await?, Security::Tls, None, state).await?;
    }
    Ok(())
}

/// One session of RFC 5321. Returns the stream if TLS is to begin on it (RFC 3207).
async fn converse<S>(
    stream: S,
    security: Security,
    greeting: Option<&'static str>,
    state: &State,
) -> io::Result<Option<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut stream = BufStream::new(stream);
    let mut mail = ReceivedMail::default();
    let mut reply = greeting;
    loop {
        match (state.behaviour(), reply) {
            (Behaviour::Hang, _) => std::future::pending().await,
            (Behaviour::Closed, _) => return Ok(None),
            (_, Some(reply)) => stream.write_all(format!("{reply}\r\n").as_bytes()).await?,
            (_, None) => {}
        }
        stream.flush().await?;
        if reply == Some(READY_FOR_TLS) {
            return Ok(Some(stream.into_inner()));
        }
        reply = Some(if reply.is_some_and(|reply| reply.starts_with("354")) {
            mail.data = read_data(&mut stream).await?;
            if state.behaviour() == Behaviour::KeepEnvelope {
                mail.data.clear();
            }
            mail.over_tls = security == Security::Tls;
            if state.behaviour() == Behaviour::HangAfterData {
                std::future::pending::<()>().await;
            }
            state.mails.lock().unwrap().push(std::mem::take(&mut mail));
            "250 2.0.0 taken"
        } else {
            let Some(command) = read_line(&mut stream).await? else { return Ok(None) };
            let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply = answer(&verb, &command, security, state.behaviour(), &mut mail);
            if security != Security::Tls {
                state.commands_in_clear.lock().unwrap().push(verb);
            }
            reply
        });
    }
}

fn answer(
    verb: &str,
    command: &str,
    security: Security,
    behaviour: Behaviour,
    mail: &mut ReceivedMail,
) -> &'static str {
    match (verb, behaviour) {
        ("EHLO", _) if security == Security::StartTls => "250-sink\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 AUTH PLAIN",
        ("EHLO", _) => "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN",
        ("HELO" | "NOOP", _) => "250 2.0.0 fine",
        ("STARTTLS", _) if security == Security::StartTls => READY_FOR_TLS,
        ("AUTH", Behaviour::SignInRefused) => "535 5.7.8 wrong user or password",
        ("AUTH", _) => "235 2.7.0 welcome",
        ("MAIL", Behaviour::SignInRefused) => "530 5.7.0 sign in first",
        ("MAIL", _) => {
            *mail = ReceivedMail { from: address(command), ..ReceivedMail::default() };
            "250 2.1.0 fine"
        }
        ("RCPT", Behaviour::TemporaryFailure) => "451 4.3.0 try again later",
        ("RCPT", Behaviour::PermanentFailure) => "550 5.1.1 no such user",
        ("RCPT", _) => {
            mail.to.push(address(command));
            "250 2.1.5 fine"
        }
        ("DATA", _) if mail.to.is_empty() => "503 5.5.1 to whom?",
        ("DATA", _) => "354 go on",
        ("RSET", _) => {
            *mail = ReceivedMail::default();
            "250 2.0.0 forgotten"
        }
        // The client ends the connection.
        ("QUIT", _) => "221 2.0.0 good bye",
        _ => "500 5.5.2 what?",
    }
}

/// A line without its end; `None` at the end of the stream.
async fn read_line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

/// A message up to the lone dot, with the dots taken off that the client put before dots.
async fn read_data(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut data = String::new();
    loop {
        let line = read_line(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line == "." {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push_str("\r\n");
    }
}

/// What stands between the angle brackets of a command.
fn address(command: &str) -> String {
    let address = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    address.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
