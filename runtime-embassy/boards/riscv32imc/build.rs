//! Puts `memory.x` where the linker finds it, and asks for the linker scripts.

use std::path::Path;
use std::{env, fs};

fn main() {
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("memory.x"), include_bytes!("memory.x")).unwrap_or_else(|error| {
        // Without it the link fails anyway, but with a message that points elsewhere.
        println!("cargo:warning=memory.x cannot be written: {error}");
    });
    println!("cargo:rustc-link-search={}", Path::new(&out).display());
    println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
}
