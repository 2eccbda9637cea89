//! What a program weighs that does nothing: taken off what others weigh.
#![no_std]
#![no_main]

/// Where the linker starts to count.
#[unsafe(no_mangle)] // Without a name the linker knows, nothing would be left to weigh.
extern "C" fn _start() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// As a board has it that says nothing when it stops: what a panic would tell is not linked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
