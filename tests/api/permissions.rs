//! Who may do what: every route of the API, asked for by everyone.

use std::collections::{BTreeMap, BTreeSet};

use jobportal_application::{Action, Relation, Role, Verdict};
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::detail;
use jobportal_tests::until;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A method, a path, a body, and the status for: nobody signed in, a candidate, the employer whose things these are,
/// another employer, an admin.
type Row = (&'static str, &'static str, fn() -> Value, [u16; 5]);

fn nothing() -> Value {
    json!({})
}

fn selected() -> Value {
    json!({ "status": "selected" })
}

fn later() -> Value {
    json!({ "deadline": "2100-01-31T00:00:00Z" })
}

/// Every route. What someone may do is done, or refused for its empty body (400). The candidate has applied to `{job}`.
pub(crate) const ROUTES: &[Row] = &[
    ("GET", "/", nothing, [200; 5]),
    ("GET", "/docs/", nothing, [200; 5]),
    ("GET", "/docs/{script}", nothing, [200; 5]),
    ("GET", "/openapi.json", nothing, [200; 5]),
    ("GET", "/health/", nothing, [200; 5]),
    ("GET", "/livez/", nothing, [200; 5]),
    ("GET", "/readyz/", nothing, [200; 5]),
    ("GET", "/.well-known/jwks.json", nothing, [200; 5]),
    ("POST", "/account/register/", nothing, [400; 5]),
    ("POST", "/account/verify_otp/", nothing, [400; 5]),
    ("POST", "/account/resend_otp/", nothing, [400; 5]),
    ("POST", "/account/login/", nothing, [400; 5]),
    ("POST", "/login/", nothing, [400; 5]),
    ("POST", "/account/token/refresh/", nothing, [400; 5]),
    ("POST", "/account/logout/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/deactivate/", nothing, [401, 400, 400, 400, 400]),
    ("GET", "/account/sessions/", nothing, [401, 200, 200, 200, 200]),
    ("DELETE", "/account/sessions/", nothing, [401, 204, 204, 204, 204]),
    ("DELETE", "/account/sessions/{unknown session}/", nothing, [401, 404, 404, 404, 404]),
    ("POST", "/account/password-reset/", nothing, [400; 5]),
    ("POST", "/account/password-reset/confirm/", nothing, [400; 5]),
    ("GET", "/account/user_info/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/account/login-user-info/", nothing, [401, 200, 200, 200, 200]),
    ("PATCH", "/account/update-password/", nothing, [401, 400, 400, 400, 400]),
    ("PATCH", "/account/change-password/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/change-email/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/change-email/confirm/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/change-phone/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/change-phone/confirm/", nothing, [401, 400, 400, 400, 400]),
    ("GET", "/account/second-factor/", nothing, [401, 200, 200, 200, 200]),
    ("POST", "/account/second-factor/", nothing, [401, 400, 400, 400, 400]),
    ("DELETE", "/account/second-factor/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/second-factor/code/", nothing, [401, 409, 409, 409, 409]),
    ("POST", "/account/second-factor/confirm/", nothing, [401, 400, 400, 400, 400]),
    ("POST", "/account/second-factor/recovery-codes/", nothing, [401, 400, 400, 400, 400]),
    ("GET", "/candidate/profile/", nothing, [401, 200, 403, 403, 403]),
    ("POST", "/candidate/profile/", nothing, [401, 200, 403, 403, 403]),
    ("PUT", "/candidate/profile/", nothing, [401, 200, 403, 403, 403]),
    ("PATCH", "/candidate/profile/", nothing, [401, 200, 403, 403, 403]),
    ("GET", "/candidate/profile/{candidate}/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/candidate/profiles/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/candidate/application/list/", nothing, [401, 200, 403, 403, 403]),
    ("GET", "/employer/profile/", nothing, [401, 403, 200, 200, 403]),
    ("PUT", "/employer/profile/", nothing, [401, 403, 200, 200, 403]),
    ("PATCH", "/employer/profile/", nothing, [401, 403, 200, 200, 403]),
    ("GET", "/employer/profile/{employer}/", nothing, [200; 5]),
    ("GET", "/employer/profiles/", nothing, [200; 5]),
    ("GET", "/job/", nothing, [401, 403, 200, 404, 403]),
    ("GET", "/job/manage/", nothing, [401, 403, 200, 404, 403]),
    ("POST", "/job/manage/", nothing, [401, 403, 400, 400, 403]),
    ("GET", "/job/changes/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/job/search/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/job/suggest/", nothing, [401, 400, 400, 400, 400]),
    ("GET", "/job/manage/{job}/", nothing, [401, 200, 200, 200, 200]),
    ("PUT", "/job/manage/{job}/", nothing, [401, 403, 400, 404, 403]),
    ("PATCH", "/job/manage/{job}/", nothing, [401, 403, 200, 404, 403]),
    ("PUT", "/jobs/manage/{job}/", nothing, [401, 403, 400, 404, 403]),
    ("PATCH", "/jobs/manage/{job}/", nothing, [401, 403, 200, 404, 403]),
    ("GET", "/job/manage/{job}/actions/", nothing, [401, 403, 200, 404, 403]),
    ("POST", "/job/manage/{job}/pause/", nothing, [401, 403, 200, 404, 403]),
    ("POST", "/job/manage/{job}/publish/", nothing, [401, 403, 200, 404, 403]),
    ("POST", "/job/manage/{job}/extend/", later, [401, 403, 200, 404, 403]),
    ("POST", "/job/manage/{job}/relist/", later, [401, 403, 409, 404, 403]),
    ("POST", "/job/manage/{job}/copy/", nothing, [401, 403, 201, 404, 403]),
    ("POST", "/job/manage/{first job}/close/", nothing, [401, 403, 200, 404, 403]),
    ("GET", "/job/{job}/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/job/{job}/similar/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/job/{draft}/", nothing, [401, 404, 200, 404, 404]),
    ("GET", "/job/{draft}/similar/", nothing, [401, 404, 200, 404, 404]),
    ("POST", "/application/{draft}/", nothing, [401, 404, 403, 403, 403]),
    ("GET", "/application/changes/", nothing, [401, 403, 200, 200, 403]),
    ("GET", "/application/all/{job}/", nothing, [401, 403, 200, 404, 403]),
    ("GET", "/application/status/{application}/", nothing, [401, 403, 200, 404, 403]),
    ("PATCH", "/application/status/{application}/", selected, [401, 403, 200, 404, 403]),
    ("POST", "/application/{job}/", nothing, [401, 200, 403, 403, 403]),
    ("GET", "/subscription/plan/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/subscription/plan/{plan}/", nothing, [401, 200, 200, 200, 200]),
    ("POST", "/subscription/plan/", nothing, [401, 403, 403, 403, 400]),
    ("PUT", "/subscription/plan/{plan}/", nothing, [401, 403, 403, 403, 400]),
    ("POST", "/subscription/add/plan/", nothing, [401, 400, 400, 400, 400]),
    ("GET", "/subscription/usage/", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/outbox/", nothing, [401, 403, 403, 403, 200]),
    ("GET", "/outbox/backlog/", nothing, [401, 403, 403, 403, 200]),
    ("GET", "/outbox/{mail}/", nothing, [401, 403, 403, 403, 200]),
    ("POST", "/outbox/{mail}/retry/", nothing, [401, 403, 403, 403, 409]),
    ("POST", "/outbox/purge/", nothing, [401, 403, 403, 403, 200]),
    ("GET", "/documents/resumes/{resume}", nothing, [401, 200, 200, 404, 200]),
    ("GET", "/documents/resumes/{another's resume}", nothing, [401, 404, 404, 404, 200]),
    ("GET", "/documents/profile_pictures/{picture}", nothing, [401, 200, 200, 200, 200]),
    ("GET", "/documents/profile_pictures/{logo}", nothing, [200; 5]),
    // What is gone afterwards comes last, and for its owner last of all.
    ("DELETE", "/job/manage/{first job}/", nothing, [401, 403, 200, 404, 403]),
    ("DELETE", "/job/{second job}/", nothing, [401, 403, 200, 404, 403]),
    ("PUT", "/job/{third job}/", nothing, [401, 403, 200, 404, 403]),
    ("DELETE", "/subscription/plan/{plan}/", nothing, [401, 403, 403, 403, 204]),
];

/// The routes, each with its pattern, `/job/{id}`, from the description of the API, which is made of the routes.
fn described() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(&jobportal::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), pattern(path)))
    });
    routes.collect()
}

