use actix_web::http::StatusCode;
use actix_web::http::header::LINK;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, dev::Payload, web::Data};
use jobportal_application::{Error, Page, PageRequest};
use jobportal_domain::Violations;
use serde::Serialize;
use std::future::{Ready, ready};
use url::form_urlencoded;

use crate::App;
use crate::error::ApiError;
use crate::openapi::{Describe, Operation, integer, string};

/// How many unknown parameters are told.
const MAX_UNKNOWN: usize = 10;

/// By how many characters of its name an unknown parameter is told.
const MAX_NAME_CHARS: usize = 50;

/// The parameters of a query string; of several with one name the last one counts.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query string of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self(form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect())
    }

    /// The value of a parameter; an empty one counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The same for all requests at this address that ask for the same, as far as that can be told from these parameters.
    pub(crate) fn key(&self, request: &HttpRequest) -> String {
        let mut given: Vec<_> = self.0.iter().filter(|(_, value)| !value.is_empty()).collect();
        // Of several with one name the order counts.
        given.sort_by_key(|(name, _)| name);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        format!("{}{}?{query}", base_url(request), request.path())
    }

    /// Everything that is said for a parameter: it may be repeated, or its values separated by commas.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let texts = self.0.iter().filter(move |(key, _)| key == name).map(|(_, text)| text);
        texts.flat_map(|text| text.split(',')).map(str::trim).filter(|value| !value.is_empty())
    }

    /// How many values of one parameter are read: more than any closed set has.
    pub(crate) const MAX_VALUES: usize = 250;

    /// Values of a set, each once and in its order. Of more than `max` no more are looked at, and that is recorded.
    pub(crate) fn choices<T: Ord, E: std::fmt::Display>(
        &self,
        name: &str,
        max: usize,
        violations: &mut Violations,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for (place, raw) in self.values(name).enumerate() {
            if place == max {
                violations.push(name, format_args!("Ensure this field has no more than {max} elements."));
                break;
            }
            values.extend(violations.check(name, parse(raw)));
        }
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Records parameters that are none of `known`, the first few of them, each with the one that was probably meant.
    pub(crate) fn check_names(&self, known: &[&str], violations: &mut Violations) {
        let unknown = self.0.iter().map(|(name, _)| name).filter(|name| !known.contains(&name.as_str()));
        for name in unknown.take(MAX_UNKNOWN) {
            let name: String = name.chars().take(MAX_NAME_CHARS).collect();
            let likeness = |known: &str| strsim::jaro_winkler(&name, known);
            let nearest = known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
            if violations.of(&name).is_empty() {
                violations.push(&name, format_args!("Unknown parameter. Did you mean \"{}\"?", nearest.unwrap_or(&"")));
            }
        }
    }

    /// The same parameters with another value of one, in place of `page` and `cursor`, as a query string.
    fn at(&self, name: &str, place: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(key, _)| key != "page" && key != "cursor"));
        query.append_pair(name, place).finish()
    }
}

/// `page` and `page_size` of a query string, `DEFAULT` items a page where it says nothing.
pub(crate) struct Paging<const DEFAULT: u32>(pub(crate) PageRequest);

impl<const DEFAULT: u32> FromRequest for Paging<DEFAULT> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(paging(&Query::of(request), DEFAULT).map(Self).map_err(ApiError::from))
    }
}

impl<const DEFAULT: u32> Describe for Paging<DEFAULT> {
    fn describe(operation: &mut Operation) {
        operation.query("page", integer(1).default(Some(1.into())), "Which page, counted from 1.");
        let size = integer(1).default(Some(DEFAULT.into()));
        operation.query("page_size", size, "How many items a page has. More than 100 is taken for 100.");
        operation.may_refuse(StatusCode::NOT_FOUND);
        operation.tells("X-Total-Count", integer(0), "How many items all pages have.");
        operation.tells("Link", string(), "The pages around this one, by `rel`: `next` and `prev` (RFC 8288).");
    }
}

fn paging(query: &Query, default_size: u32) -> Result<PageRequest, Error> {
    let size = page_size(query, default_size).map_err(|message| Error::invalid("page_size", message))?;
    PageRequest::new(page_number(query)?, size).ok_or(Error::INVALID_PAGE)
}

/// `page` of a query string.
pub(crate) fn page_number(query: &Query) -> Result<u32, Error> {
    query.get("page").map_or(Ok(1), |text| text.parse().map_err(|_| Error::INVALID_PAGE))
}

/// `page_size` of a query string; what is more than a page may have counts as that.
pub(crate) fn page_size(query: &Query, default: u32) -> Result<u32, &'static str> {
    match query.get("page_size").map(str::parse::<i64>) {
        None => Ok(default),
        Some(Ok(size @ 1..)) => Ok(u32::try_from(size).unwrap_or(u32::MAX).min(PageRequest::MAX_SIZE)),
        Some(_) => Err("A valid integer of at least 1 is required."),
    }
}

/// The addresses of the pages around one.
pub(crate) struct Neighbours {
    /// The page after it.
    pub(crate) next: Option<String>,
    /// The page before it.
    pub(crate) previous: Option<String>,
}

