//! Answers as the bytes that are sent: in each form that clients take, and kept for all who may have them.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use actix_web::body::MessageBody;
use actix_web::http::header::{AcceptEncoding, Encoding, Header, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use jobportal_application::{Error, ResponseCache, Result, Stamp, Stamped, Subject};
use jobportal_domain::Version;
use serde::Serialize;

use crate::App;
use crate::conditional::entity_tag;
use crate::error::ApiError;

/// What fits into one packet is sent as it is.
const MIN_COMPRESSED: usize = 1_400;

/// What stands at the end of the tag of a compressed body.
const GZIP_SUFFIX: &str = "-gzip";

/// The body of an answer, in each form that clients take.
pub(crate) struct Representations {
    plain: Representation,
    /// `None`: it is not worth it.
    gzip: OnceLock<Option<Representation>>,
}

/// A body with its strong entity tag.
pub(crate) struct Representation {
    pub(crate) body: Bytes,
    pub(crate) tag: String,
    pub(crate) is_compressed: bool,
}

impl Representations {
    /// Those of a body with a tag, in its quotes.
    pub(crate) fn new(body: Bytes, tag: String) -> Self {
        Self { plain: Representation { body, tag, is_compressed: false }, gzip: OnceLock::new() }
    }

    /// The body as it is.
    pub(crate) fn plain(&self) -> &Representation {
        &self.plain
    }

    /// The body as the client wants it most. Who takes none of its forms gets it as it is.
    pub(crate) fn wanted_by(&self, request: &HttpRequest) -> &Representation {
        if self.plain.body.len() < MIN_COMPRESSED || !takes_gzip(request) {
            return &self.plain;
        }
        self.gzip.get_or_init(|| compress(&self.plain)).as_ref().unwrap_or(&self.plain)
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    if !request.headers().contains_key(AcceptEncoding::name()) {
        return false;
    }
    let forms = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request).is_ok_and(|wanted| wanted.negotiate(forms.iter()) == Some(Encoding::gzip()))
}

fn compress(plain: &Representation) -> Option<Representation> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.body.len() / 2), Compression::fast());
    encoder.write_all(&plain.body).ok()?;
    let body = encoder.finish().ok().filter(|body| body.len() < plain.body.len())?;
    let tag = format!("{}{GZIP_SUFFIX}\"", plain.tag.strip_suffix('"')?);
    Some(Representation { body: body.into(), tag, is_compressed: true })
}

/// An answer that is kept.
pub struct Ready {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Arc<Representations>,
    good_until: Option<DateTime<Utc>>,
}

impl Ready {
    /// How many bytes it has, counting the body once for each of its forms.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        2 * self.body.plain.body.len() + headers.sum::<usize>()
    }

    fn new(headers: &HeaderMap, body: Bytes, version: Option<Version>, good_until: Option<DateTime<Utc>>) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let tag = entity_tag(&body, version);
        Self { headers, body: Arc::new(Representations::new(body, tag)), good_until }
    }

    fn is_good_at(&self, now: DateTime<Utc>) -> bool {
        self.good_until.is_none_or(|end| now < end)
    }

    fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::Ok().finish();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        represented(response, &self.body)
    }
}

/// Gives an answer this body, in the form that the client will be found to take.
pub(crate) fn represented(mut response: HttpResponse, body: &Arc<Representations>) -> HttpResponse {
    response.extensions_mut().insert(Arc::clone(body));
    response
}

/// An answer, and for whom it is.
pub(crate) struct Reply {
    response: HttpResponse,
    shows: Option<Vec<Subject>>,
    turns_at: Option<DateTime<Utc>>,
}

impl Reply {
    /// The answer that everyone gets who may ask; it shows these subjects.
    pub(crate) fn to_all(response: HttpResponse, shows: impl Into<Vec<Subject>>) -> Self {
        Self { response, shows: Some(shows.into()), turns_at: None }
    }

    /// The answer that this caller gets, and maybe nobody else.
    pub(crate) fn to_caller(response: HttpResponse) -> Self {
        Self { response, shows: None, turns_at: None }
    }

    /// Without any change the answer is another one from then on, if it is not past.
    pub(crate) fn turning_at(self, time: DateTime<Utc>) -> Self {
        Self { turns_at: Some(time), ..self }
    }
}

/// An answer that few may have, as it is kept: the length of the list that it is a part of, its tag, and its body.
pub(crate) struct Kept {
    pub(crate) total: u64,
    tag: String,
    body: Bytes,
}

impl Kept {
    /// The answer with this body, as JSON, about this version of something.
    pub(crate) fn new(body: &impl Serialize, version: Option<Version>, total: u64) -> Result<Self, ApiError> {
        let body: Bytes = serde_json::to_vec(body).map_err(|error| Error::Internal(error.into()))?.into();
        Ok(Self { total, tag: entity_tag(&body, version), body })
    }

    fn to_bytes(&self) -> Bytes {
        let head = format!("{} {}\n", self.total, self.tag);
        [head.as_bytes(), &self.body].concat().into()
    }

    fn from_bytes(bytes: &Bytes) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (total, tag) = str::from_utf8(bytes.get(..end)?).ok()?.split_once(' ')?;
        Some(Self { total: total.parse().ok()?, tag: tag.to_owned(), body: bytes.slice(end + 1..) })
    }

    /// The answer, with the headers that `response` has already.
    pub(crate) fn answer(self, mut response: HttpResponseBuilder) -> HttpResponse {
        let body = Arc::new(Representations::new(self.body, self.tag));
        represented(response.content_type("application/json").finish(), &body)
    }
}