/// A path of the table as the description has it.
fn pattern(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{resume}" | "{another's resume}" | "{picture}" | "{logo}" | "{script}" | "{name}" => "{name}",
        other if other.starts_with('{') => "{id}",
        other => other,
    });
    let pattern = segments.collect::<Vec<_>>().join("/");
    if pattern == "/" { pattern } else { pattern.trim_end_matches('/').to_owned() }
}

/// As much of a picture as it takes to be one.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

/// All who ask, and what there is to ask for.
pub(crate) struct World {
    pub(crate) candidate: Account,
    pub(crate) owner: Account,
    pub(crate) other: Account,
    pub(crate) admin: Account,
    names: BTreeMap<&'static str, String>,
}

impl World {
    pub(crate) async fn of(app: &TestApp) -> Self {
        let (candidate, another, owner) = (app.candidate().await, app.candidate().await, app.employer().await);
        let job = app.job(&owner).await;
        let application = app.application(&candidate, job).await;
        let sent = "SELECT id || '' AS value FROM outbox WHERE status = 'sent'";
        until("a mail is sent", || !app.database.values(sent).is_empty()).await;
        let mail = app.database.values(sent).remove(0);
        let mut names = BTreeMap::from([
            ("{candidate}", candidate.profile.to_string()),
            ("{employer}", owner.profile.to_string()),
            ("{job}", job.to_string()),
            ("{application}", application.to_string()),
            ("{plan}", "4".to_owned()),
            ("{mail}", mail),
            ("{script}", "swagger-initializer.js".to_owned()),
        ]);
        let draft = json!({ "state": "draft", "deadline": "2099-12-31T23:59:59Z" });
        let mut body = app.job_body();
        body.as_object_mut().unwrap().extend(draft.as_object().unwrap().clone());
        names.insert("{draft}", app.post("/job/manage/", Some(&owner.token), body).await.id().to_string());
        for name in ["{first job}", "{second job}", "{third job}"] {
            names.insert(name, app.job(&owner).await.to_string());
        }
        let pdf = b"%PDF-1.4\n%%EOF\n".as_slice();
        for (name, method, path, account, key, content) in [
            ("{resume}", "POST", "/candidate/profile/", &candidate, "resume", pdf),
            ("{another's resume}", "POST", "/candidate/profile/", &another, "resume", pdf),
            ("{picture}", "PATCH", "/candidate/profile/", &candidate, "profile_pic", PNG),
            ("{logo}", "PATCH", "/employer/profile/", &owner, "profile_picture", PNG),
        ] {
            let form = Form::new().part(key, Part::bytes(content).file_name("file"));
            let request = app.client.request(method, path, Some(&account.token)).header("if-match", "*");
            let answer = app.client.send(request.multipart(form)).await;
            let file = answer.json[key].as_str().unwrap_or_else(|| panic!("{answer:?}"));
            names.insert(name, file.rsplit('/').next().unwrap().to_owned());
        }
        Self { candidate, owner, other: app.employer().await, admin: app.admin().await, names }
    }

