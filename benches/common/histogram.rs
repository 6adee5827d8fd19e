//! Nanoseconds in buckets of 1/32 of their size: exact to 3 %, whatever their size.

use std::time::Instant;

const PARTS: u64 = 32;

pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; 64 * PARTS as usize], total: 0 }
    }

    pub fn add(&mut self, nanoseconds: u64) {
        self.counts[Self::bucket(nanoseconds)] += 1;
        self.total += 1;
    }

    fn bucket(value: u64) -> usize {
        let value = value.max(1);
        let octave = u64::from(value.ilog2());
        let part =
            if octave >= 5 { (value >> (octave - 5)) & (PARTS - 1) } else { (value << (5 - octave)) & (PARTS - 1) };
        (octave * PARTS + part) as usize
    }

    /// The value below which `share` of all lie.
    pub fn at(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                let (octave, part) = (bucket as u64 / PARTS, bucket as u64 % PARTS);
                return 2_f64.powi(octave as i32) * (1.0 + (part as f64 + 0.5) / PARTS as f64);
            }
        }
        0.0
    }
}

/// Nanoseconds of each of a million runs of `work`, less what taking the time costs. What `ready` gives is at hand when the
/// time begins, as a call's own facts are once its message is read.
pub fn each<T>(ready: impl Fn(u64) -> T, mut work: impl FnMut(T)) -> Histogram {
    let mut clock = Histogram::new();
    for _ in 0..100_000 {
        let begun = Instant::now();
        clock.add(begun.elapsed().as_nanos() as u64);
    }
    let overhead = clock.at(0.5) as u64;
    let mut times = Histogram::new();
    for turn in 0..1_000_000 {
        let given = std::hint::black_box(ready(turn));
        let begun = Instant::now();
        work(given);
        times.add((begun.elapsed().as_nanos() as u64).saturating_sub(overhead));
    }
    times
}
