//! The keys of access tokens, and their change.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jobportal_tests::app_tests;
use jobportal_tests::client::Client;
use jobportal_tests::database::TestDatabase;
use jobportal_tests::process::{Program, Running};
use serde_json::{Value, json};

use crate::common::text;
use crate::process::{assert_refused, process_tests};
use crate::sessions::is_good;

const PASSWORD: &str = "correct horse 7";
const KEYS: &str = "/.well-known/jwks.json";

/// A file with a key.
macro_rules! key {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/security/tests/keys/", $name)
    };
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

mod symmetric {
    use super::*;

    app_tests! {
        async fn a_secret_is_in_no_set_of_keys(app) {
            let answer = app.get(KEYS, None).await;
            assert_eq!(answer.outcome(), (200, json!({ "keys": [] })));
        }
    }
}

mod asymmetric {
    use super::*;

    app_tests! {
        with [("auth.signing_key_file", key!("ed25519-one.pem")), ("auth.public_keys_file", key!("rsa-2048.pub.pem"))];

        async fn others_find_the_key_of_a_token_by_its_name(app) {
            let account = app.candidate().await;
            assert!(is_good(&app, &account.token).await);
            let header = header_of(&account.token);
            assert_eq!(header["alg"], "EdDSA");
            let answer = app.get(KEYS, None).await;
            let keys = answer.json["keys"].as_array().unwrap();
            let expected = json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": header["kid"],
                "x": text(&keys[0]["x"]),
            });
            assert_eq!((answer.status, keys.len(), &keys[0]), (200, 2, &expected));
            assert_eq!(keys[1]["alg"], "RS256");
            assert_eq!(answer.header("cache-control"), "public, max-age=300");
            let request = app.client.request("GET", KEYS, None).header("if-none-match", answer.header("etag"));
            assert_eq!(app.client.send(request).await.status, 304);
        }
    }
}

const OLD: &str = "mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea";
const NEW: &str = "q7Rt2Yw9Zx4Cv6Bn8Mk1Lj3Hg5Fd0SaP";

/// Whether a portal takes an access token, and whether it takes a refresh token, which is spent then.
async fn takes((_running, client): &(Running, Client), [access, refresh]: &[String; 2]) -> (bool, bool) {
    let access = client.call("GET", "/account/login-user-info/", Some(access), None).await.status == 200;
    let body = json!({ "refresh_token": refresh });
    (access, client.call("POST", "/account/token/refresh/", None, Some(body)).await.status == 200)
}

async fn tokens((_running, client): &(Running, Client)) -> [String; 2] {
    let body = json!({ "email_or_phone": "ada@example.com", "password": PASSWORD });
    let tokens = client.call("POST", "/account/login/", None, Some(body)).await.json;
    ["access_token", "refresh_token"].map(|name| text(&tokens[name]))
}

process_tests! {
    async fn with_its_former_secret_named_a_change_of_the_secret_signs_nobody_out(database) {
        let program = |settings: &[(&str, &str)]| Program::new(database.url(), settings);
        let old = program(&[("auth.jwt_secret", OLD)]);
        let command = ["createsuperuser", "--email", "ada@example.com", "--contract-number", "01711111111"];
        let command = [command.as_slice(), &["--password-stdin"]].concat();
        assert!(old.run_with_input(&command, PASSWORD).success);
        let [before, also_before] = { let portal = old.serve(&[]); [tokens(&portal).await, tokens(&portal).await] };

        let rotated = program(&[("auth.jwt_secret", NEW), ("auth.former_jwt_secrets", OLD)]).serve(&[]);
        assert_eq!(takes(&rotated, &before).await, (true, true));
        let after = tokens(&rotated).await;
        assert_ne!(header_of(&before[0])["kid"], header_of(&after[0])["kid"]);
        assert_eq!(takes(&rotated, &after).await, (true, true));
        let after = tokens(&rotated).await;
        drop(rotated);

        let done = program(&[("auth.jwt_secret", NEW)]).serve(&[]);
        assert_eq!(takes(&done, &also_before).await, (false, false));
        assert_eq!(takes(&done, &after).await, (true, true));
        let after = tokens(&done).await;
        drop(done);

        let settings = [("auth.jwt_secret", NEW), ("auth.signing_key_file", key!("rsa-2048.pem"))];
        let signed = program(&settings).serve(&[]);
        assert_eq!(takes(&signed, &after).await, (false, true), "a secret's tokens are good no longer, sessions go on");
        let before = tokens(&signed).await;
        assert_eq!(header_of(&before[0])["alg"], "RS256");
        drop(signed);
        let next = [
            ("auth.jwt_secret", NEW), ("auth.signing_key_file", key!("ed25519-one.pem")),
            ("auth.public_keys_file", key!("rsa-2048.pub.pem")),
        ];
        assert_eq!(takes(&program(&next).serve(&[]), &before).await, (true, true));

        let missing = program(&[("auth.signing_key_file", "nowhere.pem")]).run(&["serve"]);
        assert_refused(&missing, &["`auth.signing_key_file`", "nowhere.pem"]);
        let weak = program(&[("auth.signing_key_file", key!("rsa-1024.pem"))]).run(&["serve"]);
        assert_refused(&weak, &["`auth.signing_key_file`", "2048 bits"]);
    }
}