    /// The path with what its names stand for.
    pub(crate) fn path(&self, path: &str) -> String {
        self.names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    /// The other spelling of a path.
    fn without_slash(&self, path: &str) -> String {
        let path = self.path(path);
        if path == "/" { String::new() } else { path.strip_suffix('/').map_or(format!("{path}/"), str::to_owned) }
    }
}

/// Those who ask, in the order of a [`Row`].
const WHO: [(&str, Role); 5] = [
    ("nobody", Role::Anonymous),
    ("candidate", Role::Candidate),
    ("owner", Role::Employer),
    ("other", Role::Employer),
    ("admin", Role::Admin),
];

/// How someone stands to what a path is about; where it names nothing it is about what is their own.
fn relation(path: &str, who: &str) -> Relation {
    let name = path.split('/').find(|segment| segment.starts_with('{')).unwrap_or_default();
    match (name, who) {
        ("", _)
        | ("{resume}" | "{picture}" | "{candidate}", "candidate")
        | ("{logo}" | "{employer}" | "{draft}" | "{application}", "owner") => Relation::Own,
        (name, "owner") if name.ends_with("job}") => Relation::Own,
        ("{resume}", "owner") => Relation::Applicant,
        (name, _) if name == "{logo}" || name.ends_with("job}") => Relation::Published,
        _ => Relation::Foreign,
    }
}

/// Holds the rows below, which are sent over HTTP, to the table that decides.
#[test]
fn every_answer_is_the_one_of_the_table_of_permissions() {
    let actions: BTreeMap<_, _> =
        jobportal::routes().into_iter().map(|(method, path, action)| ((method, pattern(&path)), action)).collect();
    let mut unseen: BTreeSet<(Action, String)> = BTreeSet::new();
    for ((_, path), action) in &actions {
        for (_, role) in WHO {
            let verdicts = Relation::ALL.iter().map(|relation| action.verdict(role, *relation));
            // Without an id in the path there is nothing to hide.
            let shown = verdicts.filter(|verdict| path.contains('{') || *verdict != Verdict::Hidden);
            unseen.extend(shown.map(|verdict| (*action, format!("{role:?} {verdict:?}"))));
        }
    }
    for (method, path, _, statuses) in ROUTES {
        let action = actions[&((*method).to_owned(), pattern(path))];
        for ((who, role), status) in WHO.into_iter().zip(statuses) {
            let verdict = action.verdict(role, relation(path, who));
            let holds = match verdict {
                Verdict::Allowed => ![401, 403].contains(status),
                Verdict::SignIn => *status == 401,
                Verdict::WrongRole => *status == 403,
                Verdict::Hidden => *status == 404,
            };
            assert!(holds, "{method} {path}, {who}: {status} is not {verdict:?}");
            unseen.remove(&(action, format!("{role:?} {verdict:?}")));
        }
    }
    assert!(unseen.is_empty(), "the rows do not show {unseen:#?}");
}

#[test]
fn the_table_has_every_route_and_no_other() {
    let rows: BTreeSet<_> = ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), pattern(path))).collect();
    assert_eq!(rows, described());
}

