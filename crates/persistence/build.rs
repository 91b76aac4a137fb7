//! Migrations are embedded by a macro that does not notice a new one.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
