//! Compiles the shop anew when a migration is added: `sqlx::migrate!` sees only the files it knows.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