impl App {
    /// The answer that is kept under `key` for the present state, which `stamp` names where it is the caller's to see; or else what
    /// `render` makes of what `read` reads together with its stamp. The key names the thing and whoever may see it.
    pub(crate) async fn answer_in_state<T: Send + 'static>(
        self: &Arc<Self>,
        key: &str,
        stamp: impl FnOnce(&Self) -> Result<Option<Stamp>> + Send + 'static,
        read: impl FnOnce(&Self) -> Result<Stamped<T>> + Send + 'static,
        render: impl FnOnce(T, DateTime<Utc>) -> Result<Kept, ApiError>,
    ) -> Result<Kept, ApiError> {
        // Nodes of two versions may run side by side, and write their answers differently.
        let key = format!("{key}:{}", env!("CARGO_PKG_VERSION"));
        if let Some(stamp) = self.run(stamp).await?
            && let Some(bytes) = self.answers.get(&key, &stamp).await
            && let Some(kept) = Kept::from_bytes(&bytes)
        {
            return Ok(kept);
        }
        let Stamped { value, stamp, read_at } = self.run(read).await?;
        let kept = render(value, read_at)?;
        if let Some(stamp) = stamp {
            self.answers.put(&key, &stamp, kept.to_bytes()).await;
        }
        Ok(kept)
    }

    /// The cache of answers, where all that ends them is known.
    async fn usable_responses(&self) -> Option<&Arc<dyn ResponseCache<Arc<Ready>>>> {
        let cache = self.responses.as_ref()?;
        match &self.nodes {
            Some(nodes) if !nodes.catch_up().await => None,
            _ => Some(cache),
        }
    }

    /// The answer that is kept under `key`, or what `render` makes of what the use case reads. Who may read it is decided before.
    pub(crate) async fn answer_all<T: Send + 'static>(
        self: &Arc<Self>,
        key: &str,
        use_case: impl FnOnce(&Self) -> Result<T> + Send + 'static,
        render: impl FnOnce(T) -> Result<Reply, ApiError>,
    ) -> Result<HttpResponse, ApiError> {
        let Some(cache) = self.usable_responses().await else { return Ok(render(self.run(use_case).await?)?.response) };
        let now = self.clock.now();
        if let Some(kept) = cache.get(key).filter(|kept| kept.is_good_at(now)) {
            self.metrics.kept.inc();
            return Ok(kept.answer());
        }
        self.metrics.made.inc();
        let since = cache.moment();
        let Reply { response, shows, turns_at } = render(self.run(use_case).await?)?;
        let Some(shows) = shows else { return Ok(response) };
        let version = response.extensions().get::<Version>().copied();
        let (response, body) = response.into_parts();
        let body = match body.try_into_bytes() {
            Ok(body) => body,
            Err(stream) => return Ok(response.set_body(stream)),
        };
        let good_until = turns_at.filter(|time| *time > now);
        let ready = Arc::new(Ready::new(response.headers(), body, version, good_until));
        cache.put(key, Arc::clone(&ready), &shows, since);
        Ok(ready.answer())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::http::header::ACCEPT_ENCODING;
    use actix_web::test::TestRequest;
    use flate2::read::GzDecoder;

    use super::*;

    fn form<'r>(representations: &'r Representations, accept: &str) -> &'r Representation {
        let request = TestRequest::default().insert_header((ACCEPT_ENCODING, accept)).to_http_request();
        representations.wanted_by(&request)
    }

    fn representations(length: usize) -> Representations {
        Representations::new("ab".repeat(length / 2).into(), "\"7.x\"".to_owned())
    }

    #[test]
    fn a_body_is_compressed_for_who_prefers_it_so() {
        let body = representations(2_000);
        for accept in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8, *;q=0.1", "identity;q=0.5, gzip;q=0.7"]
        {
            let form = form(&body, accept);
            assert!(form.is_compressed, "{accept}");
            assert_eq!(form.tag, "\"7.x-gzip\"");
            let mut text = String::new();
            GzDecoder::new(&*form.body).read_to_string(&mut text).unwrap();
            assert_eq!(text.as_bytes(), body.plain.body);
        }
        for accept in ["", "identity", "br", "gzip;q=0", "gzip;q=0.3, identity;q=0.9", "*;q=0", "identity;q=0", ";;,="]
        {
            let form = form(&body, accept);
            assert!(!form.is_compressed && form.body == body.plain.body, "{accept}");
            assert_eq!(form.tag, "\"7.x\"");
        }
        assert!(!body.wanted_by(&TestRequest::default().to_http_request()).is_compressed);
    }

    #[test]
    fn what_is_kept_is_read_as_it_was_and_nothing_else_is_read() {
        let kept = Kept::new(&["a\nb"], Some(Version(7)), 200).unwrap();
        let read = Kept::from_bytes(&kept.to_bytes()).unwrap();
        assert_eq!((read.total, &read.tag, &read.body), (200, &kept.tag, &kept.body));
        for other in ["", "200", "200 \"tag\"", "x \"tag\"\n[]", "\n[]"] {
            assert!(Kept::from_bytes(&Bytes::from_static(other.as_bytes())).is_none(), "{other}");
        }
    }

    #[test]
    fn a_body_is_compressed_once_and_only_where_it_is_worth_it() {
        let body = representations(2_000);
        assert!(std::ptr::eq(form(&body, "gzip"), form(&body, "gzip")));
        assert!(!form(&representations(MIN_COMPRESSED - 2), "gzip").is_compressed);
        let noise: Vec<u8> = (0..2_000_u32)
            .flat_map(|n| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &n.to_be_bytes()).as_ref().to_vec())
            .collect();
        let noise = Representations::new(noise.into(), "\"x\"".to_owned());
        assert!(!form(&noise, "gzip").is_compressed);
    }
}
