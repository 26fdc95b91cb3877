//! Threads whose panics become problems of the engine instead of the end of its process.

use crate::adapter::Common;
use crate::api::{Event, NetId};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown cause")
}

/// Runs `body` on a thread of its own.
///
/// # Errors
/// The system has no thread left.
pub fn guarded(
    name: &str,
    net: NetId,
    common: Common,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let role = name.to_string();
    Builder::new().name(name.to_string()).spawn(move || {
        // What the body shares is atomics, snapshots and queues whose changes are complete: safe to see after a panic.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
            let message = format!(
                "The thread {role} failed: {}. Please report it with the log.",
                text_of(&*panic)
            );
            common.events.push(Event::Problem {
                net,
                code: "internal",
                message,
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Commands;
    use crate::events::Events;
    use crate::sys::Wake;
    use std::sync::Arc;

    #[test]
    fn a_panic_becomes_a_problem() {
        let wake = Arc::new(Wake::new().unwrap());
        let common = Common {
            sockets: Arc::default(),
            counters: Arc::default(),
            events: Arc::new(Events::new(wake.clone())),
            commands: Arc::new(Commands::new(wake)),
            links: Arc::default(),
            anywhere: Arc::default(),
            outside: Arc::default(),
            relay_budget: Arc::default(),
            uplink: Arc::default(),
        };
        let thread = guarded("tester", 3, common.clone(), || panic!("of {}", "course")).unwrap();
        thread.join().unwrap();
        match &common.events.poll(9)[..] {
            [
                Event::Problem {
                    net: 3,
                    code: "internal",
                    message,
                },
            ] => assert!(message.contains("of course")),
            other => panic!("{other:?}"),
        }
    }
}
