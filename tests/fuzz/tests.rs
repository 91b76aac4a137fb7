//! The properties of the fuzz targets, held by `cargo test`: of the seeds and what was found from them, of what is like them, and of any bytes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[expect(unreachable_pub, reason = "the fuzz targets have it as their library")]
mod properties;

/// What is committed in `seeds/TARGET`.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// Any bytes, and seeds with some bytes put in, changed or left out.
fn inputs(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..64);
    let edit = (any::<prop::sample::Index>(), 0..8_usize, prop::collection::vec(any::<u8>(), 0..4));
    let edited =
        (prop::sample::select(seeds(target)), prop::collection::vec(edit, 1..4)).prop_map(|(mut seed, edits)| {
            for (place, left_out, put_in) in edits {
                let start = place.index(seed.len() + 1);
                let end = seed.len().min(start + left_out);
                seed.splice(start..end, put_in);
            }
            seed
        });
    prop_oneof![1 => bytes(), 3 => edited]
}

macro_rules! targets {
    ($($target:ident: $cases:literal;)+) => {$(
        mod $target {
            use super::*;

            #[test]
            fn holds_of_every_seed() {
                for seed in seeds(stringify!($target)) {
                    properties::$target(&seed);
                }
            }

            proptest! {
                #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases($cases) })]

                #[test]
                fn holds_of_any_bytes(input in inputs(stringify!($target))) {
                    properties::$target(&input);
                }
            }
        }
    )+};
}

targets! {
    token: 2_000;
    query: 10_000;
    cursor: 5_000;
    salary: 10_000;
    multipart: 2_000;
    duration: 10_000;
}
