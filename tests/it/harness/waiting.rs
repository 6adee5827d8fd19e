//! Waiting for what must become true, and watching what must stay true.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` gives a value, and returns it. The failure says what was awaited and what was seen last.
pub async fn eventually<T, E: Display>(within: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let since = Instant::now();
    let mut looks = 0_u32;
    loop {
        looks += 1;
        match look().await {
            Ok(seen) => return seen,
            Err(instead) if since.elapsed() >= within => {
                panic!("{what}: not within {within:?} ({looks} looks). Seen last: {instead}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Looks again and again for the whole time; the first look that fails ends the test.
pub async fn throughout<E: Display>(time: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<(), E>) {
    let since = Instant::now();
    while since.elapsed() < time {
        if let Err(instead) = look().await {
            panic!("{what}: no longer so after {:?}. Seen: {instead}", since.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
