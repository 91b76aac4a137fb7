//! The interactive documentation: its page, and the files that the page loads.

use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};

const FILES: [(&str, &str); 6] = [
    ("/docs/", "text/html; charset=utf-8"),
    ("/docs/page.css", "text/css; charset=utf-8"),
    ("/docs/swagger-ui.css", "text/css"),
    ("/docs/swagger-ui-bundle.js", "text/javascript"),
    ("/docs/swagger-initializer.js", "text/javascript; charset=utf-8"),
    ("/docs/favicon-32x32.png", "image/png"),
];

async fn conditional(app: &TestApp, path: &str, tags: &str) -> Answer {
    app.client.send(app.client.request("GET", path, None).header("if-none-match", tags)).await
}

app_tests! {
    async fn the_page_and_its_files_are_here_and_load_nothing_from_elsewhere(app) {
        for (path, media_type) in FILES {
            let answer = app.get(path, None).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{path}");
            assert!(!answer.bytes.is_empty(), "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
            let policy = answer.header("content-security-policy");
            for directive in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
                assert!(policy.split("; ").any(|found| found == directive), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
        }
        let page = String::from_utf8(app.get("/docs/", None).await.bytes).unwrap();
        let sources = page.split(" src=\"").chain(page.split(" href=\"")).filter_map(|rest| rest.split_once('"'));
        for (source, _) in sources.filter(|(source, _)| !source.contains('<')) {
            assert!(source.starts_with("../") || source.starts_with('#'), "{source}");
        }
        // Who reads without JavaScript finds the guide, as text.
        assert!(page.contains("## Sign in\n") && page.contains("API=${API:-"), "{page}");
    }

    async fn what_a_browser_has_is_not_sent_again(app) {
        for (path, _) in FILES {
            let first = app.get(path, None).await;
            let tag = first.header("etag");
            assert!(tag.starts_with('"') && tag.len() > 20, "{path}: {tag}");
            assert_eq!(first.header("cache-control"), "no-cache", "{path}");
            for tags in [tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
                let again = conditional(&app, path, tags).await;
                assert_eq!((again.status, again.bytes.len(), again.header("etag")), (304, 0, tag), "{path} {tags}");
            }
            for tags in ["\"other\"", "", "x"] {
                assert_eq!(conditional(&app, path, tags).await.status, 200, "{path} {tags}");
            }
        }
    }

    async fn there_are_no_other_files(app) {
        for name in [
            "index.html", "openapi.json", "oauth2-redirect.html", "swagger-ui-bundle.js.map", "SWAGGER-UI.CSS", "page.css%00",
            "..%2fCargo.toml", "..%2f..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "..\\..\\etc\\passwd", "%ff", "a".repeat(4_000).as_str(),
        ] {
            let path = format!("/docs/{name}");
            assert_eq!(app.get(&path, None).await.outcome(), detail(404, "Not found."), "{path}");
        }
        for path in ["/docs/page.css/page.css", "/docs//page.css", "/docs/docs/page.css"] {
            assert_eq!(app.get(path, None).await.outcome(), detail(404, "Not found."), "{path}");
        }
    }
}
