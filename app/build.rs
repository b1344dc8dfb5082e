//! Compiles the shop anew when a migration is added: `sqlx::migrate!` sees only the files it knows.
#![expect(clippy::print_stdout, reason = "how a build script speaks to cargo")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
