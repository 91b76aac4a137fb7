//! Résumés and pictures: what is taken, where it is kept, and who may see it.

use std::fs;

use futures_util::future::join_all;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{Cast, assert_unauthenticated, text};

const CANDIDATE: &str = "/candidate/profile/";
const EMPLOYER: &str = "/employer/profile/";
const PDF: &[u8] = b"%PDF-1.7\nfirst";
const OTHER_PDF: &[u8] = b"%PDF-1.7\nsecond";
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF";
const WEBP: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8 ";
const NO_RESUME: &str = "Upload a document in one of these formats: PDF, DOCX, ODT.";
const NO_PICTURE: &str = "Upload an image in one of these formats: JPEG, PNG, WebP.";

/// A ZIP archive of entries that are not compressed; without a directory, which nothing here reads.
fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend([length, length].concat());
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend([name.as_bytes(), content.as_bytes()].concat());
    }
    bytes
}

/// A form with a file, under a name and a type that are not its own.
fn form(field: &'static str, content: &[u8]) -> Form {
    let part = Part::bytes(content.to_vec()).file_name("../../evil.php").mime_str("text/html").unwrap();
    Form::new().part(field, part)
}

async fn post_resume(app: &TestApp, candidate: &Account, content: &[u8]) -> Answer {
    app.client.form("POST", CANDIDATE, Some(&candidate.token), form("resume", content)).await
}

/// Gives a candidate's profile a résumé; returns its path.
pub(crate) async fn resume(app: &TestApp, candidate: &Account, content: &[u8]) -> String {
    text(&post_resume(app, candidate, content).await.json["resume"])
}

pub(crate) async fn patch_picture(app: &TestApp, candidate: &Account, content: &[u8]) -> Answer {
    app.client.form("PATCH", CANDIDATE, Some(&candidate.token), form("profile_pic", content)).await
}

pub(crate) async fn put_logo(app: &TestApp, employer: &Account, content: &[u8]) -> Answer {
    app.client.form("PUT", EMPLOYER, Some(&employer.token), form("profile_picture", content)).await
}

async fn apply(app: &TestApp, candidate: &Account, job: i64, content: &[u8]) -> Answer {
    app.client.form("POST", &format!("/application/{job}/"), Some(&candidate.token), form("resume", content)).await
}

