//! What a program weighs that does nothing: taken off what others weigh.
#![no_std]
#![no_main]

mod common;

/// Where the linker starts to count.
#[unsafe(no_mangle)] // Without a name the linker knows, nothing would be left to weigh.
extern "C" fn _start() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