impl Neighbours {
    /// The pages around `page`, as the client of `request` can reach them.
    pub(crate) fn of<T>(request: &HttpRequest, page: &Page<T>) -> Self {
        let at = |number: u32| address(request, "page", &number.to_string());
        let number = page.request.number();
        Self { next: page.has_next().then(|| at(number + 1)), previous: (number > 1).then(|| at(number - 1)) }
    }
}

/// Where the client of `request` finds another part of the same list: at this value of `page` or `cursor`.
pub(crate) fn address(request: &HttpRequest, name: &str, value: &str) -> String {
    format!("{}{}?{}", base_url(request), request.path(), Query::of(request).at(name, value))
}

/// The scheme and host under which the client reaches the API.
pub(crate) fn base_url(request: &HttpRequest) -> String {
    let public = request.app_data::<Data<App>>().and_then(|app| app.settings.public_url.clone());
    public.map_or_else(
        || {
            let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
            format!("http://{host}")
        },
        |url| url.trim_end_matches('/').to_owned(),
    )
}

/// Starts an answer that tells in headers which part of a list it holds: `X-Total-Count`, and `Link` (RFC 8288).
pub(crate) fn page_headers<T>(request: &HttpRequest, page: &Page<T>) -> HttpResponseBuilder {
    list_headers(page.total, Neighbours::of(request, page))
}

/// The same for a part of a list of `total` items that lies between `neighbours`.
pub(crate) fn list_headers(total: u64, neighbours: Neighbours) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header(("X-Total-Count", total.to_string()));
    let links: Vec<String> = [("next", neighbours.next), ("prev", neighbours.previous)]
        .into_iter()
        .filter_map(|(rel, url)| url.map(|url| format!("<{url}>; rel=\"{rel}\"")))
        .collect();
    if !links.is_empty() {
        response.insert_header((LINK, links.join(", ")));
    }
    response
}

/// A page of a list that is sent as a bare array.
pub(crate) fn array<T, W: Serialize>(
    request: &HttpRequest,
    page: Page<T>,
    convert: impl FnMut(T) -> W,
) -> HttpResponse {
    let mut response = page_headers(request, &page);
    response.json(page.map(convert).items)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(uri: &str) -> HttpRequest {
        TestRequest::with_uri(uri).insert_header(("host", "api.example")).to_http_request()
    }

    fn parse(uri: &str) -> Result<(u32, u32), Error> {
        paging(&Query::of(&request(uri)), 10).map(|page| (page.number(), page.size()))
    }

    #[test]
    fn reads_page_and_size() {
        assert_eq!(parse("/x").unwrap(), (1, 10));
        assert_eq!(parse("/x?page=3&page_size=50").unwrap(), (3, 50));
        assert_eq!(parse("/x?page_size=99999999999").unwrap(), (1, 100));
        assert_eq!(parse("/x?page=&page_size=").unwrap(), (1, 10));
    }

    #[test]
    fn refuses_what_is_no_page() {
        for uri in ["/x?page=0", "/x?page=-1", "/x?page=abc", "/x?page=4294967296"] {
            assert!(matches!(parse(uri), Err(Error::NotFound("Invalid page."))), "{uri}");
        }
        for uri in ["/x?page_size=0", "/x?page_size=-5", "/x?page_size=ten"] {
            assert!(matches!(parse(uri), Err(Error::Invalid(_))), "{uri}");
        }
    }

    #[test]
    fn values_are_repeated_or_separated_by_commas() {
        let query = Query::of(&request("/x?kind=a,%20b,,a&other=c&kind=&kind=d"));
        assert_eq!(query.values("kind").collect::<Vec<_>>(), ["a", "b", "a", "d"]);
        assert_eq!(query.values("none").count(), 0);
    }

    #[test]
    fn an_unknown_parameter_is_told_with_the_nearest_one() {
        let mut violations = Violations::default();
        let query = Query::of(&request(&format!("/x?titel=a&titel=b&title=c&pagesize=&{}=1", "x".repeat(1_000))));
        query.check_names(&["title", "page", "page_size"], &mut violations);
        assert_eq!(violations.of("titel"), ["Unknown parameter. Did you mean \"title\"?"]);
        assert_eq!(violations.of("pagesize"), ["Unknown parameter. Did you mean \"page_size\"?"]);
        assert_eq!(violations.of(&"x".repeat(50)).len(), 1);
        assert_eq!(violations.fields().count(), 3);

        let mut violations = Violations::default();
        let many = (0..1_000).map(|n| format!("x{n}")).collect::<Vec<_>>().join("&");
        Query::of(&request(&format!("/x?{many}"))).check_names(&["title"], &mut violations);
        assert_eq!(violations.fields().count(), MAX_UNKNOWN);
    }

    #[test]
    fn neighbours_keep_the_other_parameters() {
        let page = Page::new(vec![1], 30, PageRequest::new(2, 10).unwrap());
        let neighbours = Neighbours::of(&request("/job/search/?title=a+b%26c&page=2"), &page);
        assert_eq!(neighbours.next.unwrap(), "http://api.example/job/search/?title=a+b%26c&page=3");
        assert_eq!(neighbours.previous.unwrap(), "http://api.example/job/search/?title=a+b%26c&page=1");
        let last = Page::new(vec![1], 20, PageRequest::new(2, 10).unwrap());
        assert_eq!(Neighbours::of(&request("/x"), &last).next, None);
    }
}
