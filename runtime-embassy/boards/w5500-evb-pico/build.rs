//! Puts `memory.x` where the linker finds it, asks for the linker scripts, and builds again when a setting changes.

use std::path::Path;
use std::{env, fs};

/// What `src/settings.rs` reads.
const SETTINGS: [&str; 5] =
    ["LARKWIRE_ALLOWED_USER", "LARKWIRE_APP_ID", "LARKWIRE_APP_SECRET", "LARKWIRE_BASE_URL", "LARKWIRE_NTP_SERVER"];

/// The certificate in DER that `src/streams.rs` trusts, with feature `tls`.
fn root(out: &Path) {
    println!("cargo:rerun-if-env-changed=LARKWIRE_ROOT");
    let root = env::var_os("LARKWIRE_ROOT").unwrap_or_default();
    let der = fs::read(&root).unwrap_or_else(|error| {
        if env::var_os("CARGO_FEATURE_TLS").is_some() {
            println!("cargo:warning=LARKWIRE_ROOT names no certificate, the image will trust nobody: {error}");
        }
        Vec::new()
    });
    println!("cargo:rerun-if-changed={}", Path::new(&root).display());
    fs::write(out.join("root.der"), der).unwrap_or_else(|error| {
        println!("cargo:warning=root.der cannot be written: {error}");
    });
}

fn main() {
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("memory.x"), include_bytes!("memory.x")).unwrap_or_else(|error| {
        // Without it the link fails anyway, but with a message that points elsewhere.
        println!("cargo:warning=memory.x cannot be written: {error}");
    });
    root(Path::new(&out));
    println!("cargo:rustc-link-search={}", Path::new(&out).display());
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=-Tlink-rp.x");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
    for setting in SETTINGS {
        println!("cargo:rerun-if-env-changed={setting}");
    }
}
