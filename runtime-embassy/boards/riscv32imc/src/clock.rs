//! A clock for embassy-time without a timer beneath: it counts how often it is asked. A board has its own here.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

struct Clock {
    state: Mutex<RefCell<State>>,
}

struct State {
    ticks: u64,
    queue: Queue,
}

embassy_time_driver::time_driver_impl!(
    static CLOCK: Clock = Clock { state: Mutex::new(RefCell::new(State { ticks: 0, queue: Queue::new() })) }
);

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| {
            let mut state = self.state.borrow_ref_mut(cs);
            state.ticks += 1;
            state.ticks
        })
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let State { ticks, queue } = &mut *self.state.borrow_ref_mut(cs);
            if queue.schedule_wake(at, waker) {
                queue.next_expiration(*ticks);
            }
        });
    }
}