/// Every file that the portal keeps, by its name below the directory for documents.
fn stored(app: &TestApp) -> Vec<String> {
    let list = |dir| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files =
        list(app.files().to_path_buf()).flat_map(|path| if path.is_dir() { list(path).collect() } else { vec![path] });
    let mut names: Vec<_> =
        files.map(|path| path.strip_prefix(app.files()).unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The file that a path shows.
fn file_of(path: &str) -> String {
    path.strip_prefix("/documents/").unwrap().replace("resumes/", "resume/").replace("pictures/", "picture/")
}

/// What the portal answers to a path exactly as it is written.
async fn status_of(app: &TestApp, path: &str, token: &str) -> u16 {
    let address = app.client.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap()
}

app_tests! {
    async fn a_resume_is_known_by_its_content_whatever_it_is_called(app) {
        let candidate = app.candidate().await;
        let docx = zip(&[("[Content_Types].xml", "<Types/>"), ("_rels/.rels", "<R/>"), ("word/document.xml", "<w/>")]);
        let odt = zip(&[("mimetype", "application/vnd.oasis.opendocument.text")]);
        for (content, extension, media_type) in [
            (PDF, "pdf", "application/pdf"),
            (&docx, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            (&odt, "odt", "application/vnd.oasis.opendocument.text"),
        ] {
            let path = resume(&app, &candidate, content).await;
            let name = path.strip_prefix("/documents/resumes/").unwrap();
            assert!(name.len() >= 22 && !name.contains("evil") && name.ends_with(&format!(".{extension}")), "{name}");
            let shown = app.get(CANDIDATE, Some(&candidate.token)).await.json;
            assert_eq!(shown["candidate"]["profile_details"]["resume"], json!(path));

            let file = app.get(&path, Some(&candidate.token)).await;
            assert_eq!((file.status, file.bytes.as_slice()), (200, content));
            assert_eq!(file.header("content-type"), media_type);
            assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"resume.{extension}\""));
            assert_eq!(file.header("x-content-type-options"), "nosniff");
        }
    }

    async fn a_picture_is_known_by_its_content_whatever_it_is_called(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        for (content, extension) in [(JPEG, "jpeg"), (PNG, "png"), (WEBP, "webp")] {
            let picture = text(&patch_picture(&app, &candidate, content).await.json["profile_pic"]);
            let logo = text(&put_logo(&app, &employer, content).await.json["profile_picture"]);
            for path in [picture, logo] {
                assert!(path.starts_with("/documents/profile_pictures/") && path.ends_with(extension), "{path}");
                let file = app.get(&path, Some(&candidate.token)).await;
                assert_eq!((file.status, file.bytes.as_slice()), (200, content));
                assert_eq!(file.header("content-type"), format!("image/{extension}"));
                assert_eq!(file.header("x-content-type-options"), "nosniff");
            }
        }
    }

    async fn other_content_is_refused_whatever_it_is_called(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let archive = zip(&[("evil.exe", "MZ")]);
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
        let contents: [&[u8]; 5] =
            [b"GIF89a\x01\0\x01\0", b"<?php system($_GET['c']); ?>", &archive, svg, b"x"];
        for content in contents {
            let (resume, picture) = (json!({ "resume": [NO_RESUME] }), json!({ "profile_pic": [NO_PICTURE] }));
            assert_eq!(post_resume(&app, &candidate, content).await.outcome(), (400, resume.clone()));
            assert_eq!(apply(&app, &candidate, job, content).await.outcome(), (400, resume));
            assert_eq!(patch_picture(&app, &candidate, content).await.outcome(), (400, picture));
            let logo = json!({ "profile_picture": [NO_PICTURE] });
            assert_eq!(put_logo(&app, &employer, content).await.outcome(), (400, logo));
        }
        assert_eq!(post_resume(&app, &candidate, PNG).await.json, json!({ "resume": [NO_RESUME] }));
        assert_eq!(patch_picture(&app, &candidate, PDF).await.json, json!({ "profile_pic": [NO_PICTURE] }));
        assert_eq!(stored(&app), [""; 0]);
    }

    async fn an_empty_and_a_too_large_file_are_refused(app) {
        let candidate = app.candidate().await;
        let empty = "The submitted file is empty.";
        assert_eq!(post_resume(&app, &candidate, b"").await.outcome(), (400, json!({ "resume": [empty] })));
        assert_eq!(patch_picture(&app, &candidate, b"").await.outcome(), (400, json!({ "profile_pic": [empty] })));

        let sized = |start: &[u8], size: usize| [start, &vec![0; size - start.len()]].concat();
        let (most, too_large) = (5 * 1024 * 1024, "The submitted file is too large. It may be at most 5 MiB.");
        let answer = post_resume(&app, &candidate, &sized(PDF, most + 1)).await;
        assert_eq!(answer.outcome(), (400, json!({ "resume": [too_large] })));
        assert_eq!(post_resume(&app, &candidate, &sized(PDF, most)).await.status, 200);

        let (most, too_large) = (2 * 1024 * 1024, "The submitted file is too large. It may be at most 2 MiB.");
        let answer = patch_picture(&app, &candidate, &sized(PNG, most + 1)).await;
        assert_eq!(answer.outcome(), (400, json!({ "profile_pic": [too_large] })));
        assert_eq!(patch_picture(&app, &candidate, &sized(PNG, most)).await.status, 200);
        assert_eq!(stored(&app).len(), 2);
    }

    async fn a_resume_is_for_its_owner_admins_and_employers_its_owner_applied_to(app) {
        let cast = Cast::of(&app).await;
        let of_profile = resume(&app, &cast.candidate, PDF).await;
        assert_eq!(cast.statuses(&app, "GET", &of_profile, None).await, [401, 200, 404, 404, 404, 200]);

        let job = app.job(&cast.employer).await;
        let of_application = text(&apply(&app, &cast.candidate, job, OTHER_PDF).await.json["resume"]);
        for path in [of_profile, of_application] {
            let answers = cast.answers(&app, "GET", &path, None).await;
            assert_eq!(answers.each_ref().map(|answer| answer.status), [401, 200, 404, 200, 404, 200], "{path}");
            let [anonymous, _, hidden, ..] = answers;
            assert_unauthenticated(&anonymous);
            assert_eq!(hidden.outcome(), detail(404, "Not found."));
        }
    }

    async fn a_candidates_picture_is_for_all_who_are_signed_in_and_an_employers_for_all(app) {
        let cast = Cast::of(&app).await;
        let picture = text(&patch_picture(&app, &cast.candidate, PNG).await.json["profile_pic"]);
        assert_eq!(cast.statuses(&app, "GET", &picture, None).await, [401, 200, 200, 200, 200, 200]);
        let logo = text(&put_logo(&app, &cast.employer, PNG).await.json["profile_picture"]);
        assert_eq!(cast.statuses(&app, "GET", &logo, None).await, [200; 6]);
        assert_unauthenticated(&app.get(&logo, Some("no token")).await);
    }

    async fn a_replaced_and_a_removed_file_vanish(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let first = resume(&app, &candidate, PDF).await;
        assert_eq!(stored(&app), [file_of(&first)]);
        let second = resume(&app, &candidate, OTHER_PDF).await;
        assert_ne!(first, second);
        assert_eq!(stored(&app), [file_of(&second)]);
        assert_eq!(app.get(&first, Some(&candidate.token)).await.outcome(), detail(404, "Not found."));

        let picture = text(&patch_picture(&app, &candidate, PNG).await.json["profile_pic"]);
        let logo = text(&put_logo(&app, &employer, JPEG).await.json["profile_picture"]);
        assert_eq!(stored(&app).len(), 3);
        for (method, path, account, field) in [
            ("POST", CANDIDATE, &candidate, "resume"),
            ("PATCH", CANDIDATE, &candidate, "profile_pic"),
            ("PATCH", EMPLOYER, &employer, "profile_picture"),
        ] {
            let answer = app.client.call(method, path, Some(&account.token), Some(json!({ field: null }))).await;
            assert_eq!((answer.status, &answer.json[field]), (200, &Value::Null));
        }
        assert_eq!(stored(&app), [""; 0]);
        for path in [second, picture, logo] {
            assert_eq!(app.get(&path, Some(&candidate.token)).await.status, 404, "{path}");
        }
    }

    async fn a_file_stays_where_a_request_sends_none(app) {
        let candidate = app.candidate().await;
        let path = resume(&app, &candidate, PDF).await;
        let replaced = app.post(CANDIDATE, Some(&candidate.token), json!({ "skills": ["Rust"] })).await.json;
        assert_eq!((&replaced["resume"], &replaced["skills"]), (&json!(path), &json!(["Rust"])));
        let form = Form::new().text("skills", "SQL").text("resume", "/documents/resumes/Profile.pdf");
        let replaced = app.client.form("POST", CANDIDATE, Some(&candidate.token), form).await.json;
        assert_eq!((&replaced["resume"], &replaced["skills"]), (&json!(path), &json!(["SQL"])));
    }

    async fn a_path_in_a_json_body_changes_nothing(app) {
        let (victim, thief, employer) = (app.candidate().await, app.candidate().await, app.employer().await);
        let (secret, mine) = (resume(&app, &victim, PDF).await, resume(&app, &thief, OTHER_PDF).await);
        for text in [&secret, "/documents/resumes/Profile.pdf", "../../etc/passwd", "", "x"] {
            let answer = app.post(CANDIDATE, Some(&thief.token), json!({ "resume": text })).await;
            assert_eq!((answer.status, &answer.json["resume"]), (200, &json!(mine)), "{text}");
            let answer = app.patch(CANDIDATE, Some(&thief.token), json!({ "profile_pic": text })).await;
            assert_eq!((answer.status, &answer.json["profile_pic"]), (200, &Value::Null), "{text}");
            let answer = app.patch(EMPLOYER, Some(&employer.token), json!({ "profile_picture": text })).await;
            assert_eq!((answer.status, &answer.json["profile_picture"]), (200, &Value::Null), "{text}");
        }
        let job = app.job(&employer).await;
        let answer = app.post(&format!("/application/{job}/"), Some(&thief.token), json!({ "resume": secret })).await;
        assert_eq!((answer.status, &answer.json["resume"]), (201, &Value::Null));
        assert_eq!(app.get(&secret, Some(&employer.token)).await.status, 404);
        assert_eq!(app.get(&secret, Some(&thief.token)).await.status, 404);
        assert_eq!(stored(&app).len(), 2);
    }

    async fn the_resume_of_an_application_stays_when_the_profiles_is_replaced(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let sent = text(&apply(&app, &candidate, job, PDF).await.json["resume"]);
        resume(&app, &candidate, PDF).await;
        let latest = resume(&app, &candidate, OTHER_PDF).await;
        app.post(CANDIDATE, Some(&candidate.token), json!({ "resume": null })).await;
        assert_eq!(app.get(&latest, Some(&employer.token)).await.status, 404);
        let file = app.get(&sent, Some(&employer.token)).await;
        assert_eq!((file.status, file.bytes.as_slice()), (200, PDF));
        assert_eq!(stored(&app), [file_of(&sent)]);
    }

    async fn a_request_that_fails_leaves_no_file_behind(app) {
        let (candidate, other, employer) = (app.candidate().await, app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let post = async |path: &str, token: &str, form: Form| {
            app.client.form("POST", path, Some(token), form).await.status
        };
        let foreign = form("resume", PDF).text("candidate", other.profile.to_string());
        assert_eq!(post(CANDIDATE, &candidate.token, foreign).await, 403);
        let wrong = form("resume", PDF).text("skills", "x".repeat(501));
        assert_eq!(post(CANDIDATE, &candidate.token, wrong).await, 400);
        assert_eq!(post(CANDIDATE, &employer.token, form("resume", PDF)).await, 403);
        assert_eq!(post("/application/999999/", &candidate.token, form("resume", PDF)).await, 404);
        let born_tomorrow = form("profile_pic", PNG).text("birth_date", "2999-01-01");
        assert_eq!(app.client.form("PATCH", CANDIDATE, Some(&candidate.token), born_tomorrow).await.status, 400);
        assert_eq!(stored(&app), [""; 0]);

        let sent = text(&apply(&app, &candidate, job, PDF).await.json["resume"]);
        let again = apply(&app, &candidate, job, OTHER_PDF).await;
        assert_eq!(again.outcome(), (200, json!({ "status": "Already Applied" })));
        assert_eq!(stored(&app), [file_of(&sent)]);
    }

    async fn of_many_files_sent_at_once_one_is_kept(app) {
        let candidate = app.candidate().await;
        let answers = join_all((0..6).map(|_| post_resume(&app, &candidate, PDF))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        let kept = app.get(CANDIDATE, Some(&candidate.token)).await.json;
        assert_eq!(stored(&app), [file_of(&text(&kept["candidate"]["profile_details"]["resume"]))]);
    }

    async fn a_document_is_found_by_its_own_name_alone(app) {
        let candidate = app.candidate().await;
        let path = resume(&app, &candidate, PDF).await;
        let name = path.strip_prefix("/documents/resumes/").unwrap();
        let id = name.strip_suffix(".pdf").unwrap();
        fs::write(app.files().join("resume/canary.pdf"), PDF).unwrap();
        fs::write(app.files().join("canary.pdf"), PDF).unwrap();
        for path in [
            "/documents/resumes/canary.pdf",
            "/documents/resumes/../canary.pdf",
            "/documents/resumes/..%2fcanary.pdf",
            "/documents/resumes/%2e%2e%2fcanary.pdf",
            "/documents/resumes/..%5ccanary.pdf",
            "/documents/resumes/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/documents/resumes/....//canary.pdf",
            "/documents/resumes/%00.pdf",
            "/documents/resumes/%ff.pdf",
            "/documents/resumes/.pdf",
            "/documents/resumes/",
            "/documents/",
            &format!("/documents/resumes/{id}"),
            &format!("/documents/resumes/{id}.docx"),
            &format!("/documents/resumes/{id}.pdf.pdf"),
            &format!("/documents/profile_pictures/{name}"),
            &format!("/documents/resumes/%2e%2fresume%2f{name}"),
        ] {
            let status = status_of(&app, path, &candidate.token).await;
            assert!(matches!(status, 400 | 404), "{path}: {status}");
        }
        assert_eq!(status_of(&app, &path, &candidate.token).await, 200);
        assert_eq!(status_of(&app, &format!("{path}/"), &candidate.token).await, 200);
    }
}
