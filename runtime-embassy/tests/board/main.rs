//! Stories of the firmware in `boards/`: the image runs in QEMU, the fake platform in this process.
//!
//! ```text
//!  story ── Firmware ── QEMU ── image            support/firmware.rs: arguments, lines, exit code
//!    │         └─ QMP: the cable                 support/cable.rs
//!    ├── Platform ◄───── 10.0.2.2 (user network) support/mod.rs: what it is told, what it saw
//!    └── Wire, Door, Names: what lies between    support/wire.rs, door.rs (TLS), names.rs
//! ```
//!
//! They need images and QEMU, which `.ci/board` brings: `LARKWIRE_BOARD_IMAGE_TCP` is the path of the plain TCP image,
//! `LARKWIRE_BOARD_IMAGE_TLS` that of the other one. Nothing waits for a time: ports are bound by this process, everything else is a line of the image or a record of the
//! platform.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and say how long they took"
)]
#![cfg(unix)] // QMP comes over a Unix socket

mod hostile;
mod rest;
mod small;
mod start;
mod support;
mod talk;
mod tls;
mod trouble;