app_tests! {
    async fn every_route_lets_in_whom_it_is_for_and_nobody_else(app) {
        let world = World::of(&app).await;
        let mut wrong = Vec::new();
        for (method, path, body, [nobody, candidate, owner, other, admin]) in ROUTES {
            for (who, token, expected) in [
                ("nobody", None, nobody), ("candidate", Some(&world.candidate.token), candidate),
                ("other employer", Some(&world.other.token), other), ("admin", Some(&world.admin.token), admin),
                ("owner", Some(&world.owner.token), owner),
            ] {
                let body = (*method != "GET").then(body);
                let answer = app.client.call(method, &world.path(path), token.map(String::as_str), body).await;
                if answer.status != *expected {
                    let found = answer.status;
                    wrong.push(format!("{method} {path}, {who}: {found}, not {expected}: {}", answer.json));
                }
                if answer.status == 401 {
                    assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
                    assert_eq!(answer.json, json!({ "detail": "Authentication credentials were not provided." }));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn a_bad_token_is_refused_where_a_token_is_of_use(app) {
        let world = World::of(&app).await;
        let (head, signature) = world.candidate.token.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", head.split('.').nth(1).unwrap());
        let refused = detail(401, "Given token not valid or expired.");
        for (method, path, body, _) in ROUTES.iter().filter(|(.., statuses)| statuses[0] == 401) {
            for token in [&forged, &unsigned, "", "x", &world.candidate.refresh_token] {
                let body = (*method != "GET").then(body);
                let answer = app.client.call(method, &world.path(path), Some(token), body).await;
                assert_eq!(answer.outcome(), refused, "{method} {path} {token}");
            }
            let request = app.client.request(method, &world.path(path), None).header("authorization", "Basic eDp5");
            assert_eq!(app.client.send(request).await.outcome(), refused, "{method} {path}");
        }
    }

    async fn every_path_is_there_with_and_without_its_slash(app) {
        let world = World::of(&app).await;
        for (method, path, body, statuses) in ROUTES {
            let body = (*method != "GET").then(body);
            let answer = app.client.call(method, &world.without_slash(path), None, body).await;
            assert_eq!(answer.status, statuses[0], "{method} {path}");
        }
    }

    async fn another_method_is_told_the_right_ones(app) {
        let world = World::of(&app).await;
        let mut methods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (method, path, ..) in ROUTES {
            let path = if pattern(path) == "/job/{id}" { "/job/{job}/" } else { path };
            let path = if pattern(path) == "/job/manage/{id}" { "/job/manage/{job}/" } else { path };
            methods.entry(path).or_default().insert(method);
        }
        for (path, mut taken) in methods {
            if taken.contains("GET") {
                taken.insert("HEAD");
            }
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
                if taken.contains(method) {
                    continue;
                }
                for path in [world.path(path), world.without_slash(path)] {
                    let answer = app.client.call(method, &path, Some(&world.admin.token), None).await;
                    let allow: BTreeSet<_> = answer.header("allow").split(", ").collect();
                    assert_eq!((answer.status, &allow), (405, &taken), "{method} {path}");
                    if method != "HEAD" {
                        assert_eq!(answer.json, json!({ "detail": format!("Method \"{method}\" not allowed.") }));
                    }
                }
            }
        }
    }

    async fn a_head_is_a_get_without_its_body(app) {
        let world = World::of(&app).await;
        for (_, path, ..) in ROUTES.iter().filter(|(method, ..)| *method == "GET") {
            for token in [None, Some(world.owner.token.as_str()), Some(&world.candidate.token)] {
                let get = app.client.call("GET", &world.path(path), token, None).await;
                let head = app.client.call("HEAD", &world.path(path), token, None).await;
                assert_eq!((head.status, head.bytes.len()), (get.status, 0), "{path}");
                for header in ["content-type", "content-length", "x-total-count", "link"] {
                    assert_eq!(head.header(header), get.header(header), "{path} {header}");
                }
            }
        }
    }

    async fn what_is_not_there_is_not_found(app) {
        let admin = app.admin().await;
        for path in [
            "/nothing", "/job/1/2/", "/job/manage/1/2", "//", "/account", "/account/", "/documents/", "/../etc/passwd",
            "/documents/resumes/..%2f..%2fCargo.toml", "/documents/secrets/x.pdf", "/.env", "/%00/", "/Health/",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = app.client.call(method, path, Some(&admin.token), None).await;
                // Of documents the path is there, whatever they are called.
                let expected = if path.starts_with("/documents/resumes/") && method != "GET" { 405 } else { 404 };
                assert_eq!(answer.status, expected, "{method} {path}: {}", answer.json);
                assert!(expected == 405 || answer.json == json!({ "detail": "Not found." }), "{path}: {}", answer.json);
            }
        }
    }
}
